#!/usr/bin/python3
"""Hold the house rules that a look at the sources can hold.

Who may include what (the floors, the third parties), what nothing in the
library may call, and that tests wait for events and never sleep.
"""

import pathlib
import re
import sys

FLOORS = {
    "lib/base": 0, "lib/data": 1, "lib/policy": 2, "lib/zmtp": 2, "lib/net": 3, "lib/store": 3,
    "lib/session": 4, "patterns": 5, "tools": 6, "bench": 6, "docs": 6, "tests": 7,
}
SEARCHED = ["lib", "patterns", "tests"]

#  A third party's header, and where it may be named.
THIRD_PARTIES = {
    "zmq.h": r"lib/net/|tools/|bench/|tests/|docs/",
    "czmq.h": r"lib/net/zloom_czmq\.h|tools/|bench/|tests/|docs/",
    "msgpack.h": r"lib/data/|tests/",
    "jansson.h": r"lib/data/json|tests/",
    "microhttpd.h": r"bench/peers/",
    "curl/curl.h": r"bench/peers/",
}

#  What a library must not do behind its user's back, and the one place that may.
LIBRARY_CALLS = {
    r"v?f?printf|f?puts|putchar|fwrite|perror": r"lib/base/assert\.c",
    r"abort|_?exit|quick_exit|atexit": r"lib/base/assert\.c",
    r"malloc|calloc|realloc|free|strn?dup|v?asprintf": r"lib/base/memory\.c",
    r"(?:secure_)?getenv|setenv|putenv": None,
    r"signal|sigaction|raise|assert": None,
    r"u?sleep|nanosleep": None,
}
C_SLEEP = re.compile(r"(?<![\w.>])(?:u|nano|clock_nano|zclock_)?sleep\s*\(")
SCRIPT_SLEEP = re.compile(r"time\.sleep\s*\(|(?:^|[;&|]|\bdo|\bthen)\s*sleep\s+[\d.$]", re.M)
MAY_SLEEP = re.compile(r"tests/(?:support|fault)/")

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)
NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.S)

problems = []


def complain(path, text, at, message):
    line = text.count("\n", 0, at) + 1
    problems.append(f"{path}:{line}: {message}")


def floor(path):
    """The folder that a file lives in for the rules, and its floor."""
    parts = path.split("/")
    folder = "/".join(parts[:2]) if parts[0] == "lib" else parts[0]
    return FLOORS.get(folder)


def room(path):
    """Files of one room may include each other: a folder, except that tests are one."""
    return "tests" if path.startswith("tests/") else path.rpartition("/")[0]


def resolve(path, name):
    """The file that an include in quotes means, or None."""
    for folder in [path.rpartition("/")[0]] + SEARCHED:
        candidate = pathlib.Path(folder, name)
        if candidate.is_file():
            return candidate.as_posix()
    return None


def check_include(path, target):
    """A message if path must not include target."""
    if room(path) == room(target):
        return None
    if path == "patterns/zloom.h":
        return None
    if floor(target) >= floor(path):
        return f"{target} is not on a lower floor"
    if path.startswith(("tools/", "bench/", "docs/")) and target.endswith("_internal.h"):
        return f"{target} is not public"
    return None


def check_includes(path, text):
    first = None
    for match in INCLUDE.finditer(text):
        kind, name = match.groups()
        allowed = THIRD_PARTIES.get("msgpack.h" if name.startswith("msgpack/") else name)
        if allowed and not re.match(allowed, path):
            complain(path, text, match.start(), f"{name} is not for this folder")
        if kind == "<":
            first = first or name
            continue
        target = resolve(path, name)
        first = first or target
        if not target:
            if not path.startswith("docs/"):
                complain(path, text, match.start(), f"no file {name}")
            continue
        message = check_include(path, target)
        if message:
            complain(path, text, match.start(), message)
    return first


def check_own_header(path, first):
    """A source's own header comes first, which proves that it needs no other."""
    if not path.startswith(("lib/", "patterns/", "tools/")) or not path.endswith(".c"):
        return
    own = [path[:-2] + ending for ending in (".h", "_internal.h")]
    if any(pathlib.Path(header).is_file() for header in own) and first not in own:
        problems.append(f"{path}:1: its own header does not come first")


def check_calls(path, code):
    """code is the text without comments and strings, its lines kept."""
    if path.startswith(("lib/", "patterns/")):
        for names, may in LIBRARY_CALLS.items():
            if may and re.match(may, path):
                continue
            for match in re.finditer(rf"(?<![\w.>])(?:{names})\s*\(", code):
                complain(path, code, match.start(), f"the library must not call {match.group()[:-1]}")
    if path.startswith("tests/") and not MAY_SLEEP.match(path):
        for match in C_SLEEP.finditer(code):
            complain(path, code, match.start(), "a test waits for an event and does not sleep")


def without_noise(text):
    return NOISE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def check_source(path):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    check_own_header(path, check_includes(path, text))
    check_calls(path, without_noise(text))


def check_script(path):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    for match in SCRIPT_SLEEP.finditer(text):
        complain(path, text, match.start(), "a test waits for an event and does not sleep")


def main():
    for root in ("lib", "patterns", "tools", "bench", "tests", "docs"):
        for file in sorted(pathlib.Path(root).rglob("*")):
            path = file.as_posix()
            if file.suffix in (".c", ".h"):
                check_source(path)
            elif file.suffix in (".py", ".sh") and root == "tests" and not MAY_SLEEP.match(path):
                check_script(path)
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
