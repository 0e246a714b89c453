#!/usr/bin/python3
"""Each type of socket that can be at the other end, bound and connected, and what it may bring along."""

import contextlib
import sys
import time

import msgpack
import zmq

import peers
from test_proxy import proxy
from test_pyzmq_router_serves import answer, calling, receive

LARGE = 16 << 20
ROOMY = ("--max-size", "20MiB")


@contextlib.contextmanager
def serving(*words):
    """A `zloom serve` that nobody has asked yet."""
    child = peers.command("serve", *words)
    try:
        yield child
        assert child.poll() is None, child.communicate()
    finally:
        child.kill()
        child.communicate()


# ---- Callers -----------------------------------------------------------------


def test_callers_of_both_types_may_bind_or_connect():
    for kind in (zmq.REQ, zmq.DEALER):
        with peers.serve("--echo") as (address, _), peers.peer(kind, connect=address) as sock:
            for call_id in range(20):
                assert peers.ask(sock, call_id, "echo", call_id) == (None, [call_id])
        address = peers.free_address()
        with peers.peer(kind, bind=address) as sock, serving(f">{address}", "--echo"):
            for call_id in range(20):
                assert peers.ask(sock, call_id, "echo", call_id) == (None, [call_id])


def test_envelopes_of_many_hops_come_back_whole():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        for envelope in ([b"one", b"two", b"three", b""], [bytes([n]) for n in range(15)],
                         [b"x" * 240], [b"", b"", b""]):
            sock.send_multipart([*envelope, peers.request(1, "echo", "x")])
            assert sock.recv_multipart() == [*envelope, peers.response(1, ["x"])]


def test_calls_pass_two_proxies():
    with proxy() as (front, back), proxy() as (far_front, far_back):
        with peers.peer(zmq.DEALER, connect=far_front) as bridge_out, \
                peers.peer(zmq.ROUTER, connect=back) as bridge_in, \
                serving(f">{far_back}", "--echo"), \
                peers.peer(zmq.REQ, connect=front) as sock:
            for call_id in range(20):
                sock.send(peers.request(call_id, "echo", call_id))
                bridge_out.send_multipart(bridge_in.recv_multipart())
                bridge_in.send_multipart(bridge_out.recv_multipart())
                assert sock.recv() == peers.response(call_id, [call_id])


def test_two_callers_with_the_same_routing_id():
    """The direct engine serves both. libzmq's ROUTER knows one peer by a name: the first."""
    with peers.serve("--echo") as (address, _), \
            peers.peer(zmq.DEALER, connect=address, routing_id=b"same") as one:
        assert peers.ask(one, 1, "echo", "one") == (None, ["one"])
        with peers.peer(zmq.DEALER, connect=address, routing_id=b"same") as other:
            for call_id in range(20):
                assert peers.ask(one, call_id, "echo", "one") == (None, ["one"])
                if peers.ENGINE != "libzmq":
                    assert peers.ask(other, call_id, "echo", "other") == (None, ["other"])


def test_an_empty_body_harms_nobody():
    with peers.serve("--echo") as (address, _), peers.peer(zmq.DEALER, connect=address) as sock:
        for _ in range(100):
            sock.send(b"")
            sock.send_multipart([b"", b""])
        assert peers.ask(sock, 1, "echo", b"") == (None, [b""])
        error, stats = peers.ask(sock, 2, "zloom.stats")
        assert error is None and stats["malformed"] == 200, stats


def test_a_body_of_16_mib_comes_back():
    body = bytes(range(256)) * (LARGE // 256)
    with peers.serve("--echo", *ROOMY) as (address, _), \
            peers.peer(zmq.DEALER, connect=address) as sock:
        for call_id in range(2):
            error, result = peers.ask(sock, call_id, "echo", body)
            assert error is None and result == [body]


def test_a_caller_outlives_its_server():
    """The same socket, and another process that serves at the address."""
    address = peers.free_address()
    with peers.peer(zmq.DEALER, connect=address) as sock:
        for call_id in range(3):
            with peers.serve("--echo", address=address):
                assert peers.ask(sock, call_id, "echo", call_id) == (None, [call_id])


# ---- Servers -----------------------------------------------------------------


def serve_one(sock):
    """Answer a request with its first argument; returns it."""
    *envelope, body = sock.recv_multipart()
    kind, call_id, _, params = msgpack.unpackb(body)
    assert kind == peers.REQUEST
    sock.send_multipart([*envelope, peers.response(call_id, params[0])])
    return params[0]


def bind_again(sock, address):
    """Bind where another socket was a moment ago: libzmq closes in its own time."""
    until = time.monotonic() + peers.PATIENCE_MS / 1000
    while True:
        try:
            return sock.bind(address)
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE or time.monotonic() > until:
                raise


def test_servers_of_each_type_may_bind():
    for kind, words in ((zmq.ROUTER, ()), (zmq.DEALER, ()), (zmq.REP, ("--rep",))):
        address = peers.free_address()
        with peers.peer(kind, bind=address) as sock:
            child = peers.command("call", address, "m", "7", *words)
            assert serve_one(sock) == 7
            assert peers.finish(child) == (0, "7\n", ""), kind


def test_servers_of_each_type_may_connect_to_a_proxy():
    for kind, words in ((zmq.ROUTER, ()), (zmq.DEALER, ()), (zmq.REP, ("--rep",))):
        with proxy() as (front, back), peers.peer(kind, connect=back) as sock:
            child = peers.command("call", front, "m", "7", *words)
            assert serve_one(sock) == 7
            assert peers.finish(child) == (0, "7\n", ""), kind


def test_a_server_that_restarts_is_found_again():
    address = peers.free_address()
    child = peers.command("call", address, "m", "-l", "--connect-timeout", "20s", stdin=-1)
    try:
        for number in range(3):
            with peers.peer(zmq.ROUTER) as sock:
                bind_again(sock, address)
                child.stdin.write(f"{number}\n")
                child.stdin.flush()
                assert serve_one(sock) in (number, str(number))
                #  What was answered is printed before the server goes.
                assert child.stdout.readline().strip().strip('"') == str(number)
        child.stdin.close()
        assert child.wait(peers.PATIENCE_MS / 1000) == 0, child.stderr.read()
    finally:
        child.kill()
        child.wait()


def test_an_answer_of_16_mib_arrives():
    with calling("m", "-", "-o", "raw", *ROOMY, stdin=-1) as (router, child):
        child.stdin.write("x" * LARGE)
        child.stdin.close()
        child.stdin = None
        envelope, call_id, _, params = receive(router)
        assert params == ["x" * LARGE]
        answer(router, envelope, call_id, None, "y" * LARGE)
        out = child.stdout.read()
        assert child.wait(peers.PATIENCE_MS / 1000) == 0, child.stderr.read()
        assert out.rstrip("\n") == "y" * LARGE


def test_an_empty_answer_is_none():
    with calling("m", "1") as (router, child):
        envelope, call_id, _, _ = receive(router)
        router.send_multipart([*envelope, b""])
        answer(router, envelope, call_id, None, "after all")
        status, out, err = peers.finish(child)
        assert (status, out.strip().strip('"')) == (0, "after all"), err


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
