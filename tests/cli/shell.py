"""What the CLI tests share: the command as a process, and what is expected of it.

ZLOOM in the environment names the command. Every test script ends with
`sys.exit(peers.run(globals()))`, as those of tests/interop do.
"""

import contextlib
import os
import pathlib
import pty
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))

import peers  # noqa: E402  (after the path that leads to it)

SECONDS = 20


class Result:
    """How a command ended, and what it printed."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out!r}\nstderr: {self.err.decode()}"


def start(*words, stdin=subprocess.PIPE, **options):
    """Start the command; its three streams are pipes, of bytes."""
    return subprocess.Popen([peers.ZLOOM, *map(str, words)], stdin=stdin, bufsize=0,
                            stdout=options.pop("stdout", subprocess.PIPE),
                            stderr=subprocess.PIPE, **options)


def finish(child, stdin=b""):
    """Give it the rest of its input, wait for its end."""
    try:
        out, err = child.communicate(stdin, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        raise
    return Result(child.returncode, out, err)


def zloom(*words, stdin=b"", **options):
    """Run the command to its end."""
    return finish(start(*words, **options), stdin)


@contextlib.contextmanager
def running(*words, **options):
    """A command that runs beside the test, and is killed with it if it must be."""
    child = start(*words, **options)
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def stopped(child, number=signal.SIGTERM):
    """Send a signal and wait for the end."""
    child.send_signal(number)
    return finish(child)


def succeeds(result, out=None):
    """It ended well, said nothing on stderr, and printed this."""
    assert result.code == 0 and result.err == b"", result
    if out is not None:
        assert result.out == (out if isinstance(out, bytes) else out.encode()), result
    return result


def fails(result, code, *texts):
    """It ended with this code, and stderr has these texts; nothing is wrong but that."""
    assert result.code == code, result
    for text in texts:
        assert text.encode() in result.err, (text, result)
    assert all(line.startswith((b"zloom", b"  try: ")) for line in result.err.splitlines()), result
    return result


def on_terminal(*words, stdin=subprocess.DEVNULL):
    """Run it with stdout on a terminal; returns what appears there."""
    ours, theirs = pty.openpty()
    child = start(*words, stdin=stdin, stdout=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that the other side is closed
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    _, err = child.communicate(timeout=SECONDS)
    return Result(child.returncode, shown.replace(b"\r\n", b"\n"), err)


@contextlib.contextmanager
def private_ipc():
    """An ipc address in a folder that only we may enter."""
    with peers.folder() as path:
        yield f"ipc://{path}/socket"
