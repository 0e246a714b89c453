#!/usr/bin/python3
"""Help, versions, and what the command says to words that it does not know."""

import os
import subprocess
import sys

from shell import fails, peers, succeeds, zloom


def verbs():
    told = succeeds(zloom("help", "--options")).out.decode()
    return [line.split("\t")[1] for line in told.splitlines() if line.startswith("command\t")]


def test_help_lists_every_verb():
    told = succeeds(zloom("help")).out.decode()
    assert len(verbs()) >= 3
    for verb in verbs():
        assert f"\n  {verb}" in told, verb
    assert succeeds(zloom("--help")).out.decode() == told
    assert succeeds(zloom("-h")).out.decode() == told


def test_every_verb_explains_itself_in_two_ways():
    for verb in verbs():
        told = succeeds(zloom("help", verb)).out.decode()
        assert told.startswith(f"Usage: zloom {verb} "), told
        assert "--help" in told
        assert succeeds(zloom(verb, "--help")).out.decode() == told
        assert succeeds(zloom(verb, "some", "words", "-h")).out.decode() == told


def test_help_exit_names_every_code_and_its_reasons():
    told = succeeds(zloom("help", "exit")).out.decode()
    for code in [*range(13), 130, 143]:
        assert f"\n{code:>7}  " in told, code
    assert "no-peer, wrong-peer, connection-lost" in told


def test_version_names_libzmq():
    told = succeeds(zloom("--version")).out.decode()
    assert told.startswith("zloom ") and "libzmq 4." in told, told
    assert succeeds(zloom("-V")).out.decode() == told


def test_a_wrong_verb_is_told_the_nearest():
    fails(zloom(), 2, "zloom: a verb is missing", "try: zloom help")
    fails(zloom("prbe"), 2, "no verb 'prbe'; did you mean 'probe'?")
    fails(zloom("help", "cta"), 2, "no verb 'cta'; did you mean 'cat'?")
    fails(zloom("xyzzy"), 2, "no verb 'xyzzy'\n")


def test_a_wrong_option_is_told_the_nearest():
    fails(zloom("probe", "x", "--timout", "3"), 2, "no option '--timout'; did you mean '--timeout'?",
          "try: zloom probe --help")
    fails(zloom("probe", "x", "--timout=3"), 2, "did you mean '--timeout'?")
    fails(zloom("probe", "x", "--xyzzy"), 2, "no option '--xyzzy'\n")
    fails(zloom("probe", "x", "-z"), 2, "no option '-z'")
    fails(zloom("cat", "PULL", "tcp://x:1", "--in"), 2, "--in needs a value: --in FORM")
    fails(zloom("cat", "PULL", "tcp://x:1", "--echo=1"), 2, "--echo takes no value")


def test_a_wrong_value_is_told_what_is_wanted():
    fails(zloom("probe", "x", "-t", "soon"), 2,
          "--timeout TIME: 'soon' is not a duration such as 250ms, 3s or 1m")
    for value in ("-1s", "1e3", "0x10", "3 s", "", "1.2.3s"):
        fails(zloom("probe", "x", f"--timeout={value}"), 2, "is not a duration")
    fails(zloom("cat", "PULL", "tcp://x:1", "--max-size", "lots"), 2,
          "--max-size SIZE: 'lots' is not a size such as 512, 64k or 1MiB")
    fails(zloom("cat", "PULL", "tcp://x:1", "-n", "-1"), 2,
          "--count N: '-1' is not a whole number")
    fails(zloom("cat", "PULL", "tcp://x:1", "-o", "xml"), 2,
          "--output FORMAT: 'xml' is not one of text, json, raw, hex, msgpack")
    for verb in ("serve", "call", "describe", "ping", "stats"):
        words = [verb, "tcp://x:1", *(["m"] if verb == "call" else [])]
        fails(zloom(*words, "--engine", "fast"), 2,
              "--engine NAME: 'fast' is not one of auto, libzmq, direct", f"try: zloom {verb} --help")


def test_flags_may_stand_anywhere_and_numbers_are_arguments():
    fails(zloom("-t", "1s", "probe"), 2, "no verb '-t'")
    fails(zloom("probe", "-t", "1s"), 2, "arguments are missing; it is: zloom probe ADDRESS")
    fails(zloom("probe", "a", "-t", "1s", "b"), 2, "'b' is one argument too many")
    fails(zloom("probe", "a", "-5"), 2, "'-5' is one argument too many")
    fails(zloom("probe", "a", "-0.25"), 2, "'-0.25' is one argument too many")
    fails(zloom("probe", "a", "--", "-t"), 2, "'-t' is one argument too many")
    fails(zloom("cat", "PULL"), 2, "an argument is missing; it is: zloom cat TYPE ADDRESS...")


def test_a_closed_or_full_stdout():
    with open("/dev/full", "w", encoding="utf-8") as full:
        fails(zloom("help", "exit", stdout=full), 7, "cannot write to stdout: No space")
    shell = f"'{os.path.abspath(peers.ZLOOM)}' help >&-"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, b""), done


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
