"""What the interop tests share: plain peers made of pyzmq and msgpack, and zloom as a process.

ZLOOM in the environment names the command, and ZLOOM_TEST_ENGINE what speaks to
the network at its end (direct or libzmq; without it, as it comes). Every test
script ends with `sys.exit(peers.run(globals()))`: each function called test_… is
a test, and the last line printed is "N passed, N failed".
"""

import contextlib
import inspect
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

import msgpack
import zmq

ZLOOM = os.environ.get("ZLOOM", "build/zloom")
ENGINE = os.environ.get("ZLOOM_TEST_ENGINE")
CHOOSERS = ("serve", "call", "describe", "stats", "ping")  # commands with --engine
SECONDS = 100
PATIENCE_MS = 10000

REQUEST, RESPONSE, NOTIFICATION = 0, 1, 2

context = zmq.Context()


def free_address():
    """An address on loopback that nobody has, its port below those that the system hands out."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return f"tcp://127.0.0.1:{port}"


@contextlib.contextmanager
def peer(kind, connect=None, bind=None, **options):
    """A socket of pyzmq's, connected or bound; options are those of libzmq, in lower case."""
    sock = context.socket(kind)
    sock.linger = 0
    sock.rcvtimeo = sock.sndtimeo = PATIENCE_MS
    for name, value in options.items():
        sock.setsockopt(getattr(zmq, name.upper()), value)
    if connect:
        sock.connect(connect)
    if bind:
        sock.bind(bind)
    try:
        yield sock
    finally:
        sock.close()


def request(call_id, method, *params):
    return msgpack.packb([REQUEST, call_id, method, list(params)])


def response(call_id, result=None, error=None):
    return msgpack.packb([RESPONSE, call_id, error, result])


def ask(sock, call_id, method, *params):
    """Call through a socket with one call at a time; returns (error, result)."""
    sock.send(request(call_id, method, *params))
    kind, answered, error, result = msgpack.unpackb(sock.recv())
    assert (kind, answered) == (RESPONSE, call_id), (kind, answered)
    return error, result


def with_engine(words):
    """The words of a command of zloom, that say which engine it shall have."""
    return [words[0], "--engine", ENGINE, *words[1:]] if ENGINE and words[0] in CHOOSERS else words


def command(*words, **options):
    """Start zloom; its output is to be read with communicate."""
    return subprocess.Popen([ZLOOM, *with_engine(words)], stdin=options.pop("stdin", subprocess.DEVNULL),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def finish(child, text=None):
    """Wait until a command has ended; returns (exit status, stdout, stderr)."""
    try:
        out, err = child.communicate(text, timeout=PATIENCE_MS / 1000)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        raise
    return child.returncode, out, err


def zloom(*words):
    return finish(command(*words))


def await_answer(child, address):
    """Return when a server answers; fail at once when its process has ended."""
    with peer(zmq.REQ, connect=address) as sock:
        sock.send(request(1, "zloom.ping"))
        until = time.monotonic() + PATIENCE_MS / 1000
        while not sock.poll(50):
            assert child.poll() is None, f"zloom serve ended with {child.returncode}"
            assert time.monotonic() < until, "zloom serve does not answer"
        assert msgpack.unpackb(sock.recv())[2] is None


@contextlib.contextmanager
def serve(*options, address=None, asked=None, env=None):
    """A `zloom serve` process that answers; yields (address, process).

    `asked` is where it can be asked, when that is not where it serves.
    """
    address = address or free_address()
    words = with_engine(["serve", address, *options])
    child = subprocess.Popen([ZLOOM, *words], stdin=subprocess.DEVNULL,
                             env=dict(os.environ, **(env or {})))
    try:
        await_answer(child, asked or address)
        yield asked or address, child
        assert child.poll() is None, f"zloom serve ended with {child.returncode}"
        child.send_signal(signal.SIGTERM)
        child.wait(timeout=PATIENCE_MS / 1000)
    finally:
        child.kill()
        child.wait()


@contextlib.contextmanager
def folder():
    """A private folder that goes away."""
    with tempfile.TemporaryDirectory() as path:
        yield path


def give_up(_number, _frame):
    raise TimeoutError(f"not done after {SECONDS} s")


def run(names):
    """Run the tests among the names of a module; returns the exit status."""
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    passed = failed = 0
    for name, test in names.items():
        if not name.startswith("test_") or not inspect.isfunction(test):
            continue
        try:
            test()
            passed += 1
            print(f"ok     {name}")
        except Exception:
            failed += 1
            print(f"FAIL   {name}")
            traceback.print_exc(file=sys.stdout)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
