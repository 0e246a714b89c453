#!/usr/bin/python3
"""Peers whose messages are well-formed, and who mean no good."""

import sys

import msgpack
import zmq

import peers
from test_hostile import QUIET, resident_kib, settled

#  A server bounds what waits to 64 MiB of messages; around each is a call, and
#  a buffer that may be twice as large. Without a bound it would be 400 MB more.
UNREAD_KIB = 256 * 1024


def test_messages_about_calls_that_do_not_exist_are_dropped():
    strays = [[1, 5, None, "a result"], [1, 5, {"code": 3}, None], [5, 5], [6, 5, 1, "item"],
              [7, 5, 2**64 - 1], [9, 5], [2, "no_such_method", []]]
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        for _ in range(2000):
            for stray in strays:
                sock.send(msgpack.packb(stray))
        assert settled(sock) == (1, None, ["still here"])
        assert sock.poll(0) == 0


def send_many_frames(sock, count):
    sock.send_multipart([b"x"] * count)
    sock.send_multipart([b""] * count)
    sock.send_multipart([b"e" * 250] * count)


def test_messages_of_very_many_frames_are_dropped():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        for count in (2, 15, 16, 17, 60):
            send_many_frames(sock, count)
        assert settled(sock) == (1, None, ["still here"])


def test_messages_of_far_too_many_frames_cost_others_nothing():
    with peers.serve("--echo") as (address, _), \
            peers.peer(zmq.DEALER, connect=address) as bad, \
            peers.peer(zmq.DEALER, connect=address) as good:
        assert settled(good) == (1, None, ["still here"])
        for count in (100, 1000, 10000):
            send_many_frames(bad, count)
        assert settled(good) == (1, None, ["still here"])


def test_an_oversize_message_ends_its_connection_and_no_other():
    with peers.serve("--echo") as (address, _), \
            peers.peer(zmq.DEALER, connect=address) as bad, \
            peers.peer(zmq.DEALER, connect=address) as good:
        assert settled(good)[2] == ["still here"]
        bad.send(peers.request(1, "echo", b"x" * (2 << 20)))
        assert settled(good) == (1, None, ["still here"])
        assert settled(bad) == (1, None, ["still here"])


def until_served(sock):
    """Call until it is not refused any more; refusals are by name."""
    while True:
        error, _ = peers.ask(sock, 7, "echo")
        if error is None:
            return
        assert error["reason"] == "queue-full", error


def test_a_caller_that_never_reads_does_not_fill_the_memory():
    """400 MB of answers that nobody takes. Others are answered, be it by a refusal."""
    with peers.serve("--echo", env=QUIET) as (address, process), \
            peers.peer(zmq.DEALER, connect=address) as good:
        before = resident_kib(process)
        with peers.peer(zmq.DEALER, connect=address, rcvhwm=1) as lazy:
            body = peers.request(1, "echo", b"x" * 2000)
            for _ in range(200000):
                lazy.send(body)
            assert peers.ask(good, 1, "zloom.ping")[0] is None
            assert resident_kib(process) - before < UNREAD_KIB, resident_kib(process)
        until_served(good)


def test_a_peer_that_comes_and_goes_leaves_nothing_behind():
    with peers.serve("--echo", env=QUIET) as (address, process):
        for _ in range(50):
            with peers.peer(zmq.DEALER, connect=address) as sock:
                assert settled(sock)[1] is None
        before = resident_kib(process)
        for _ in range(500):
            with peers.peer(zmq.DEALER, connect=address) as sock:
                assert settled(sock)[1] is None
        assert resident_kib(process) - before < 8 * 1024


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
