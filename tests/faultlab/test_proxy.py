"""Every mischief of the proxy, as a client meets it."""

import socket
import time
from collections.abc import Iterator
from threading import Thread

import pytest

from headgate.faultlab.proxy import MISCHIEFS, Plan, Proxy

ANSWER = b"x" * 1000


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            with sock:
                sock.recv(100)
                sock.sendall(ANSWER)

    Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    listening.close()


def met(server: int, plan: Plan) -> tuple[bytes, float]:
    proxy = Proxy("127.0.0.1", server, plans=(plan,))
    began, got = time.monotonic(), b""
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as sock:
        sock.sendall(b"hello")
        while data := sock.recv(4096):
            got += data
    return got, time.monotonic() - began


@pytest.mark.parametrize("mischief", ["none", "delay", "trickle"])
def test_what_only_takes_time_arrives_whole(server: int, mischief: str) -> None:
    got, took = met(server, Plan(mischief, 100, 0.3))  # type: ignore[arg-type]
    assert got == ANSWER and (took >= 0.3 or mischief == "none")


@pytest.mark.parametrize(("mischief", "length"), [("truncate", 100), ("stall", 100), ("half-open", 0)])
def test_what_is_cut_stops_where_it_should(server: int, mischief: str, length: int) -> None:
    got, _ = met(server, Plan(mischief, 100, 0.2))  # type: ignore[arg-type]
    assert len(got) == length


def test_a_reset_is_a_reset(server: int) -> None:
    with pytest.raises(ConnectionResetError):
        met(server, Plan("reset", 0))


def test_the_same_seed_does_the_same(server: int) -> None:
    runs = []
    for _ in range(2):
        proxy = Proxy("127.0.0.1", server, seed=7)
        runs.append([proxy._next() for _ in range(50)])
    assert runs[0] == runs[1] and {plan.mischief for plan in runs[0]} == set(MISCHIEFS)
