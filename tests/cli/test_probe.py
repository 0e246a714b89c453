#!/usr/bin/python3
"""`zloom probe`: what it prints, and every way in which it ends."""

import contextlib
import json
import socket
import sys
import threading

import msgpack
import zmq

from shell import fails, on_terminal, peers, running, succeeds, zloom


@contextlib.contextmanager
def listener(line, hangs_up=False):
    """Something that accepts one connection, and says a line."""
    address = peers.free_address()
    with socket.create_server(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as server:
        def accept():
            sock, _ = server.accept()
            with sock:
                sock.sendall(line)
                with contextlib.suppress(ConnectionError):
                    while not hangs_up and sock.recv(4096):
                        pass
        thread = threading.Thread(target=accept)
        thread.start()
        yield address
        thread.join(10)


def test_probe_prints_json_into_a_pipe():
    address = peers.free_address()
    with peers.peer(zmq.ROUTER, bind=address, routing_id=b"me"):
        told = json.loads(succeeds(zloom("probe", address)).out)
    times = [told.pop(name) for name in ("connect_us", "handshake_us", "ping_us")]
    assert all(0 < time < 5e6 for time in times), times
    assert told == {"address": address, "found": "socket", "zmtp": "3.1", "mechanism": "NULL",
                    "as_server": False, "socket_type": "ROUTER", "zloom": None,
                    "engine": None, "routing_id": "bWU=", "says": None}, told


def test_probe_tells_the_engine_of_zloom():
    for engine in ("direct", "libzmq"):
        address = peers.free_address()
        with running("serve", address, "--echo", "--engine", engine):
            succeeds(zloom("ping", address))
            told = json.loads(succeeds(zloom("probe", address)).out)
            assert (told["zloom"], told["engine"]) == ("1", engine), told
            text = succeeds(zloom("probe", address, "-o", "text")).out.decode()
            assert f"\n  zloom         1\n  engine        {engine}\n" in text, text


def test_probe_prints_every_other_form():
    address = peers.free_address()
    with peers.peer(zmq.PUSH, bind=address):
        text = succeeds(zloom("probe", address, "-o", "text")).out.decode()
        assert text.startswith(f"{address}\n  found         socket\n"), text
        assert "\n  socket type   PUSH\n" in text and "\n  round trip    -\n" in text, text
        assert on_terminal("probe", address).out.startswith(text.encode()[:60])
        packed = msgpack.unpackb(succeeds(zloom("probe", address, "-o", "msgpack")).out)
        assert packed["socket_type"] == "PUSH" and packed["ping_us"] is None, packed
        digits = succeeds(zloom("probe", address, "-o", "hex")).out.decode()
        assert msgpack.unpackb(bytes.fromhex(digits))["socket_type"] == "PUSH"


def test_probe_of_nobody():
    address = peers.free_address()
    fails(zloom("probe", address), 4, f"'{address}': nobody listens there (connection refused)",
          "  try: start what should listen there")
    fails(zloom("probe", "ipc:///no/such/path"), 4, "'ipc:///no/such/path': no such ipc path")
    fails(zloom("probe", "tcp://no-such-host.invalid:1"), 4, "cannot find host 'no-such-host.invalid'")


def test_probe_of_no_address():
    fails(zloom("probe", "localhost:5555"), 2, "an address begins with tcp:// or ipc://",
          "  try: tcp://HOST:PORT, or ipc:///PATH")
    fails(zloom("probe", "tcp://h:0"), 2, "a tcp port is a number from 1 to 65535")
    fails(zloom("probe", "tcp://\x1b[31m:1x"), 2, "'tcp://\\x1b[31m:1x'")


def test_probe_of_a_socket_with_keys():
    _, secret = zmq.curve_keypair()
    address = peers.free_address()
    with peers.peer(zmq.PULL) as sock:
        sock.curve_server, sock.curve_secretkey = 1, secret
        sock.bind(address)
        result = fails(zloom("probe", address), 5, "a ZMTP 3.1 peer that wants CURVE keys")
        assert json.loads(result.out)["mechanism"] == "CURVE"


def test_probe_of_a_stranger():
    with listener(b"SSH-2.0-\x1b[31mdropbear\r\n") as address:
        result = fails(zloom("probe", address), 4, "does not speak ZMTP",
                       "it says 'SSH-2.0-\\x1b[31mdropbear'")
        assert json.loads(result.out)["says"] == "SSH-2.0-\\x1b[31mdropbear"


def test_probe_of_somebody_silent():
    with listener(b"") as address:
        result = fails(zloom("probe", address, "-t", "200ms"), 4, "and says nothing", "STREAM")
        assert json.loads(result.out)["found"] == "silent"


def test_probe_of_somebody_who_hangs_up():
    with listener(b"", hangs_up=True) as address:
        fails(zloom("probe", address), 4, "accepts connections and hangs up")


def test_probe_of_a_broken_peer():
    with listener(b"\xff" + bytes(8) + b"\x7f\x03\x01NULL" + bytes(48) + b"\x04\x06\x05HELLO") as address:
        fails(zloom("probe", address), 10, "breaks the rules of ZMTP: a command that is neither")


def test_probe_when_stdout_is_full():
    address = peers.free_address()
    with peers.peer(zmq.PUB, bind=address), open("/dev/full", "w", encoding="utf-8") as full:
        fails(zloom("probe", address, stdout=full), 7, "cannot write to stdout")


if __name__ == "__main__":
    sys.exit(peers.run(globals()))
