#!/usr/bin/python3
"""The Python of README.md does what the README says, against zloom."""

import contextlib
import json
import pathlib
import re
import subprocess
import sys

import peers

README = pathlib.Path(__file__).resolve().parents[2] / "README.md"


def snippet(address):
    """The Python block that names an address, with a free address in its place."""
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.M | re.S)
    (block,) = [block for block in blocks if address in block]
    free = peers.free_address()
    return free, block.replace(address, free)


@contextlib.contextmanager
def python(program):
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def test_the_client_calls_a_zloom_service():
    address, program = snippet("tcp://127.0.0.1:5555")
    with peers.serve("--exec", "wc=wc -w", address=address), python(program) as child:
        status, out, _ = peers.finish(child)
        assert (status, out) == (0, "[1, 1, None, 2]\n"), out


def test_the_service_is_called_by_zloom():
    address, program = snippet("tcp://127.0.0.1:5556")
    with python(program):
        status, out, err = peers.zloom("call", address, "greet", "world")
        assert (status, json.loads(out)) == (0, "greet called with ['world']"), (status, err)


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
