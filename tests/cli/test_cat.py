#!/usr/bin/python3
"""`zloom cat`: every socket type, every form of input and output, every way to end."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading

import msgpack
import zmq

from shell import (fails, finish, on_terminal, peers, private_ipc, running, start, stopped,
                   succeeds, zloom)

BINARY = bytes(range(256))


def frames(line):
    return json.loads(line)["frames"]


def wait_bound(child):
    """Read stderr of a command with -v until its socket is bound."""
    for line in iter(child.stderr.readline, b""):
        if b": bound " in line:
            return
    raise AssertionError("it ended before it was bound")


# ---- Socket types -------------------------------------------------------------


def test_cat_sends_to_every_receiver():
    for sender, receiver in [("push", "pull"), ("pub", "sub"), ("pair", "pair"), ("xpub", "sub"),
                             ("dealer", "dealer"), ("pub", "xsub")]:
        address = peers.free_address()
        with running("cat", receiver, "@" + address, "-n", 2) as taker:
            words = ["-d", "one", "-d", "two"]
            if sender in ("pair", "dealer"):
                words += ["-n", 0]
            if sender == "xpub":
                words = []
            with running("cat", sender, address, *words) as giver:
                if sender == "xpub":
                    assert frames(giver.stdout.readline()) == ["\x01"]
                    giver.stdin.write(b"one\ntwo\n")
                result = succeeds(finish(taker))
                assert [frames(line) for line in result.out.splitlines()] == [["one"], ["two"]]
                if sender != "xpub":
                    succeeds(finish(giver))


def test_cat_pub_waits_for_its_first_subscriber():
    address = peers.free_address()
    with running("cat", "PUB", "@" + address, "-d", "a.1", "-d", "b.2", "-d", "a.3") as giver:
        with peers.peer(zmq.SUB, connect=address) as sock:
            sock.subscribe(b"a.")
            assert [sock.recv(), sock.recv()] == [b"a.1", b"a.3"]
            succeeds(finish(giver))


def test_cat_sub_takes_only_what_it_subscribed_to():
    address = peers.free_address()
    with running("cat", "SUB", address, "-s", "a.", "-s", "c", "-n", 2) as taker:
        with peers.peer(zmq.XPUB, bind=address) as sock:
            assert {sock.recv(), sock.recv()} == {b"\x01a.", b"\x01c"}
            for body in (b"b.1", b"a.2", b"c"):
                sock.send(body)
            out = succeeds(finish(taker)).out
    assert [frames(line) for line in out.splitlines()] == [["a.2"], ["c"]]


def test_cat_req_asks_and_rep_answers():
    address = peers.free_address()
    with running("cat", "REP", "@" + address, "--echo", "-n", 3) as server:
        succeeds(zloom("cat", "REQ", address, "-d", "hello", "-n", 2, "-o", "raw"), "hello\nhello\n")
        succeeds(zloom("cat", "REQ", address, "--frame", "a", "--frame", "b"),
                 '{"frames":["a","b"]}\n')
        assert len(succeeds(finish(server)).out.splitlines()) == 3


def test_cat_rep_answers_with_data_and_with_lines():
    address = peers.free_address()
    with running("cat", "REP", "@" + address, "-d", "yes", "-d", "no", "-n", 3) as server:
        result = zloom("cat", "REQ", address, "-d", "?", "-n", 3, "-o", "raw")
        succeeds(result, "yes\nno\nyes\n")
        succeeds(finish(server))
    with running("cat", "REP", "@" + address) as server:
        server.stdin.write(b"first\n")
        succeeds(zloom("cat", "REQ", address, "-d", "?", "-o", "raw"), "first\n")
        server.stdin.close()
        server.stdin = None
        fails(zloom("cat", "REQ", address, "-d", "?", "-t", "2s"), 3, "no reply within 2s")
        fails(finish(server, None), 9, "the input ended before the last request was answered")


def test_cat_router_shows_the_routing_id_and_answers_by_it():
    address = peers.free_address()
    with running("cat", "ROUTER", "@" + address, "-i", "json") as router:
        with peers.peer(zmq.DEALER, connect=address, routing_id=b"me") as sock:
            sock.send_multipart([b"", b"question"])
            assert frames(router.stdout.readline()) == ["me", "", "question"]
            router.stdin.write(b'["me", "", "answer"]\n')
            assert sock.recv_multipart() == [b"", b"answer"]


def test_cat_router_says_whom_it_does_not_know():
    address = peers.free_address()
    result = zloom("cat", "ROUTER", "@" + address, "--frame", "no\x01body", "--frame", "x", "-n", 0)
    fails(result, 9, "no peer has the routing id 'no\\x01body'")


def test_cat_stream_talks_plain_tcp():
    address = peers.free_address()
    with socket.create_server(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as server:
        def upper():
            sock, _ = server.accept()
            with sock:
                sock.sendall(sock.recv(100).upper())
        thread = threading.Thread(target=upper)
        thread.start()
        result = succeeds(zloom("cat", "STREAM", address, "-d", "hello", "-n", 2, "-o", "hex"))
        thread.join()
    assert result.out.splitlines()[1].endswith(b" " + b"HELLO".hex().encode()), result


def test_cat_stream_echoes():
    address = peers.free_address()
    with running("cat", "STREAM", "@" + address, "--echo", "-v") as child:
        wait_bound(child)
        with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])), 10) as sock:
            sock.sendall(b"ping")
            assert sock.recv(4) == b"ping"
        assert stopped(child).code == 143


def test_cat_xsub_subscribes_and_xpub_sees_it():
    address = peers.free_address()
    with running("cat", "XPUB", "@" + address, "-n", 1, "-o", "hex") as xpub:
        with running("cat", "XSUB", address, "-s", "top"):
            assert succeeds(finish(xpub)).out == b"01746f70\n"


def test_cat_binds_and_connects_as_told():
    address = peers.free_address()
    with running("cat", "PULL", address, "--bind", "-n", 1) as taker:
        succeeds(zloom("cat", "PUSH", ">" + address, "--bind", "-d", "x"))
        succeeds(finish(taker), '{"frames":["x"]}\n')
    with running("cat", "PULL", "@" + address, "--connect", "-n", 1) as taker:
        succeeds(zloom("cat", "PUSH", address, "--connect", "-d", "x"))
        succeeds(finish(taker))
    fails(zloom("cat", "PULL", address, "--bind", "--connect"), 2, "exclude each other")


def test_cat_takes_several_addresses():
    one, two = peers.free_address(), peers.free_address()
    with running("cat", "PULL", "@" + one, "@" + two, "-n", 2) as taker:
        succeeds(zloom("cat", "PUSH", one, "-d", "1"))
        succeeds(zloom("cat", "PUSH", two, "-d", "2"))
        out = succeeds(finish(taker)).out
    assert [frames(line) for line in out.splitlines()] == [["1"], ["2"]]


def test_cat_speaks_ipc():
    with private_ipc() as address:
        with running("cat", "PULL", "@" + address, "-n", 1) as taker:
            succeeds(zloom("cat", "PUSH", address, "-d", "x"))
            succeeds(finish(taker), '{"frames":["x"]}\n')


# ---- Forms --------------------------------------------------------------------


def carried(form_in, form_out, data, *more, count=1, message=()):
    """What a PULL prints of what a PUSH was given."""
    address = peers.free_address()
    out = ["-o", form_out] if isinstance(form_out, str) else list(form_out)
    with running("cat", "PULL", "@" + address, "-n", count, *out) as taker:
        succeeds(zloom("cat", "PUSH", address, *message, *(["-i", form_in] if form_in else []),
                       *more, stdin=data))
        return succeeds(finish(taker)).out


def test_cat_carries_every_byte_in_every_form():
    whole = carried("whole", "hex", BINARY)
    assert whole == BINARY.hex().encode() + b"\n"
    assert carried("hex", ("-o", "raw", "--ending", "none"), whole) == BINARY
    assert msgpack.unpackb(carried("whole", "msgpack", BINARY)) == [BINARY]
    line = carried("whole", "json", BINARY)
    assert carried("json", ("-o", "raw", "--ending", "none"), line) == BINARY


def test_cat_takes_its_own_json_back():
    message = ["text", "", "\u00e9\u4e2d", {"$bin": "AP8="}, "\x1b\x7f"]
    line = json.dumps({"frames": message}).encode()
    first = carried("json", "json", line)
    assert frames(first) == message
    assert carried("json", "json", first) == first
    assert carried("json", "json", b'"one frame"') == b'{"frames":["one frame"]}\n'


def test_cat_takes_lines_nuls_and_lengths():
    assert carried("line", "raw", b"a\nb\n\nlast", count=4) == b"a\nb\n\nlast\n"
    assert carried("nul", ("-o", "raw", "--ending", "nul"), b"a\nb\0\0c", count=3) == b"a\nb\0\0c\0"
    counted = b"\0\0\0\3a\0b\0\0\0\0\0\0\0\1c"
    assert carried("len32", ("-o", "raw", "--ending", "len32"), counted, count=3) == counted
    assert carried("hex", "hex", b"0A0b  -\tff\n", count=1) == b"0a0b - ff\n"


def test_cat_carries_many_lines_in_order():
    lines = b"".join(b"%d\n" % i for i in range(20000))
    assert carried("line", "raw", lines, count=20000) == lines


def test_cat_takes_data_from_the_command_line_and_from_files():
    with peers.folder() as path:
        with open(f"{path}/body", "wb") as file:
            file.write(BINARY)
        assert carried(None, "hex", b"", message=["-d", f"@{path}/body"]).strip() == \
            BINARY.hex().encode()
        assert carried(None, "raw", b"", message=["-d", "@@name"]) == b"@name\n"
        assert carried(None, "raw", b"all\nof it", message=["-d", "@-"]) == b"all\nof it\n"
        fails(zloom("cat", "PUSH", "tcp://127.0.0.1:9", "-d", f"@{path}/none"), 7,
              f"cannot open '{path}/none': No such file")
        fails(zloom("cat", "PUSH", "tcp://127.0.0.1:9", "-d", f"@{path}"), 7, "cannot read")
        fails(zloom("cat", "PUSH", "tcp://127.0.0.1:9", "-d", f"@{path}/body", "--max-size", "255"),
              10, f"'{path}/body' is longer than 255 bytes", "--max-size")


def test_cat_shows_nothing_that_a_terminal_would_obey():
    address = peers.free_address()
    with running("cat", "PUSH", "@" + address, "--frame", "a\x1b[2J", "--frame", "\u009b") as giver:
        shown = on_terminal("cat", "PULL", address, "-n", 1)
        assert shown.out == b"[a\\x1b[2J] [\\xc2\\x9b]\n", shown
        succeeds(finish(giver))


# ---- Limits and mistakes --------------------------------------------------------


def test_cat_refuses_what_is_too_large_to_send():
    fails(zloom("cat", "PUSH", "tcp://127.0.0.1:9", "-d", "12345", "--max-size", 4), 10,
          "message 1: 5 bytes, and 4 are allowed", "try: a larger --max-size")
    address = peers.free_address()
    with running("cat", "PULL", "@" + address):
        for form, data in (("line", b"ok\n12345\n"), ("nul", b"ok\x0012345"),
                           ("len32", b"\0\0\0\2ok\0\0\0\5"), ("hex", b"6f6b\n3132333435\n")):
            fails(zloom("cat", "PUSH", address, "-i", form, "--max-size", 4, stdin=data), 10)
        fails(zloom("cat", "PUSH", address, "-i", "whole", "--max-size", 4, stdin=b"12345"), 10)


def test_cat_drops_and_reports_what_is_too_large_to_receive():
    address = peers.free_address()
    with running("cat", "PULL", "@" + address, "-n", 1, "--max-frames", 3) as taker:
        with peers.peer(zmq.PUSH, connect=address) as sock:
            sock.send_multipart([b"x"] * 4)
            sock.send(b"good")
            result = fails(finish(taker), 10, "a message of 4 frames that is above a limit")
            assert frames(result.out) == ["good"]
    with running("cat", "PULL", "@" + address, "-n", 1, "--max-size", 100) as taker:
        with peers.peer(zmq.PUSH, connect=address) as sock:
            sock.send_multipart([b"x" * 60] * 2)
            sock.send(b"good")
            fails(finish(taker), 10, "a message of 2 frames that is above a limit was dropped")


def test_cat_says_where_the_input_is_wrong():
    address = peers.free_address()
    with running("cat", "PULL", "@" + address):
        bad = zloom("cat", "PUSH", address, "-i", "json", stdin=b'["a"]\n["b" "c"]\n')
        fails(bad, 2, "input, line 2: line 1, column")
        bad = zloom("cat", "PUSH", address, "-i", "json", stdin=b'["a", 5]\n')
        fails(bad, 2, 'input, line 1: frame 2 is neither a string nor {"$bin": "base64"}')
        bad = zloom("cat", "PUSH", address, "-i", "hex", stdin=b"00\n00 0x\n")
        fails(bad, 10, "input, line 2: column 4: not pairs of hex digits")
        bad = zloom("cat", "PUSH", address, "-i", "len32", stdin=b"\0\0\0\5abc")
        fails(bad, 10, "input, record 1: cut off at its end")


def test_cat_refuses_what_cannot_be_meant():
    address = "tcp://127.0.0.1:9"
    fails(zloom("cat", "PUSHH", address), 2, "no socket type 'PUSHH' (did you mean PUSH?)")
    fails(zloom("cat", "xyzzy", address), 2, "no socket type 'xyzzy'; there are PAIR PUB")
    fails(zloom("cat", "PULL", address, "-d", "x"), 2, "PULL only receives")
    fails(zloom("cat", "PUSH", address, "-d", "x", "--frame", "y"), 2, "exclude each other")
    fails(zloom("cat", "PUSH", address, "--echo"), 2, "--echo is for REP, ROUTER, DEALER, PAIR")
    fails(zloom("cat", "REP", address, "--echo", "-d", "x"), 2, "it takes no --data")
    fails(zloom("cat", "PULL", address, "-n", 0), 2, "--count 0 is for sockets that send and")
    fails(zloom("cat", "PUSH", address, "-s", "x"), 2, "--subscribe is for SUB and XSUB")
    fails(zloom("cat", "PULL", "localhost:5555"), 2, "'localhost:5555' is no address",
          "try: tcp://HOST:PORT")
    fails(zloom("cat", "PULL", "tcp://127.0.0.1:x"), 2, "cannot connect to 'tcp://127.0.0.1:x'")
    fails(zloom("cat", "PULL", address, "-O", "sndwhm=1"), 2, "did you mean 'sndhwm'?")
    fails(zloom("cat", "PULL", address, "-O", "xyzzyxyzzy=1"), 2, "no socket option 'xyzzyxyzzy'\n")
    fails(zloom("cat", "PULL", address, "-O", "sndhwm"), 2, "--option sndhwm: it is NAME=VALUE")
    fails(zloom("cat", "PULL", address, "-O", "sndhwm=-1"), 2, "does not take this value")
    fails(zloom("cat", "PULL", address, "-O", "sndhwm=x"), 2, "does not take this value")


def test_cat_binds_only_where_nobody_else_can_come():
    fails(zloom("cat", "PULL", "@tcp://*:29999"), 2, "can be reached from other machines",
          "--insecure-public")
    fails(zloom("cat", "PULL", "@ipc://@zloom-cat"), 2, "every user can reach an abstract name")
    with peers.folder() as path:
        os.chmod(path, 0o755)
        fails(zloom("cat", "PULL", f"@ipc://{path}/s"), 2, "other users can enter")
        with running("cat", "PULL", f"@ipc://{path}/s", "--insecure-public", "-v") as child:
            wait_bound(child)
    fails(zloom("cat", "PULL", "@ipc:///no/such/folder/s"), 7, "there is no directory")
    fails(zloom("cat", "PULL", "@tcp://203.0.113.1:29999", "--insecure-public"), 7,
          "cannot bind 'tcp://203.0.113.1:29999'", "try: an address of this machine")


def test_cat_says_when_an_address_is_taken():
    address = peers.free_address()
    with peers.peer(zmq.PULL, bind=address):
        fails(zloom("cat", "PULL", "@" + address), 7, f"cannot bind '{address}': Address already",
              "try: another port")
    with private_ipc() as path, peers.peer(zmq.PULL, bind=path):
        fails(zloom("cat", "PULL", "@" + path), 7, f"cannot bind '{path}': Address already in use")


# ---- Ends ---------------------------------------------------------------------


def test_cat_says_why_nobody_takes_its_message():
    address = peers.free_address()
    words = ("-d", "x", "--wait", "300ms")
    fails(zloom("cat", "PUSH", address, *words), 4, "no peer after 300ms", "connection refused",
          "try: start the other end")
    with peers.peer(zmq.PUB, bind=address):
        fails(zloom("cat", "REQ", address, *words), 4,
              f"'{address}': a ZMTP 3.1 PUB socket listens there; REQ talks to REP or ROUTER",
              "try: see what is there: zloom probe ADDR")
    for kind in ("PUSH", "PUB", "REQ", "DEALER", "PAIR"):
        fails(zloom("cat", kind, "@" + address, *words), 4, "nobody connected within 300ms",
              f"{kind} talks to")
    fails(zloom("cat", "PUSH", "@" + address, "-d", "x", "--for", "200ms"), 4, "nobody connected")


def test_cat_says_when_a_reply_is_late():
    address = peers.free_address()
    with peers.peer(zmq.ROUTER, bind=address):
        fails(zloom("cat", "REQ", address, "-d", "x", "-t", "200ms"), 3, "no reply within 200ms",
              "try: a longer --timeout")


def test_cat_ends_by_time_by_silence_and_by_count():
    address = peers.free_address()
    succeeds(zloom("cat", "PULL", "@" + address, "--for", "100ms"), "")
    succeeds(zloom("cat", "PULL", "@" + address, "--idle", "100ms"), "")
    fails(zloom("cat", "PULL", "@" + address, "--for", "100ms", "-n", 2), 3,
          "--for 100ms passed after 0 of 2 messages")
    with running("cat", "PULL", "@" + address, "--idle", "400ms", "-n", 2) as taker:
        succeeds(zloom("cat", "PUSH", address, "-d", "x"))
        fails(finish(taker), 3, "--idle 400ms passed after 1 of 2 messages")


def test_cat_says_when_not_everything_left():
    address = peers.free_address()
    with peers.peer(zmq.PULL, bind=address, rcvhwm=1):
        result = zloom("cat", "PUSH", address, "-d", "@-", "-n", 5, "--linger", "200ms",
                       "--max-size", "64M", stdin=bytes(1 << 24))
        fails(result, 9, "not all of 5 messages left within 200ms", "try: a longer --linger")


def test_cat_waits_until_everything_has_left():
    address = peers.free_address()
    data = bytes(1 << 24)
    with peers.peer(zmq.PULL, connect=address) as sock:
        with running("cat", "PUSH", "@" + address, "-i", "whole", "--max-size", "64M") as giver:
            succeeds(finish(giver, data))
            assert sock.recv() == data


def test_cat_says_what_was_not_sent_when_interrupted():
    address = peers.free_address()
    with peers.peer(zmq.PULL, bind=address) as sock:
        with running("cat", "PUSH", address, "--interval", "1h", "-d", "1", "-d", "2") as giver:
            assert sock.recv() == b"1"
            fails(stopped(giver, signal.SIGINT), 130, "1 messages were sent, the next was not")


def test_cat_ends_by_signals():
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with running("cat", "PULL", "@" + peers.free_address(), "-v") as child:
            wait_bound(child)
            assert stopped(child, number).code == code


def test_cat_quits_at_the_second_signal():
    address = peers.free_address()
    with peers.peer(zmq.PULL, bind=address, rcvhwm=1):
        with running("cat", "PUSH", address, "-d", "@-", "-n", 5, "--linger", "1h",
                     "--max-size", "64M") as child:
            child.stdin.write(bytes(1 << 24))
            child.stdin.close()
            child.stdin = None
            while child.poll() is None:
                child.send_signal(signal.SIGINT)
                try:
                    child.wait(0.2)
                except subprocess.TimeoutExpired:
                    pass
            assert child.returncode in (130, -signal.SIGINT), child.returncode


def test_cat_ends_quietly_when_its_reader_leaves():
    address = peers.free_address()
    with running("cat", "PULL", "@" + address) as taker:
        with running("cat", "PUSH", address) as giver:
            giver.stdin.write(b"one\n")
            assert taker.stdout.readline() == b'{"frames":["one"]}\n'
            taker.stdout.close()
            taker.stdout = None
            assert taker.wait(20) == 0
            assert taker.stderr.read() == b""


def test_cat_says_when_stdout_is_full():
    address = peers.free_address()
    with open("/dev/full", "w", encoding="utf-8") as full:
        taker = start("cat", "PULL", "@" + address, "-n", 1, stdout=full)
        succeeds(zloom("cat", "PUSH", address, "-d", "x"))
        fails(finish(taker), 7, "cannot write to stdout: No space left on device")


def test_cat_tells_of_connections_when_asked():
    address = peers.free_address()
    with running("cat", "PULL", "@" + address, "-v") as taker:
        wait_bound(taker)
        succeeds(zloom("cat", "PUSH", address, "-d", "x"))
        assert any(b": HANDSHAKE_SUCCEEDED tcp://" in line for line in taker.stderr)
        assert stopped(taker).code == 143
    taker = start("cat", "PULL", "@tcp://127.0.0.1:*")
    assert taker.stderr.readline().startswith(b"zloom cat: bound tcp://127.0.0.1:")
    assert stopped(taker).code == 143


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
