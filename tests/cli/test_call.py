#!/usr/bin/python3
"""`zloom call`, `describe`, `ping` and `stats`: what they print, and every way in which they end."""

import contextlib
import json
import signal
import subprocess
import sys
import threading

import msgpack
import zmq

from shell import (fails, finish, on_terminal, peers, running, start, stopped, succeeds, zloom)


@contextlib.contextmanager
def echo_service(*options):
    """A service that has echo; yields its address."""
    address = peers.free_address()
    with running("serve", address, "--echo", *options):
        succeeds(zloom("ping", address))
        yield address


@contextlib.contextmanager
def answering(answer):
    """A ROUTER of pyzmq's that answers each message by what answer(message) says, or not."""
    address = peers.free_address()
    with peers.peer(zmq.ROUTER, bind=address) as sock:
        ending = threading.Event()

        def work():
            while not ending.is_set():
                if sock.poll(20):
                    *envelope, body = sock.recv_multipart()
                    reply = answer(msgpack.unpackb(body))
                    if reply is not None:
                        sock.send_multipart([*envelope, reply])
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield address
        finally:
            ending.set()
            thread.join()


def result_of(value):
    """Answers every request with this result."""
    return lambda message: peers.response(message[1], value) if message[0] == 0 else None


def engine_of(address, *options):
    """What a service says that it has."""
    return json.loads(succeeds(zloom("stats", address, *options)).out)["engine"]


# ---- Engines ------------------------------------------------------------------


def test_every_pair_of_engines_talks():
    for serving in ("auto", "libzmq", "direct"):
        with echo_service("--engine", serving) as address:
            for calling in ("auto", "libzmq", "direct"):
                told = succeeds(zloom("call", address, "echo", "-l", "--async", 8, "--engine", calling,
                                      stdin=b"1\n2\n3\n")).out
                assert told == b"[1]\n[2]\n[3]\n", told
                has = "libzmq" if serving == "libzmq" else "direct"
                assert engine_of(address, "--engine", calling) == has, (serving, calling)
                for verb in ("ping", "describe"):
                    succeeds(zloom(verb, address, "--engine", calling))


def test_the_direct_engine_has_no_inproc():
    for words in (("serve", "inproc://x", "--echo"), ("call", "inproc://x", "m"), ("ping", "inproc://x")):
        fails(zloom(*words, "--engine", "direct"), 2,
              "'inproc://x': the direct engine has no inproc", "  try: tcp://HOST:PORT, or ipc:///PATH")


def test_busy_poll_may_be_nothing_and_has_a_bound():
    for serving in ("0", "1s"):
        with echo_service("--busy-poll", serving) as address:
            for calling in ("0", "20us", "1s"):
                succeeds(zloom("call", address, "echo", "-l", "--busy-poll", calling,
                               stdin=b"1\n2\n3\n"), "[1]\n[2]\n[3]\n")
    fails(zloom("call", "tcp://x:1", "m", "--busy-poll", "1.1s"), 2,
          "--busy-poll TIME: it is at most 1s", "try: zloom call --help")
    fails(zloom("serve", "tcp://x:1", "--echo", "--busy-poll", "never"), 2,
          "--busy-poll TIME: it is at most 1s")


# ---- Arguments ----------------------------------------------------------------


def test_arguments_are_typed_as_they_look():
    with echo_service() as address:
        words = ["text", "1", "-2", "0.5", "-1e3", "true", "false", "null", '"q"', "[1, [2]]",
                 '{"k": {"n": null}}', "007", "1.", ".5", "0x10", "+1", "True", "nan", "", "1 2"]
        told = succeeds(zloom("call", address, "echo", *words)).out
        assert json.loads(told) == ["text", 1, -2, 0.5, -1000.0, True, False, None, "q", [1, [2]],
                                    {"k": {"n": None}}, "007", "1.", ".5", "0x10", "+1", "True",
                                    "nan", "", "1 2"], told


def test_text_is_forced_in_its_place():
    with echo_service() as address:
        told = succeeds(zloom("call", address, "echo", "-s", "1", "2", "-s", "{", "--", "-x")).out
        assert json.loads(told) == ["1", 2, "{", "-x"], told


def test_stdin_is_an_argument_and_params_are_all_of_them():
    with echo_service() as address:
        told = succeeds(zloom("call", address, "echo", "a", "-", stdin=b'{"k":\n [1]}\n')).out
        assert json.loads(told) == ["a", {"k": [1]}], told
        succeeds(zloom("call", address, "echo", "-p", "[1, [2]]"), "[1,[2]]\n")


def test_bad_json_is_told_with_line_and_column():
    address = peers.free_address()
    fails(zloom("call", address, "m", '{"a": }'), 2, "argument 1: line 1, column 7",
          "try: quotes around the whole argument, or -s TEXT")
    fails(zloom("call", address, "m", "1", "[1,\n2"), 2, "argument 2: line 2, column")
    fails(zloom("call", address, "m", '"open'), 2, "argument 1: line 1, column")
    fails(zloom("call", address, "m", "99999999999999999999"), 2, "argument 1: line 1, column 20")
    fails(zloom("call", address, "m", "-", stdin=b"[1"), 2, "stdin: line 1, column")
    fails(zloom("call", address, "m", "-p", "[1"), 2, "--params: line 1, column")


