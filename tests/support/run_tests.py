#!/usr/bin/python3
"""Run the tests, a line for each program, and count.

The environment says what and where: BUILD (the folder of the programs), ZLOOM
(the command), T (only paths with this in them). The last line printed is
"N passed, N failed".

  unit, sim   tests/{unit,sim}/test_*.c, programs on cmocka; all other C files
              there and in tests/support are linked where a test needs them
  pairs       tests/unit/test_reqrep_*.c, once for each pairing of engines:
              "direct-libzmq" is a direct client with a server of libzmq
  fuzz        tests/fuzz/fuzz_NAME.c replays corpus/NAME and regress/NAME
  interop, cli   test_*.py and test_*.sh, which find the command in ZLOOM;
              those of interop once for each engine that zloom may have
  fault       both kinds; they may hurt the machine for a while
  brief       the C programs of fault, with ZLOOM_BRIEF set: some seconds each
  install, readme   make check-install, make check-readme

A C test is counted by its TAP lines. A script counts as one test, unless its
last line is itself "N passed, N failed"; exit status 77 means skipped. Every
program gets no input, a time limit, and must leave no process behind.
"""

import argparse
import concurrent.futures
import contextlib
import glob
import os
import queue
import re
import signal
import subprocess
import sys
import time

#  phase: seconds that one program may take, and how many run at once. Tests that
#  share the machine mostly wait, or open no socket.
PHASES = {
    "unit": (120, 1),
    "pairs": (120, 4),
    "sim": (400, 2),
    "fuzz": (120, 2),
    "interop": (120, 1),
    "cli": (120, 1),
    "install": (180, 1),
    "readme": (120, 1),
    "brief": (120, 1),
    "fault": (1200, 1),
}
DEFAULT = ["unit", "pairs", "sim", "fuzz", "interop", "cli", "brief", "install", "readme"]
SLOWER = 10  # under valgrind, and the simulation with all its seeds

BUILD = os.environ.get("BUILD", "build/current")
MAKE = ["make", "-s", "--no-print-directory", f"-j{os.cpu_count()}"]
VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
            "--errors-for-leak-kinds=definite,possible", "--child-silent-after-fork=yes",
            "--run-libc-freeres=no", "--max-threads=3000",
            "--suppressions=tests/support/valgrind.supp"]
PAIRED = "tests/unit/test_reqrep_*.c"
ENGINES = ["direct", "libzmq"]
PAIRINGS = [(client, server) for client in ENGINES for server in ENGINES]
FIRST_PORT, PORTS = 20000, 12000  # shared out among those that run at once
SKIPPED = 77
LINES_SHOWN = 60


running = set()  # process groups
ports = queue.SimpleQueue()  # shares that nobody has


class Test:
    """One program: its path for people, and the command that runs it."""

    def __init__(self, phase, path, command, **variables):
        self.phase, self.path, self.command = phase, path, command
        self.variables = variables  # of its environment, beside what all see
        self.passed = self.failed = self.skipped = 0
        self.seconds = 0.0
        self.output = ""
        self.why = ""  # what is wrong with the program as a whole


def programs(pattern):
    """The built programs of C sources, as (source, program)."""
    return [(source, os.path.join(BUILD, source[:-len(".c")])) for source in sorted(glob.glob(pattern))]


def fuzz_command(source, program):
    name = os.path.basename(source)[len("fuzz_"):-len(".c")]
    kept = [f"tests/fuzz/{kind}/{name}" for kind in ("corpus", "regress")]
    return [program] + [folder for folder in kept if os.path.isdir(folder)]


def scripts(phase):
    found = sorted(glob.glob(f"tests/{phase}/test_*.sh") + glob.glob(f"tests/{phase}/test_*.py"))
    return [Test(phase, path, ["bash" if path.endswith(".sh") else sys.executable, path])
            for path in found]


def pairs(phase):
    """The tests of request/reply, with each engine at each end."""
    return [Test(phase, f"{source} {client}-{server}", [program],
                 ZLOOM_TEST_CLIENT_ENGINE=client, ZLOOM_TEST_SERVER_ENGINE=server)
            for source, program in programs(PAIRED) for client, server in PAIRINGS]


def is_mixed(test):
    """Whether the two ends of a test have different engines."""
    return len({engine for name, engine in test.variables.items() if name.endswith("_ENGINE")}) > 1


def interop(phase):
    """Scripts in which zloom meets others, with each of its engines."""
    return [Test(phase, f"{script.path} {engine}", script.command, ZLOOM_TEST_ENGINE=engine)
            for script in scripts(phase) for engine in ENGINES]


def find_tests(phase):
    if phase in ("unit", "sim"):
        paired = glob.glob(PAIRED)
        return [Test(phase, s, [p]) for s, p in programs(f"tests/{phase}/test_*.c") if s not in paired]
    if phase == "pairs":
        return pairs(phase)
    if phase == "interop":
        return interop(phase)
    if phase == "fuzz":
        return [Test(phase, s, fuzz_command(s, p)) for s, p in programs("tests/fuzz/fuzz_*.c")]
    if phase == "brief":
        return [Test(phase, s, [p]) for s, p in programs("tests/fault/test_*.c")]
    if phase == "fault":
        return [Test(phase, s, [p]) for s, p in programs("tests/fault/test_*.c")] + scripts(phase)
    if phase in ("install", "readme"):
        return [Test(phase, phase, MAKE + [f"check-{phase}", "SAN=", "COV="])]
    return scripts(phase)


