#!/usr/bin/python3
"""`zloom serve`: commands as methods, and everything that can go wrong with one."""

import contextlib
import json
import os
import pathlib
import signal
import sys
import time

import msgpack
import zmq

from shell import fails, finish, peers, private_ipc, running, stopped, succeeds, zloom


@contextlib.contextmanager
def service(*options, address=None):
    """A service that answers; yields (address, process)."""
    address = address or peers.free_address()
    with running("serve", address, *options) as child:
        succeeds(zloom("ping", address))
        yield address, child


def call(address, *words, **options):
    return zloom("call", address, *words, **options)


def is_running(pid):
    """Whether a process is there, and not only waiting to be reaped."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def is_draining(address):
    """Whether a service takes no more work: it says so."""
    return b"DRAINING" in call(address, "zloom.health").out


def wait_until(condition):
    """Look again and again; in between, the other processes have a turn."""
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "it never happened"
        os.sched_yield()


# ---- What a command reads and writes ------------------------------------------


def test_a_command_reads_its_params_as_json():
    with service("--exec", "cat=cat", "--exec", "wc=wc -w") as (address, _):
        succeeds(call(address, "wc", "some text"), "2\n")
        succeeds(call(address, "cat", "a", 1, "true", "null", '{"k": [1.5]}', "-s", "7"),
                 '["a",1,true,null,{"k":[1.5]},"7"]\n')
        succeeds(call(address, "cat"), "[]\n")


def test_a_command_reads_one_string_as_it_is():
    with service("--in", "raw", "--exec", "up=tr a-z A-Z") as (address, _):
        succeeds(call(address, "up", "hello\nworld"), '"HELLO\\nWORLD"\n')
        fails(call(address, "up"), 6, "it takes 1 argument, none was given",
              "try: zloom describe ADDR")
        fails(call(address, "up", 5), 6, "argument 1")


def test_what_a_command_writes_is_json_or_a_string():
    with service("--exec", "json=echo '{\"a\": [1, null]}'", "--exec", "text=echo a\\ b c",
                 "--exec", "empty=true", "--exec", "lines=printf 'a\\nb\\n\\n'",
                 "--exec", r"bytes=printf '\377\000'") as (address, _):
        succeeds(call(address, "json"), '{"a":[1,null]}\n')
        succeeds(call(address, "text"), '"a b c"\n')
        succeeds(call(address, "empty"), '""\n')
        succeeds(call(address, "lines"), '"a\\nb\\n"\n')
        assert succeeds(call(address, "bytes", "-o", "raw")).out == b"\xff\x00"


def test_params_never_reach_a_shell():
    with service("--shell", "--exec", "cat=cat | cat", "--exec", "plain=cat") as (address, _):
        words = ["$(touch /tmp/never)", "`id`", "; id", "$HOME"]
        assert json.loads(succeeds(call(address, "cat", *words)).out) == words
    with service("--exec", "echo2=echo $HOME | id") as (address, _):
        succeeds(call(address, "echo2"), '"$HOME | id"\n')


def test_a_command_that_does_not_read_is_no_error():
    with service("--exec", "true=true", "--max-size", "8M") as (address, _):
        big = "x" * 3000000
        succeeds(call(address, "true", "-", "--max-size", "8M", stdin=big.encode()), '""\n')


def test_a_large_result_comes_whole():
    with service("--in", "raw", "--exec", "cat=cat", "--max-size", "8M") as (address, _):
        big = b"y" * 3000000
        result = call(address, "cat", "-", "--max-size", "8M", "-o", "raw", stdin=big)
        assert succeeds(result).out.strip() == big


# ---- What goes wrong ------------------------------------------------------------


def test_a_failing_command_is_a_remote_error_with_its_stderr():
    with service("--shell", "--exec", "fail=echo out; echo 'no\tgood' >&2; exit 3",
                 "--exec", "die=kill -9 $$", "--exec", "long=seq 100000 >&2; exit 1") as (address, _):
        assert b"\t" not in fails(call(address, "fail"), 6, "exited with 3: no", "good").err
        fails(call(address, "die"), 6, "ended by signal 9")
        fails(call(address, "long"), 6, "exited with 1: ", "99999", "100000")


def test_a_command_that_is_not_there():
    with service("--exec", "none=/no/such/command") as (address, _):
        fails(call(address, "none"), 6, "/no/such/command", "No such file")
        succeeds(zloom("ping", address))


def test_a_command_that_writes_too_much_is_ended():
    with service("--exec", "yes=yes", "--max-size", "64k") as (address, _):
        fails(call(address, "yes"), 6, "printed more than 65536 bytes")


def test_a_command_that_takes_too_long_is_ended():
    with service("--exec", "sleep=sleep 1000", "--limit", "200ms") as (address, child):
        fails(call(address, "sleep"), 6, "took too long and was ended")
        wait_until(lambda: not children_of(child.pid))


def children_of(pid):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, fields = path.read_text().rpartition(") ")[::2]
            if int(fields.split()[1]) == pid:
                found.append(int(name.split()[0]))
    return found


def test_the_whole_group_of_a_command_ends_with_its_caller():
    with peers.folder() as path, \
            service("--shell", "--exec", f"tree=sleep 1000 & echo $! > {path}/pid; wait") as (address, _):
        with running("call", address, "tree", "-t", "1m") as caller:
            file = pathlib.Path(path, "pid")
            wait_until(lambda: file.exists() and file.read_text().strip())
            grandchild = int(file.read_text())
            assert is_running(grandchild)
            assert stopped(caller, signal.SIGINT).code == 130
            wait_until(lambda: not is_running(grandchild))


def test_the_callers_deadline_ends_a_command():
    with service("--exec", "sleep=sleep 1000") as (address, child):
        fails(call(address, "sleep", "-t", "200ms"), 3)
        wait_until(lambda: not children_of(child.pid))


def test_so_many_commands_run_at_a_time():
    with peers.folder() as path, \
            service("--shell", "-j", "2", "--exec",
                    f"count=touch {path}/$$; ls {path} | wc -l; seq 50000 | tail -n 0; rm {path}/$$") as (address, _):
        lines = b"[]\n" * 12
        out = succeeds(zloom("call", address, "count", "-l", "--async", 12, stdin=lines)).out
        assert {int(n) for n in out.split()} <= {1, 2} and len(out.split()) == 12, out


def test_more_requests_than_may_wait_are_refused_by_name():
    with service("-j", "1", "--max-pending", "2", "--exec", "sleep=sleep 0.3") as (address, _):
        result = zloom("call", address, "sleep", "-l", "--async", 8, stdin=b"[]\n" * 8)
        fails(result, result.code, "line ")
        assert result.code in (6, 10) and 1 <= len(result.out.splitlines()) < 8, result


# ---- Starting and ending ----------------------------------------------------------


def test_serve_refuses_what_cannot_be_meant():
    address = peers.free_address()
    fails(zloom("serve", address), 2)
    fails(zloom("serve", address, "--exec", "wc"), 2, "--exec wc: it is NAME=COMMAND")
    fails(zloom("serve", address, "--exec", "=wc"), 2, "it is NAME=COMMAND")
    fails(zloom("serve", address, "--exec", "x="), 2, "--exec x=")
    fails(zloom("serve", address, "--exec", "x='a"), 2, "--exec x='a")
    fails(zloom("serve", address, "--exec", "zloom.x=true"), 2, "zloom.")
    fails(zloom("serve", address, "--exec", "a b=true"), 2, "a b")
    fails(zloom("serve", address, "--exec", "a=true", "--exec", "a=true"), 2, "a")
    fails(zloom("serve", "localhost:1", "--echo"), 2, "localhost:1")
    fails(zloom("serve", "tcp://*:29998", "--echo"), 2, "can be reached from other machines",
          "--insecure-public")
    with peers.peer(zmq.ROUTER, bind=address):
        fails(zloom("serve", address, "--echo"), 7, "another port")


def test_serve_binds_several_addresses():
    one = peers.free_address()
    with private_ipc() as two, running("serve", one, two, "--echo"):
        succeeds(call(one, "echo", 1), "[1]\n")
        succeeds(call(two, "echo", 2), "[2]\n")


def test_serve_lets_requests_end_at_the_first_signal():
    with peers.folder() as path, \
            service("--shell", "--exec", f"slow=touch {path}/began; cat {path}/gate") as (address, child):
        os.mkfifo(f"{path}/gate")
        with running("call", address, "slow") as caller:
            wait_until(lambda: os.path.exists(f"{path}/began"))
            child.send_signal(signal.SIGTERM)
            wait_until(lambda: is_draining(address))
            with open(f"{path}/gate", "w", encoding="utf-8") as gate:
                gate.write("done\n")
            succeeds(finish(caller), '"done"\n')
            assert finish(child).code == 143


def test_serve_quits_at_the_second_signal():
    with peers.folder() as path, \
            service("--shell", "--drain", "1m", "--exec",
                    f"slow=echo $$ > {path}/pid; exec sleep 1000") as (address, child):
        file = pathlib.Path(path, "pid")
        with running("call", address, "slow", "-t", "1m") as caller:
            wait_until(lambda: file.exists() and file.read_text().strip())
            until = time.monotonic() + 20
            while child.poll() is None and time.monotonic() < until:
                child.send_signal(signal.SIGINT)
                os.sched_yield()
            assert child.returncode in (130, -signal.SIGINT), child.returncode
            assert finish(caller).code in (4, 6)
        wait_until(lambda: not is_running(int(file.read_text())))


def test_serve_gives_up_draining_in_time():
    with peers.folder() as path, \
            service("--shell", "--drain", "200ms", "--exec",
                    f"slow=echo $$ > {path}/pid; exec sleep 1000") as (address, child):
        file = pathlib.Path(path, "pid")
        with running("call", address, "slow", "-t", "1m"):
            wait_until(lambda: file.exists() and file.read_text().strip())
            assert stopped(child).code == 143
        wait_until(lambda: not is_running(int(file.read_text())))


def test_any_messagepack_rpc_client_calls_a_command():
    with service("--exec", "wc=wc -w") as (address, _):
        with peers.peer(zmq.REQ, connect=address) as sock:
            assert peers.ask(sock, 1, "wc", "a b c") == (None, 3)
            sock.send(msgpack.packb([0, 2, "none", []]))
            _, number, error, _ = msgpack.unpackb(sock.recv())
            assert number == 2 and error["code"] == 12, error


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
