#!/usr/bin/python3
"""A REQ socket that knows nothing of zloom calls `zloom serve`."""

import datetime
import sys

import msgpack
import zmq

import peers

EVERY_TYPE = [
    None, True, False, 0, 1, -1, 127, 128, -32, -33, 2**31, -2**31, 2**63 - 1, -2**63, 2**64 - 1,
    0.0, -1.5, 1e300, float("inf"), "", "text", "ünïcödé ☃", b"", b"\x00\xff", [], [[[]]], {},
    {"a": {"b": [1, 2, 3]}}, {1: "an integer key", b"x": "a key of bytes"},
    msgpack.ExtType(5, b"ext"), msgpack.Timestamp.from_datetime(
        datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)),
    "s" * 70000, list(range(1000)),
]


def test_a_req_socket_calls_as_plain_messagepack_rpc():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.REQ, connect=address) as sock:
        sock.send(msgpack.packb([0, 1, "echo", ["hello", 42]]))
        assert msgpack.unpackb(sock.recv()) == [1, 1, None, ["hello", 42]]


def test_calls_follow_one_another_on_one_socket():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.REQ, connect=address) as sock:
        for call_id in range(500):
            assert peers.ask(sock, call_id, "echo", call_id) == (None, [call_id])


def test_ids_have_64_bits():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.REQ, connect=address) as sock:
        for call_id in (0, 127, 128, 2**16, 2**32, 2**63, 2**64 - 1):
            assert peers.ask(sock, call_id, "echo", "x") == (None, ["x"])


def test_every_type_comes_back_as_it_was_sent():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.REQ, connect=address) as sock:
        for value in EVERY_TYPE:
            sock.send(peers.request(7, "echo", value))
            answer = msgpack.unpackb(sock.recv(), strict_map_key=False)
            assert answer == [1, 7, None, [value]], value


def test_a_req_that_correlates_gets_its_longer_envelope_back():
    with peers.serve("--echo") as (address, _), \
            peers.peer(zmq.REQ, connect=address, req_correlate=1, req_relaxed=1) as sock:
        for call_id in range(20):
            assert peers.ask(sock, call_id, "echo", call_id) == (None, [call_id])


def test_a_command_is_a_method():
    with peers.serve("--exec", "wc=wc -w") as (address, _), \
            peers.peer(zmq.REQ, connect=address) as sock:
        assert peers.ask(sock, 1, "wc", "some text") == (None, 2)


def test_an_unknown_method_is_an_error_with_a_code():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.REQ, connect=address) as sock:
        error, result = peers.ask(sock, 1, "no_such_method")
        assert result is None
        assert (error["code"], error["reason"]) == (12, "unknown-method")
        assert error["message"]


def test_a_failed_command_is_an_error_and_the_next_call_works():
    with peers.serve("--echo", "--exec", "no=false") as (address, _), \
            peers.peer(zmq.REQ, connect=address) as sock:
        error, result = peers.ask(sock, 1, "no")
        assert result is None and error["code"] == 2 and error["message"], error
        assert peers.ask(sock, 2, "echo", 1) == (None, [1])


def test_describe_tells_of_every_method():
    with peers.serve("--echo", "--exec", "wc=wc -w") as (address, _), \
            peers.peer(zmq.REQ, connect=address) as sock:
        error, result = peers.ask(sock, 1, "zloom.describe")
        assert error is None
        names = {method["name"] for method in result["methods"]}
        assert {"echo", "wc", "zloom.ping", "zloom.describe", "zloom.stats",
                "zloom.health"} <= names, names


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