# ---- Results ------------------------------------------------------------------


def test_results_come_in_every_form():
    value = {"name": "a\x1b", "list": [1, None], "bin": b"\x00\xff"}
    with answering(result_of(value)) as address:
        told = json.loads(succeeds(zloom("call", address, "m")).out)
        assert told == {"name": "a\x1b", "list": [1, None], "bin": "AP8="}, told
        assert msgpack.unpackb(succeeds(zloom("call", address, "m", "-o", "msgpack")).out) == value
        digits = succeeds(zloom("call", address, "m", "-o", "hex")).out.decode()
        assert msgpack.unpackb(bytes.fromhex(digits)) == value
        assert b"\x1b" not in on_terminal("call", address, "m").out
    with answering(result_of("a\x1b[2Jb\n")) as address:
        assert succeeds(zloom("call", address, "m", "-o", "raw")).out.startswith(b"a\x1b[2Jb\n")
        assert on_terminal("call", address, "m").out == b"a\\x1b[2Jb\\x0a\n"


def test_lines_are_calls_in_order():
    lines = b'1\n[2, 3]\n"x"\ntext\n{"k": 1}\n[]\n'
    expected = [[1], [2, 3], ["x"], ["text"], [{"k": 1}], []]
    with echo_service() as address:
        for window in ("1", "4", "100"):
            told = succeeds(zloom("call", address, "echo", "-l", "--async", window, stdin=lines)).out
            assert [json.loads(line) for line in told.splitlines()] == expected, told


def test_many_lines_keep_their_order():
    count = 5000
    lines = b"".join(b"%d\n" % i for i in range(count))
    with echo_service() as address:
        told = succeeds(zloom("call", address, "echo", "-l", "--async", 500, stdin=lines)).out
        assert told == b"".join(b"[%d]\n" % i for i in range(count))
        told = succeeds(zloom("call", address, "echo", "-l", "--async", 500, "--unordered",
                              stdin=lines)).out
        assert sorted(json.loads(line)["line"] for line in told.splitlines()) == \
            list(range(1, count + 1))


def test_a_line_that_fails_does_not_stop_the_others():
    with echo_service() as address:
        result = zloom("call", address, "echo", "-l", stdin=b"1\n[2\n3\n")
        fails(result, 2, "line 2: line 1, column")
        assert result.out == b"[1]\n[3]\n", result


def test_a_line_is_answered_before_the_next_is_typed():
    with echo_service() as address, running("call", address, "echo", "-l") as child:
        for i in range(3):
            child.stdin.write(b"%d\n" % i)
            assert child.stdout.readline() == b"[%d]\n" % i


# ---- Errors -------------------------------------------------------------------


def test_nobody_there():
    address = peers.free_address()
    fails(zloom("call", address, "m", "--connect-timeout", "300ms"), 4, address, "try: ")
    for verb in ("ping", "describe", "stats"):
        fails(zloom(verb, address, "--connect-timeout", "300ms"), 4, "try: ")
    fails(zloom("call", "ipc:///no/such/path", "m", "--connect-timeout", "300ms"), 4)


def test_the_wrong_socket_type():
    address = peers.free_address()
    with peers.peer(zmq.PUB, bind=address):
        for words in (("call", address, "m"), ("ping", address), ("describe", address),
                      ("stats", address)):
            fails(zloom(*words, "--connect-timeout", "1s"), 4, "PUB", "try: ")


def test_a_peer_that_wants_keys():
    _, secret = zmq.curve_keypair()
    address = peers.free_address()
    with peers.peer(zmq.ROUTER) as sock:
        sock.curve_server, sock.curve_secretkey = 1, secret
        sock.bind(address)
        fails(zloom("call", address, "m", "--connect-timeout", "500ms"), 5, "CURVE")


def test_an_unknown_method():
    with echo_service() as address:
        fails(zloom("call", address, "ecko"), 6, "there is no such method", "try: zloom describe ADDR lists the methods")


def test_arguments_that_do_not_fit():
    with echo_service() as address:
        fails(zloom("call", address, "zloom.describe", 1), 6, "try: zloom describe ADDR shows what")


def test_a_reply_that_is_late():
    with answering(lambda message: None) as address:
        fails(zloom("call", address, "m", "-t", "300ms"), 3, "try: a longer --timeout")
        fails(zloom("ping", address, "-t", "300ms"), 3)


def test_a_remote_error_is_shown_and_escaped():
    error = {"code": 5, "message": "no \x1b[31mfile", "data": {"path": "x"}}
    with answering(lambda message: peers.response(message[1], None, error)) as address:
        fails(zloom("call", address, "m"), 6, "no \\x1b[31mfile")


