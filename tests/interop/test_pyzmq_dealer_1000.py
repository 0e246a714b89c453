#!/usr/bin/python3
"""A DEALER with a thousand calls under way: replies may come in any order, and are told by id."""

import os
import random
import sys

import msgpack
import zmq

import peers

CALLS = 1000


def test_a_thousand_outstanding_calls_are_each_answered_once():
    ids = random.Random(1).sample(range(2**40), CALLS)
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        for call_id in ids:
            sock.send(peers.request(call_id, "echo", call_id))
        answered = {}
        for _ in ids:
            kind, call_id, error, result = msgpack.unpackb(sock.recv())
            assert kind == 1 and error is None and call_id not in answered
            answered[call_id] = result
        assert answered == {call_id: [call_id] for call_id in ids}


def test_a_call_that_waits_keeps_nobody_waiting():
    """The first call hangs on a fifo; all others overtake it."""
    with peers.folder() as path:
        fifo = os.path.join(path, "fifo")
        os.mkfifo(fifo)
        with peers.serve("--echo", "--exec", f"hold=cat {fifo}") as (address, _), \
                peers.peer(zmq.DEALER, connect=address) as sock:
            sock.send(peers.request(0, "hold"))
            for call_id in range(1, CALLS):
                sock.send(peers.request(call_id, "echo", call_id))
            overtaking = [msgpack.unpackb(sock.recv()) for _ in range(1, CALLS)]
            assert sorted(overtaking) == [[1, n, None, [n]] for n in range(1, CALLS)]
            with open(fifo, "w", encoding="ascii") as end:
                end.write('"held"')
            assert msgpack.unpackb(sock.recv()) == [1, 0, None, "held"]


def test_an_empty_delimiter_is_mirrored():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        sock.send_multipart([b"", peers.request(1, "echo", "with")])
        assert sock.recv_multipart() == [b"", peers.response(1, ["with"])]
        sock.send_multipart([peers.request(2, "echo", "without")])
        assert sock.recv_multipart() == [peers.response(2, ["without"])]


def test_two_peers_may_use_the_same_ids():
    with peers.serve("--echo") as (address, _), \
            peers.peer(zmq.DEALER, connect=address) as one, \
            peers.peer(zmq.DEALER, connect=address) as other:
        for call_id in range(200):
            one.send(peers.request(call_id, "echo", "one"))
            other.send(peers.request(call_id, "echo", "other"))
        for sock, name in ((one, "one"), (other, "other")):
            answers = sorted(msgpack.unpackb(sock.recv()) for _ in range(200))
            assert answers == [[1, n, None, [name]] for n in range(200)]


def test_a_notification_is_not_answered():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        sock.send(msgpack.packb([peers.NOTIFICATION, "echo", ["quiet"]]))
        sock.send(peers.request(1, "echo", "loud"))
        assert msgpack.unpackb(sock.recv()) == [1, 1, None, ["loud"]]


def test_a_plain_peer_sees_nothing_but_responses():
    """No beats and no kinds of zloom's own, however long it stays."""
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        assert peers.ask(sock, 1, "echo", 1) == (None, [1])
        assert sock.poll(2500) == 0


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
