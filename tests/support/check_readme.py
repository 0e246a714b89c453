#!/usr/bin/python3
"""check_readme.py FILE…: run the console blocks of Markdown files, and compare.

In a block fenced as ```console a line "$ command" is run, "> " continues it,
and the lines up to the next command are what it must print (on stdout or
stderr). A line "..." stands for any lines, "..." within a line for any text.
A command that ends in & is a service: it runs on, its output is not compared,
and it is ended after the last block. All commands of a file share one empty
folder.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
SECONDS = 30


def commands(text):
    """The commands of a file, as (line number, command, expected lines)."""
    found = []
    for block in BLOCK.finditer(text):
        number = text.count("\n", 0, block.start(1))
        for line in block.group(1).splitlines():
            number += 1
            if line.startswith("$ "):
                found.append((number, line[2:], []))
            elif line.startswith("> ") and found and not found[-1][2]:
                at, command, _ = found[-1]
                found[-1] = (at, command + "\n" + line[2:], [])
            elif found:
                found[-1][2].append(line)
    return found


def pattern(expected):
    """The expected lines as a regular expression for the whole output."""
    whole = ""
    for line in expected:
        if line.strip() == "...":
            whole += r"(?:[^\n]*\n)*"
        else:
            whole += "[^\n]*".join(re.escape(part) for part in line.rstrip().split("...")) + r"\s*\n"
    return whole + r"\s*"


def start(command, folder, **output):
    return subprocess.Popen(["bash", "-c", command], cwd=folder, stdin=subprocess.DEVNULL,
                            stderr=subprocess.STDOUT, start_new_session=True, **output)


def check(command, expected, folder):
    """Run one command; returns what is wrong with its output, or nothing."""
    child = start(command, folder, stdout=subprocess.PIPE)
    try:
        output, _ = child.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        return f"still running after {SECONDS} s"
    told = output.decode(errors="replace")
    ended = told if not told or told.endswith("\n") else told + "\n"
    return "" if re.fullmatch(pattern(expected), ended) else f"printed:\n{told}"


def end(services):
    for service in services:
        try:
            os.killpg(service.pid, signal.SIGTERM)
            service.wait(timeout=5)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(service.pid, signal.SIGKILL)
            service.wait()


def check_file(path):
    """Returns how many commands were as promised, and how many were not."""
    passed = failed = 0
    services = []
    with open(path, encoding="utf-8") as file, tempfile.TemporaryDirectory() as folder:
        for number, command, expected in commands(file.read()):
            if command.endswith("&"):
                services.append(start(command[:-1], folder, stdout=subprocess.DEVNULL))
                continue
            wrong = check(command, expected, folder)
            passed, failed = passed + (not wrong), failed + bool(wrong)
            if wrong:
                print(f"{path}:{number}: $ {command}\n{wrong}")
        end(services)
    return passed, failed


def main():
    results = [check_file(path) for path in sys.argv[1:]]
    passed, failed = (sum(result[which] for result in results) for which in (0, 1))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
