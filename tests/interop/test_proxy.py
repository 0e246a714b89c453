#!/usr/bin/python3
"""A zmq_proxy stands between callers and `zloom serve`: envelopes pass it whole."""

import contextlib
import json
import sys
import threading

import msgpack
import zmq

import peers


@contextlib.contextmanager
def proxy():
    """A ROUTER before a DEALER, each bound; yields (front, back)."""
    front, back, control = (peers.free_address() for _ in range(3))
    with peers.peer(zmq.ROUTER, bind=front) as callers, \
            peers.peer(zmq.DEALER, bind=back) as servers, \
            peers.peer(zmq.PAIR, bind=control) as told, \
            peers.peer(zmq.PAIR, connect=control) as teller:
        thread = threading.Thread(target=zmq.proxy_steerable,
                                  args=(callers, servers, None, told))
        thread.start()
        try:
            yield front, back
        finally:
            teller.send(b"TERMINATE")
            thread.join()


@contextlib.contextmanager
def served(*options):
    """A server that is connected to the back of a proxy; yields the front."""
    with proxy() as (front, back):
        with peers.serve(*options, address=f">{back}", asked=front) as (address, _):
            yield address


def test_a_req_calls_through_a_proxy():
    with served("--echo") as front, peers.peer(zmq.REQ, connect=front) as sock:
        for call_id in range(100):
            assert peers.ask(sock, call_id, "echo", call_id) == (None, [call_id])


def test_the_command_calls_through_a_proxy():
    with served("--echo", "--exec", "wc=wc -w") as front:
        status, out, err = peers.zloom("call", front, "wc", "three words here")
        assert (status, json.loads(out)) == (0, 3), (status, err)


def test_describe_and_ping_pass_a_proxy():
    with served("--echo") as front:
        for verb in ("describe", "ping"):
            words = (verb, front) if verb == "describe" else (verb, front, "-n", "3")
            status, out, err = peers.zloom(*words)
            assert status == 0 and out, (verb, status, err)


def test_callers_behind_one_proxy_do_not_get_each_others_replies():
    with served("--echo") as front, contextlib.ExitStack() as stack:
        socks = [stack.enter_context(peers.peer(zmq.DEALER, connect=front)) for _ in range(10)]
        for call_id in range(50):
            for number, sock in enumerate(socks):
                sock.send(peers.request(call_id, "echo", number))
        for number, sock in enumerate(socks):
            answers = sorted(msgpack.unpackb(sock.recv()) for _ in range(50))
            assert answers == [[1, call_id, None, [number]] for call_id in range(50)]


def test_many_calls_of_the_command_are_under_way_through_a_proxy():
    with served("--echo") as front:
        child = peers.command("call", front, "echo", "-l", "--async", "100", stdin=-1)
        status, out, err = peers.finish(child, "".join(f"{n}\n" for n in range(1000)))
        assert status == 0, err
        assert [json.loads(line) for line in out.splitlines()] == [[n] for n in range(1000)]


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