def test_a_message_that_is_too_large():
    with echo_service() as address:
        fails(zloom("call", address, "echo", "x" * 2000, "--max-size", 1000), 10, "1000")
        fails(zloom("call", address, "echo", "-", "--max-size", 1000, stdin=b"x" * 2000), 10,
              "longer than 1000 bytes", "try: a larger --max-size")
    with echo_service("--max-size", "1000") as address:
        assert zloom("call", address, "echo", "x" * 2000).code in (4, 6)


def test_a_reply_that_is_none():
    with answering(lambda message: b"\xc1") as address:
        assert zloom("call", address, "m", "-t", "500ms").code in (3, 10)


def test_what_cannot_be_meant():
    address = peers.free_address()
    fails(zloom("call", address), 2, "an argument is missing; it is: zloom call ADDRESS METHOD")
    fails(zloom("call", address, "m", "--async", "0", "-l"), 2)
    fails(zloom("call", "localhost:5555", "m"), 2, "localhost:5555", "try: tcp://HOST:PORT")
    fails(zloom("call", address, "m", "-t", "soon"), 2, "--timeout TIME: 'soon' is not a duration")
    fails(zloom("call", address, "m", "1", "-p", "[]"), 2, "--params is all arguments")
    fails(zloom("call", address, "m", "-H", "x"), 2, "'x' has no '='")


# ---- Ends ---------------------------------------------------------------------


def test_ctrl_c_cancels_a_call():
    with echo_service("--exec", "sleep=sleep 1000") as address:
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with running("call", address, "sleep", "-t", "1m") as child:
                until_pending(address, 1)
                assert stopped(child, number).code == code
                until_pending(address, 0)


def until_pending(address, count):
    """Ask until so many calls are pending."""
    for _ in range(500):
        stats = json.loads(succeeds(zloom("stats", address)).out)
        if stats["pending"] == count:
            return
    raise AssertionError(f"never {count} pending: {stats}")


def test_a_reader_that_leaves_ends_it_quietly():
    with echo_service() as address, running("call", address, "echo", "-l") as child:
        child.stdin.write(b"1\n")
        assert child.stdout.readline() == b"[1]\n"
        child.stdout.close()
        child.stdout = None
        with contextlib.suppress(BrokenPipeError):
            child.stdin.write(b"2\n")
        assert child.wait(20) == 0
        assert child.stderr.read() == b""


def test_a_full_stdout_is_an_error():
    with echo_service() as address, open("/dev/full", "w", encoding="utf-8") as full:
        for words in (("call", address, "echo"), ("ping", address), ("describe", address),
                      ("stats", address)):
            child = start(*words, stdout=full)
            fails(finish(child), 7, "cannot write to stdout: No space left on device")


# ---- describe, ping, stats ------------------------------------------------------


def test_describe_lists_the_methods():
    with echo_service("--exec", "wc=wc -w", "--name", "words") as address:
        told = json.loads(succeeds(zloom("describe", address)).out)
        assert told["name"] == "words"
        methods = {method["name"]: method for method in told["methods"]}
        assert {"echo", "wc", "zloom.ping", "zloom.stats"} <= set(methods), methods
        assert methods["wc"]["doc"] == "Runs: wc -w"
        text = on_terminal("describe", address).out.decode()
        assert "echo" in text and "Runs: wc -w" in text, text


def test_ping_tells_the_round_trip():
    with echo_service("--name", "words") as address:
        told = json.loads(succeeds(zloom("ping", address, "-n", 1)).out.splitlines()[0])
        assert any(isinstance(value, float) and 0 < value < 5e6 for value in told.values()), told
        lines = succeeds(zloom("ping", address, "-n", 3, "--interval", "1ms")).out.splitlines()
        assert len(lines) >= 3, lines


def test_stats_counts_calls():
    with echo_service() as address:
        succeeds(zloom("call", address, "echo", 1))
        told = json.loads(succeeds(zloom("stats", address)).out)
        assert told["methods"]["echo"] == {"calls": 1, "failed": 0}, told
        text = on_terminal("stats", address).out.decode()
        assert "uptime_ms" in text and "echo" in text, text


def test_a_service_that_is_not_zlooms_has_no_built_in_methods():
    def refuse(message):
        return peers.response(message[1], None, "no such method")
    with answering(refuse) as address:
        for verb in ("describe", "stats"):
            fails(zloom(verb, address), 6, "no such method")
        #  Any answer is an answer to a ping.
        assert json.loads(succeeds(zloom("ping", address)).out)["zloom"] == 0


def test_calls_in_a_shell_pipeline():
    with echo_service() as address:
        script = f"seq 3 | '{peers.ZLOOM}' call {address} echo -l | head -n 1"
        done = subprocess.run(["sh", "-c", script], capture_output=True, timeout=20, check=True)
        assert (done.stdout, done.stderr) == (b"[1]\n", b""), done


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
