#!/usr/bin/python3
"""A DEALER of pyzmq's speaks the parts of docs/PROTOCOL.md that are for zloom peers."""

import contextlib
import os
import sys

import msgpack
import zmq

import peers

CANCEL, BEAT, BEAT_ANSWER = 5, 8, 9

#  ZMQ_METADATA, which neither zmq.h nor pyzmq has a name for.
METADATA = 95


@contextlib.contextmanager
def held():
    """A service with `echo`, and with `hold`, which waits as long as nobody opens its fifo."""
    with peers.folder() as path:
        fifo = os.path.join(path, "fifo")
        os.mkfifo(fifo)
        with peers.serve("--echo", "--exec", f"hold=cat {fifo}") as (address, _):
            yield address, fifo


def send(sock, *message):
    sock.send(msgpack.packb(message))


def receive(sock):
    return msgpack.unpackb(sock.recv())


def stats(address):
    with peers.peer(zmq.REQ, connect=address) as sock:
        return peers.ask(sock, 1, "zloom.stats")[1]


def await_count(address, name, count):
    """Ask until a counter has come to a number."""
    while stats(address)[name] < count:
        pass


def test_ping_shows_a_zloom_server():
    with peers.serve("--echo", "--name", "words") as (address, _), \
            peers.peer(zmq.DEALER, connect=address) as sock:
        error, result = peers.ask(sock, 1, "zloom.ping", "any", "arguments")
        assert error is None and (result["zloom"], result["name"]) == (1, "words"), result


def test_a_beat_is_answered():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        for number in (0, 1, 2**64 - 1):
            send(sock, BEAT, number)
            assert receive(sock) == [BEAT_ANSWER, number]


def test_headers_are_read_and_unknown_ones_passed_over():
    headers = {"ttl": 5000000, "attempt": 2, "key": b"k" * 64, "trace": "t", "user": {"a": 1},
               "of a later version": [1, {}]}
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        send(sock, peers.REQUEST, 1, "echo", ["x"], headers)
        assert receive(sock) == [peers.RESPONSE, 1, None, ["x"]]


def test_what_has_expired_on_arrival_is_dropped():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        send(sock, peers.REQUEST, 1, "echo", ["late"], {"ttl": 0})
        send(sock, peers.REQUEST, 2, "echo", ["in time"], {"ttl": 5000000})
        assert receive(sock) == [peers.RESPONSE, 2, None, ["in time"]]
        assert stats(address)["expired"] == 1


def test_a_call_whose_time_passes_is_ended():
    with held() as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        send(sock, peers.REQUEST, 1, "hold", [], {"ttl": 50000})
        await_count(address, "expired", 1)
        assert sock.poll(0) == 0


def test_a_cancel_reaches_the_call():
    with held() as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        send(sock, peers.REQUEST, 1, "hold", [], {})
        send(sock, CANCEL, 1)
        await_count(address, "cancelled", 1)
        send(sock, peers.REQUEST, 2, "echo", ["next"], {})
        assert receive(sock) == [peers.RESPONSE, 2, None, ["next"]]


def test_nobody_cancels_the_call_of_another():
    with held() as (address, fifo), peers.peer(zmq.DEALER, connect=address) as mine, \
            peers.peer(zmq.DEALER, connect=address) as other:
        send(mine, peers.REQUEST, 1, "hold", [], {})
        send(other, CANCEL, 1)
        assert peers.ask(other, 2, "echo") == (None, [])
        with open(fifo, "w", encoding="ascii") as end:
            end.write('"mine"')
        assert receive(mine) == [peers.RESPONSE, 1, None, "mine"]


def test_a_server_introduces_itself_to_a_client_that_has_the_property():
    with held() as (address, fifo):
        with contextlib.closing(peers.context.socket(zmq.DEALER)) as sock:
            sock.linger = 0
            sock.rcvtimeo = peers.PATIENCE_MS
            sock.setsockopt(METADATA, b"X-zloom:1")
            sock.connect(address)
            send(sock, peers.REQUEST, 1, "hold", [])
            assert receive(sock) == [BEAT_ANSWER, 0]
            with open(fifo, "w", encoding="ascii") as end:
                end.write("1")
            assert receive(sock) == [peers.RESPONSE, 1, None, 1]


def test_a_request_that_is_malformed_behind_its_id_is_answered():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        for call_id, rest in enumerate(([], ["echo"], ["echo", [], {"ttl": -1}], [7, []],
                                        ["echo", [], {}, 1])):
            send(sock, peers.REQUEST, call_id, *rest)
            kind, answered, error, result = receive(sock)
            assert (kind, answered, result) == (peers.RESPONSE, call_id, None)
            assert (error["code"], error["reason"]) == (3, "malformed"), error


def test_a_request_above_a_limit_is_answered():
    deep = 1
    for _ in range(20):
        deep = [deep]
    too_much = [deep, [0] * 65537, b"x" * (1 << 20)]
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        for call_id, value in enumerate(too_much):
            error, _ = peers.ask(sock, call_id, "echo", value)
            assert (error["code"], error["reason"]) == (8, "oversize"), error


def test_health_and_describe_are_as_the_protocol_says():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        assert peers.ask(sock, 1, "zloom.health") == (None, {"status": "SERVING"})
        _, described = peers.ask(sock, 2, "zloom.describe")
        assert set(described) == {"zloom", "name", "version", "methods"}
        echo = next(method for method in described["methods"] if method["name"] == "echo")
        assert set(echo) == {"name", "signature", "doc"}
        _, counted = peers.ask(sock, 3, "zloom.stats")
        assert counted["requests"] == 4 and counted["methods"]["echo"] == {"calls": 0, "failed": 0}


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
