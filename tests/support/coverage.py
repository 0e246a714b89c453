#!/usr/bin/python3
"""coverage.py BUILD: which lines and branches of the library and the tools a run reached."""

import collections
import json
import pathlib
import subprocess
import sys

LEAST = 10


def notes(build):
    """gcov's account of each object, as JSON; an object that never ran counts too."""
    for folder in ("lib", "patterns", "tools"):
        for note in sorted(pathlib.Path(build, folder).rglob("*.gcno")):
            told = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", note],
                                  capture_output=True, text=True, check=True)
            yield from json.loads(told.stdout)["files"]


def merge(files):
    """file: ({line: count}, {(line, branch): count}), summed over all that include it."""
    merged = collections.defaultdict(lambda: (collections.Counter(), collections.Counter()))
    for file in files:
        if file["file"].startswith("/"):
            continue
        lines, branches = merged[file["file"]]
        for line in file["lines"]:
            lines[line["line_number"]] += line["count"]
            for number, branch in enumerate(line["branches"]):
                branches[line["line_number"], number] += branch["count"]
    return merged


def share(counter):
    """How much of it was reached, in per cent."""
    return 100.0 * sum(count > 0 for count in counter.values()) / len(counter) if counter else 100.0


def main():
    merged = merge(notes(sys.argv[1]))
    print("least covered                             lines   branches")
    for name in sorted(merged, key=lambda name: share(merged[name][0]))[:LEAST]:
        lines, branches = merged[name]
        print(f"{name:<40} {share(lines):5.1f} %    {share(branches):5.1f} %")
    total = [collections.Counter({(name, key): count for name, both in merged.items()
                                  for key, count in both[which].items()}) for which in (0, 1)]
    print(f"{'all':<40} {share(total[0]):5.1f} %    {share(total[1]):5.1f} %")


if __name__ == "__main__":
    main()
