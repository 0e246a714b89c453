#!/usr/bin/python3
"""A ROUTER that knows nothing of zloom serves `zloom call`."""

import contextlib
import json
import sys

import msgpack
import zmq

import peers


@contextlib.contextmanager
def calling(*words, **options):
    """A bound ROUTER, and a `zloom call` of it."""
    address = peers.free_address()
    with peers.peer(zmq.ROUTER, bind=address) as router:
        child = peers.command("call", address, *words, **options)
        try:
            yield router, child
        finally:
            child.kill()
            child.communicate()


def receive(router):
    """The next request: (what stands before the body, its id, method, params)."""
    *envelope, body = router.recv_multipart()
    kind, call_id, method, params = msgpack.unpackb(body)
    assert kind == peers.REQUEST
    return envelope, call_id, method, params


def answer(router, envelope, *elements):
    router.send_multipart([*envelope, msgpack.packb([peers.RESPONSE, *elements])])


def test_a_request_has_four_elements_and_a_result_is_printed():
    with calling("add", "1", "2") as (router, child):
        envelope, call_id, method, params = receive(router)
        assert len(envelope) == 1
        assert (method, params) == ("add", [1, 2])
        answer(router, envelope, call_id, None, 3)
        status, out, err = peers.finish(child)
        assert (status, json.loads(out), err) == (0, 3, "")


def test_arguments_arrive_as_what_they_are():
    with calling("m", "text", "-5", "1.5", "true", "null", '"7"', '{"a": [1]}') as (router, child):
        envelope, call_id, _, params = receive(router)
        assert params == ["text", -5, 1.5, True, None, "7", {"a": [1]}]
        answer(router, envelope, call_id, None, None)
        assert peers.finish(child)[0] == 0


def test_an_error_map_of_ours_is_understood():
    with calling("m") as (router, child):
        envelope, call_id, _, _ = receive(router)
        error = {"code": 5, "message": "no such order", "data": {"order": 7}}
        answer(router, envelope, call_id, error, None)
        status, out, err = peers.finish(child)
        assert (status, out) == (6, "") and "no such order" in err, err


def test_anybody_elses_error_is_shown():
    for error in ("it broke", ["a", 1], 17, {"what": "else"}):
        with calling("m") as (router, child):
            envelope, call_id, _, _ = receive(router)
            answer(router, envelope, call_id, error, None)
            status, out, err = peers.finish(child)
            assert (status, out) == (6, ""), status
            assert not isinstance(error, str) or error in err, err


def test_control_characters_of_a_peer_do_not_reach_the_terminal():
    with calling("m") as (router, child):
        envelope, call_id, _, _ = receive(router)
        answer(router, envelope, call_id, "red \x1b[31m alert\x07", None)
        status, _, err = peers.finish(child)
        assert status == 6 and "\x1b" not in err and "\x07" not in err and "alert" in err, err


def test_a_reply_to_another_call_is_not_taken_for_ours():
    with calling("m") as (router, child):
        envelope, call_id, _, _ = receive(router)
        answer(router, envelope, call_id + 1, None, "another's")
        answer(router, envelope, call_id + 65536, None, "a stranger's")
        answer(router, envelope, call_id, None, "ours")
        answer(router, envelope, call_id, None, "late")
        status, out, _ = peers.finish(child)
        assert (status, json.loads(out)) == (0, "ours")


def test_a_plain_server_sees_requests_only():
    """No beats, no pings, no cancel: one request, then silence while it works."""
    with calling("m", "--timeout", "8s") as (router, child):
        envelope, call_id, _, _ = receive(router)
        assert router.poll(2500) == 0
        answer(router, envelope, call_id, None, "done")
        assert peers.finish(child)[0] == 0


def test_a_server_that_never_answers_is_a_deadline():
    with calling("m", "--timeout", "300ms") as (router, child):
        receive(router)
        status, out, err = peers.finish(child)
        assert (status, out) == (3, "") and err, status


def test_a_server_that_goes_away_ends_the_call_at_once():
    with calling("m", "--timeout", "60s") as (router, child):
        receive(router)
        router.close()
        status, out, err = peers.finish(child)
        assert (status, out) == (4, "") and err, (status, err)


def test_a_socket_of_the_wrong_type_is_named():
    address = peers.free_address()
    with peers.peer(zmq.PUB, bind=address):
        status, out, err = peers.zloom("call", address, "m")
        assert (status, out) == (4, "") and "PUB" in err, (status, err)


def test_nobody_there_is_told_apart():
    status, out, err = peers.zloom("call", peers.free_address(), "m")
    assert (status, out) == (4, "") and err, (status, err)


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