def environment(phase):
    """What every test sees. Sanitizers end a program with 99, which is nobody's exit code."""
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP", PYTHONUNBUFFERED="1",
               PYTHONDONTWRITEBYTECODE="1")
    if phase == "brief":
        env["ZLOOM_BRIEF"] = "1"
    env.setdefault("ASAN_OPTIONS", "exitcode=99:detect_stack_use_after_return=1:strict_string_checks=1")
    env.setdefault("LSAN_OPTIONS", "exitcode=99")
    env.setdefault("UBSAN_OPTIONS", "exitcode=99:print_stacktrace=1")
    env.setdefault("TSAN_OPTIONS", "exitcode=99:suppressions=tests/support/tsan.supp")
    #  Knobs given to make stay; the jobs of a make that is not ours do not.
    knobs = re.search(r"-- .*", env.pop("MAKEFLAGS", ""))
    if knobs:
        env["MAKEFLAGS"] = " " + knobs.group()
    return env


def end_group(group):
    """Kill what a program left behind. True if there was something."""
    until = time.monotonic() + 2
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):  # it may have gone this very moment
        os.killpg(group, signal.SIGKILL)
    return True


def execute(test, limit, output):
    """Run a program, bounded in time, in a session of its own; returns its status."""
    try:
        child = subprocess.Popen(test.command, stdin=subprocess.DEVNULL, stdout=output,
                                 stderr=output, env=dict(environment(test.phase), **test.variables),
                                 start_new_session=True)
    except OSError as error:
        test.why = str(error)
        return 0
    running.add(child.pid)
    try:
        child.wait(limit)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        test.why = f"still running after {limit} s"
    if end_group(child.pid) and not test.why:
        test.why = "left processes behind"
    running.discard(child.pid)
    return child.returncode


def run(test, limit):
    """Run one test, and keep what it printed beside the programs."""
    started = time.monotonic()
    kept = os.path.join(BUILD, "log", re.sub(r"\W", "_", test.path) + ".txt")
    os.makedirs(os.path.dirname(kept), exist_ok=True)
    with open(kept, "w+", encoding="utf-8", errors="replace") as output:
        test.variables["ZLOOM_TEST_PORTS"] = share = ports.get()
        try:
            status = execute(test, limit, output)
        finally:
            ports.put(share)
        test.seconds = time.monotonic() - started
        output.seek(0)
        test.output = output.read()
    count(test, status)
    return test


def count(test, status):
    """Read the counts from the output, and hold the exit status against them."""
    own = re.findall(r"^(\d+) passed, (\d+) failed$", test.output, re.M)
    if own:
        test.passed, test.failed = int(own[-1][0]), int(own[-1][1])
    elif re.search(r"^1\.\.\d+$", test.output, re.M):
        results = re.findall(r"^(ok|not ok) \d+ (.*)", test.output, re.M)
        told = [word for word, text in results if "# SKIP" not in text]  # cmocka's are "not ok"
        test.skipped = len(results) - len(told)
        test.passed, test.failed = told.count("ok"), told.count("not ok")
    elif status == SKIPPED:
        test.skipped = 1
    elif status == 0 and not test.why:
        test.passed = 1
    if status not in (0, SKIPPED) and not test.why:
        test.why = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    if test.why and not test.failed:
        test.failed = 1


def report(test):
    """The line of a program; when it failed, the end of what it printed."""
    counts = f"{test.passed} passed"
    if test.failed:
        counts += f", {test.failed} failed" + (f" ({test.why})" if test.why else "")
    if test.skipped:
        counts += f", {test.skipped} skipped"
    word = "FAIL" if test.failed else "ok"
    print(f"{word:<5} {test.path:<53} {test.seconds:7.2f} s   {counts}", flush=True)
    for line in re.findall(r"^#! (.*)", test.output, re.M):  # what a test wants to be told
        print(f"      {line}", flush=True)
    if test.failed:
        for line in test.output.splitlines()[-LINES_SHOWN:]:
            print(f"      | {line}", flush=True)


def run_phase(phase, wanted, valgrind):
    """Run the tests of a phase that `wanted` asks for; returns them."""
    limit, jobs = PHASES[phase]
    tests = [test for test in find_tests(phase) if wanted in test.path]
    if valgrind or (phase == "sim" and "SIM_SEEDS" in os.environ):
        limit *= SLOWER
    if valgrind:
        os.environ["ZLOOM_TEST_VALGRIND"] = "1"
        #  What two different engines do together, each of them does with its like.
        tests = [test for test in tests if not is_mixed(test)]
        for test in tests:
            test.command = VALGRIND + test.command
    while not ports.empty():
        ports.get()
    for first in range(FIRST_PORT, FIRST_PORT + PORTS, PORTS // jobs):
        ports.put(f"{first}+{PORTS // jobs}")
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in pool.map(lambda test: run(test, limit), tests):
            report(done)
    return tests


def end_all(number, _frame):
    """Ctrl-C reaches only us: every test has a session of its own."""
    for group in running:
        os.killpg(group, signal.SIGKILL)
    os._exit(128 + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--phases", default=",".join(DEFAULT))
    parser.add_argument("--repeat", type=int, default=1, help="rounds; stops after one that fails")
    parser.add_argument("--valgrind", action="store_true")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end_all)

    wanted = os.environ.get("T", "")
    tests = []
    for _ in range(options.repeat):
        for phase in options.phases.split(","):
            tests += run_phase(phase, wanted, options.valgrind)
        if any(test.failed for test in tests):
            break
    for test in tests:
        if test.failed:
            print(f"failed: {test.path}" + (f": {test.why}" if test.why else ""))
    passed, failed = (sum(getattr(test, which) for test in tests) for which in ("passed", "failed"))
    print(f"{passed} passed, {failed} failed", flush=True)
    lost = wanted and not tests
    if lost:
        print(f"no test has '{wanted}' in its path", file=sys.stderr)
    return 1 if failed or lost else 0


if __name__ == "__main__":
    sys.exit(main())
