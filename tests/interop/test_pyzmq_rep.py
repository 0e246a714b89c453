#!/usr/bin/python3
"""A REP socket that knows nothing of zloom serves `zloom call --rep`."""

import contextlib
import json
import sys

import msgpack
import zmq

import peers


@contextlib.contextmanager
def calling(*words, **options):
    """A bound REP socket, and a `zloom call` of it."""
    address = peers.free_address()
    with peers.peer(zmq.REP, bind=address) as sock:
        child = peers.command("call", address, "--rep", *words, **options)
        try:
            yield sock, child
        finally:
            child.kill()
            child.communicate()


def test_a_rep_socket_answers_a_call():
    with calling("add", "1", "2") as (sock, child):
        kind, call_id, method, params = msgpack.unpackb(sock.recv())
        assert (kind, method, params) == (peers.REQUEST, "add", [1, 2])
        sock.send(peers.response(call_id, 3))
        status, out, err = peers.finish(child)
        assert (status, json.loads(out), err) == (0, 3, "")


def test_a_rep_socket_answers_many_calls_one_after_the_other():
    with calling("double", "-l", "--async", "10", stdin=-1) as (sock, child):
        child.stdin.write("".join(f"{n}\n" for n in range(100)))
        child.stdin.flush()
        for _ in range(100):
            _, call_id, _, (number,) = msgpack.unpackb(sock.recv())
            sock.send(peers.response(call_id, 2 * number))
        status, out, err = peers.finish(child)
        assert status == 0, err
        assert [json.loads(line) for line in out.splitlines()] == [2 * n for n in range(100)]


def test_a_rep_socket_never_gets_a_message_that_wants_no_reply():
    """A beat or a cancel would put it out of step for good."""
    with calling("m", "--timeout", "8s") as (sock, child):
        _, call_id, _, _ = msgpack.unpackb(sock.recv())
        assert sock.poll(2500) == 0
        sock.send(peers.response(call_id, "done"))
        assert peers.finish(child)[0] == 0
        assert sock.poll(500) == 0


def test_a_rep_socket_that_answers_with_an_error_is_understood():
    with calling("m") as (sock, child):
        _, call_id, _, _ = msgpack.unpackb(sock.recv())
        sock.send(peers.response(call_id, error="it broke"))
        status, out, err = peers.finish(child)
        assert (status, out) == (6, "") and "it broke" in err, (status, err)


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
