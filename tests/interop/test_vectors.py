#!/usr/bin/python3
"""python3-msgpack reads the messages of tests/vectors as they say they mean.

What another implementation of MessagePack unpacks from the bytes of each vector
that is to be accepted, named as docs/PROTOCOL.md names it and written as JSON,
is the meaning that stands there; and where the vector says that zloom writes
these very bytes, so does the other.
"""

import base64
import json
import math
import sys

import msgpack

FILE = "tests/vectors/messages.txt"

#  kind: its name, and the names of the elements behind it.
KINDS = {
    0: ("request", ["id", "method", "params", "headers"]),
    1: ("response", ["id", "error", "result"]),
    2: ("notification", ["method", "params", "headers"]),
    5: ("cancel", ["id"]),
    6: ("item", ["id", "seq", "value"]),
    7: ("credit", ["id", "total"]),
    8: ("beat", ["number"]),
    9: ("beat-answer", ["number"]),
}
HEADERS = ["ttl", "credit", "attempt", "key", "trace", "user"]
FORMS = ["$bin", "$str", "$ext", "$map", "$uint", "$float"]
INT64_MAX = 2**63 - 1


class Pairs(list):
    """A map as the pairs that it is packed as: any keys, any number of times."""


def vectors(path):
    """Yield (line, mark, description, bytes, verdict, expected)."""
    with open(path, encoding="utf-8") as file:
        data = b""
        for number, line in enumerate(file, 1):
            text = line.strip()
            if not text or line.startswith("#"):
                continue
            if not line.startswith(" "):
                head, data = (number, text[0], text[2:]), b""
            elif text[0] in "=~!":
                yield *head, data, text[0], text[2:]
            elif text != "none":
                for word in text.split():
                    byte, _, count = word.partition("*")
                    data += bytes.fromhex(byte) * int(count or 1)


def unpack(data):
    return msgpack.unpackb(data, raw=False, strict_map_key=False, timestamp=0,
                           unicode_errors="surrogateescape", object_pairs_hook=Pairs)


def is_text(value):
    return isinstance(value, str) and value.isprintable()


def in_base64(data):
    return base64.b64encode(data).decode()


def exact_map(pairs):
    keys = [key for key, _ in pairs]
    if (all(map(is_text, keys)) and len(set(keys)) == len(keys)
            and not (len(keys) == 1 and keys[0] in FORMS)):
        return {key: exact(value) for key, value in pairs}
    return {"$map": [[exact(key), exact(value)] for key, value in pairs]}


def exact(value):
    """What lib/data/json.h says of ZLOOM_JSON_EXACT."""
    if isinstance(value, Pairs):
        return exact_map(value)
    if isinstance(value, list):
        return [exact(element) for element in value]
    if isinstance(value, bytes):
        return {"$bin": in_base64(value)}
    if isinstance(value, msgpack.ExtType):
        return {"$ext": [value.code, in_base64(value.data)]}
    if isinstance(value, int) and value > INT64_MAX:
        return {"$uint": str(value)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": "NaN" if math.isnan(value) else "-Infinity"[value > 0:]}
    if isinstance(value, str) and not is_text(value):
        return {"$str": in_base64(value.encode("utf-8", "surrogateescape"))}
    return value


def known_headers(pairs):
    """The headers that the protocol knows and that say more than their default."""
    given = dict(pairs)
    return Pairs((name, given[name]) for name in HEADERS
                 if name in given and (given[name] or name == "ttl" or name == "user"))


def meaning(message):
    """The elements of a message by their names, as JSON."""
    kind, names = KINDS[message[0]]
    fields = {"kind": kind}
    for name, value in zip(names, message[1:]):
        fields[name] = exact(known_headers(value) if name == "headers" else value)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def plain(value):
    """A value that packs again as it was, or raises ValueError where none does."""
    if isinstance(value, Pairs):
        if len({repr(key) for key, _ in value}) != len(value):
            raise ValueError("a key stands twice")
        return {key: plain(element) for key, element in value}
    return [plain(element) for element in value] if isinstance(value, list) else value


def pack(message):
    return msgpack.packb(plain(message), use_bin_type=True, unicode_errors="surrogateescape")


def problems(data, verdict, expected):
    message = unpack(data)
    found = meaning(message)
    if found != expected:
        yield f"means {found}"
    try:
        packed = pack(message)
    except ValueError:
        return
    has_single = b"\xca" in data  # a float of 32 bits, which zloom hands on as it is
    if verdict == "=" and packed != data and not has_single:
        yield f"is packed as {packed.hex(' ')}"


def main():
    passed = failed = 0
    for line, mark, description, data, verdict, expected in vectors(FILE):
        if mark != "y":
            continue
        found = list(problems(data, verdict, expected))
        for problem in found:
            print(f"{FILE}:{line}: {description}: {problem}")
        failed += bool(found)
        passed += not found
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
