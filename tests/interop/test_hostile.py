#!/usr/bin/python3
"""A live server is sent malformed messages: it counts them, keeps its memory, and answers.

A million of them; ZLOOM_HOSTILE asks for another number.
"""

import os
import random
import struct
import sys

import msgpack
import zmq

import peers

MESSAGES = int(os.environ.get("ZLOOM_HOSTILE", "1000000"))
VARIANTS = 5000
ROUND = 500
GROWTH_KIB = 8 * 1024

#  A freed block waits in the address sanitizer's quarantine; keep that small,
#  so that what grows is what the server keeps.
QUIET = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}

GOOD = msgpack.packb([0, 7, "echo", [1, "two", {"three": 4}]])

#  Four bytes of length with nothing behind them, and what asks for it.
BOMBS = [bytes([tag]) + b"\xff\xff\xff\xff" for tag in (0xc6, 0xc9, 0xdb, 0xdd, 0xdf)]


def random_bytes(dice):
    return dice.randbytes(dice.randint(0, 64))


def truncated(dice):
    return GOOD[:dice.randrange(len(GOOD))]


def trailing(dice):
    return GOOD + dice.randbytes(dice.randint(1, 8))


def flipped(dice):
    """A good request whose head has become something else."""
    return bytes([dice.choice([0x90, 0x93, 0x96, 0x84, 0xa4, 0xc0, 0xc1, 0x05])]) + GOOD[1:]


def bomb(dice):
    head = msgpack.packb([0, 7, "echo"])[1:]
    return dice.choice([dice.choice(BOMBS), b"\x94" + head + dice.choice(BOMBS),
                        b"\x95" + head + b"\x90" + dice.choice(BOMBS)])


def deep(dice):
    """Arrays in arrays, or maps in maps, beyond any limit."""
    opening = dice.choice([b"\x91", b"\x81\x01"])
    return b"\x94" + msgpack.packb([0, 7, "echo"])[1:] + opening * dice.randint(40, 5000) + b"\xc0"


def wrong_kind(dice):
    kind = dice.choice([3, 4, 10, 99, 255, 256, 2**32, 2**64 - 1, -1, -128, "0", b"0", None, 0.0,
                        True, [], {}, msgpack.ExtType(0, b"\0")])
    return msgpack.packb([kind, 7, "echo", []])


def wrong_count(dice):
    return msgpack.packb(dice.choice([[], [0], [0, 7], [0, 7, "echo"], [0, 7, "echo", [], {}, 1],
                                      [1, 7, None], [2], [2, "echo"], [2, "echo", [], {}, 1],
                                      [5], [5, 7, 1], [6, 7, 1], [7, 7], [8], [8, 1, 2], [9]]))


def wrong_id(dice):
    call_id = dice.choice([-1, -2**63, "7", b"7", 7.0, None, True, [7], {7: 7},
                           msgpack.ExtType(7, b"7777777")])
    return msgpack.packb([0, call_id, "echo", []])


def wrong_method(dice):
    method = dice.choice([7, None, b"echo", ["echo"], {}, "x" * 129, "x" * 70000])
    return msgpack.packb([0, 7, method, []])


def wrong_headers(dice):
    headers = dice.choice([
        None, [], "ttl", 5, {"ttl": -1}, {"ttl": "soon"}, {"ttl": 1.5}, {"credit": -1},
        {"credit": b"9"}, {"attempt": "first"}, {"key": "no bytes"}, {"key": b"k" * 65},
        {"trace": b"no string"}, {"trace": "t" * 129}, {"user": []}, {"user": "a"},
        {"user": {str(n): n for n in range(17)}}, {str(n): n for n in range(17)}, {1: 2},
    ])
    return msgpack.packb([0, 7, "echo", [], headers])


def twice_the_same_header(_dice):
    return (b"\x95" + msgpack.packb([0, 7, "echo", []])[1:]
            + b"\x82" + 2 * (msgpack.packb("ttl") + msgpack.packb(5)))


KINDS = [random_bytes, truncated, trailing, flipped, bomb, deep, wrong_kind, wrong_count, wrong_id,
         wrong_method, wrong_headers, twice_the_same_header]


def is_malformed(body):
    """Random bytes may be a message by chance; that is not what is counted here."""
    try:
        return not isinstance(msgpack.unpackb(body, strict_map_key=False), list)
    except Exception:
        return True


def variants():
    dice = random.Random(2)
    made = [dice.choice(KINDS)(dice) for _ in range(VARIANTS)]
    return [body for body in made
            if len(body) > 0 and (body[0] & 0xf0 == 0x90 or is_malformed(body))]


def resident_kib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def settled(sock):
    """A good call on the same connection: what was sent before it has been worked on."""
    sock.send(peers.request(2**40, "echo", "still here"))
    while True:
        kind, call_id, error, result = msgpack.unpackb(sock.recv())
        if call_id == 2**40:
            return kind, error, result


def send_all(sock, bodies, count):
    """Send so many, in rounds: who never reads what is answered is another test's hostile peer."""
    for start in range(0, count, ROUND):
        for number in range(start, min(start + ROUND, count)):
            sock.send(bodies[number % len(bodies)])
        assert settled(sock) == (1, None, ["still here"])


def malformed_seen(address):
    with peers.peer(zmq.REQ, connect=address) as sock:
        error, stats = peers.ask(sock, 1, "zloom.stats")
        assert error is None
        return stats["malformed"]


def test_malformed_messages_are_counted_and_cost_no_memory():
    bodies = variants()
    with peers.serve("--echo", env=QUIET) as (address, process), \
            peers.peer(zmq.DEALER, connect=address) as sock:
        send_all(sock, bodies, len(bodies))
        before = resident_kib(process)
        assert malformed_seen(address) == len(bodies)

        send_all(sock, bodies, MESSAGES)
        after = resident_kib(process)
        assert malformed_seen(address) == len(bodies) + MESSAGES
        print(f"{MESSAGES} malformed messages: {before} KiB before, {after} KiB after")
        assert after - before < GROWTH_KIB, (before, after)


def test_the_message_that_asks_for_96_gib_costs_nothing():
    """Five bytes: a map of 2**32 - 1 pairs."""
    with peers.serve("--echo", env=QUIET) as (address, process), \
            peers.peer(zmq.DEALER, connect=address) as sock:
        assert settled(sock)[1] is None
        before = resident_kib(process)
        send_all(sock, [struct.pack(">BI", 0xdf, 2**32 - 1)], 10000)
        assert resident_kib(process) - before < GROWTH_KIB


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
