"""A connection without a socket: thousands of broken responses, and every one of them comes to an end."""

import asyncio
import random
import struct
import time
from typing import Any

import pytest

from headgate.transport.base import Origin, Outbound
from headgate.transport.clock import Clock
from headgate.transport.connection import MAX_HEAD, Connection
from headgate.transport.outbox import Outbox
from headgate.transport.pool import Bounds, Pool
from headgate.transport.response import ALL, ANY, HEAD, Response
from tests.transport.test_client_framing import BROKEN, WHOLE
from tests.transport.upstream import OK, failure

SEEDS = [data for data, *_ in WHOLE.values()] + [data for data in BROKEN.values() if len(data) < 2000]
CODES = {"upstream_invalid_response", "upstream_stream_interrupted", "upstream_connect_error"}


class Wire:
    """A transport and a pool that only remember."""

    def __init__(self) -> None:
        self.origin = Origin("test", 80)
        self.aborted = 0
        self.released = 0
        self.written: list[bytes] = []
        self.progress: tuple[int, int] | None = None
        """Bytes sent and acknowledged so far; ``None`` where the system does not tell."""

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def writelines(self, pieces: Any) -> None:
        self.written.extend(pieces)

    def abort(self) -> None:
        self.aborted += 1

    def is_closing(self) -> bool:
        return bool(self.aborted)

    def get_extra_info(self, name: str) -> "Wire":
        return self

    def setsockopt(self, *options: object) -> None:
        pass

    def getsockopt(self, *options: object) -> bytes:
        """Return Linux's ``struct tcp_info``, as far as the connection reads it."""
        if self.progress is None:
            raise OSError
        sent, acknowledged = self.progress
        return bytes(120) + struct.pack("=Q", acknowledged + 1) + bytes(72) + struct.pack("=QQ", sent, 0) + bytes(16)

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def release(self, connection: Connection, hint: bytes | None) -> None:
        self.released += 1

    def forget(self, connection: Connection) -> None:
        pass


def connect(wire: Wire) -> Connection:
    loop = asyncio.get_running_loop()
    connection = Connection(wire, Clock(lambda now: (False, False)), loop, Outbox(loop))
    connection.connection_made(wire)
    return connection


def begin(connection: Connection) -> Response:
    response = connection.begin(Outbound(Origin("test", 80), b"POST / HTTP/1.1\r\n", b"", b"{}"))
    connection.wait(HEAD, 30.0)
    return response


def mutate(rng: random.Random, data: bytes) -> bytes:
    """Change, drop, repeat or insert some bytes."""
    out = bytearray(data)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(out) + 1)
        what = rng.randrange(5)
        if what == 0:
            out[at : at + 1] = rng.randbytes(1)
        elif what == 1:
            del out[at : at + rng.randrange(1, 8)]
        elif what == 2:
            out[at:at] = out[at : at + rng.randrange(1, 40)]
        elif what == 3:
            out[at:at] = rng.choice(
                [b"\r\n", b"\n", b"\r", b"0", b":", b" ", b"\x00", b"chunked", b"HTTP/1.1 200 OK\r\n"]
            )
        else:
            out += rng.choice(SEEDS)
    return bytes(out)


async def test_every_response_ends() -> None:
    """Whatever comes, in whatever pieces, and then the end: it is whole or an error, and nobody is left waiting."""
    rng = random.Random(11)
    whole = failed = reused = 0
    for _ in range(6000):
        wire = Wire()
        connection = connect(wire)
        response = begin(connection)
        waiter = connection.waiter
        assert waiter is not None
        data = mutate(rng, rng.choice(SEEDS))
        while data and response.connection is not None:
            cut = rng.randrange(1, len(data) + 1)
            connection.data_received(data[:cut])
            data = data[cut:]
            if waiter.done() and response.connection is not None:
                waiter = connection.wait(rng.choice([ANY, ALL]), 30.0)
        if not wire.released:
            connection.eof_received()
        connection.connection_lost(None)
        assert waiter.done()
        assert connection.waiter is None
        assert connection.response is None
        assert response.connection is None
        assert wire.released + wire.aborted >= 1
        if response.error is None:
            assert 200 <= response.status <= 999
            whole += 1
        else:
            assert response.error.code in CODES
            assert response.error.billed == "uncertain"
            failed += 1
        reused += wire.released
    assert min(whole, failed, reused) > 500  # the mutations reach both sides


async def test_reuse_after_many_responses() -> None:
    """One parser for the life of a connection: a thousand responses of every kind behind one another."""
    rng = random.Random(5)
    good = [(data, status, body) for data, status, body, again in WHOLE.values() if again and b"gzip" not in data]
    wire = Wire()
    connection = connect(wire)
    for n in range(1000):
        data, status, body = rng.choice(good)
        response = begin(connection)
        cut = rng.randrange(1, len(data) + 1)
        connection.data_received(data[:cut])
        if cut < len(data):
            connection.data_received(data[cut:])
        assert response.connection is None
        assert (response.status, b"".join(response.chunks), response.error) == (status, body, None)
        assert wire.released == n + 1
    assert not wire.aborted


async def test_limits_are_exact() -> None:
    """A head of 64 KiB passes in one read or in many, and a byte more does not."""
    for extra, passes in ((0, True), (1, False)):
        for step in (1 << 20, 1000):
            wire = Wire()
            connection = connect(wire)
            response = begin(connection)
            line = b"content-length: 0\r\n"
            filler = b"a: " + b"b" * (MAX_HEAD - len(line) - 5 + extra) + b"\r\n"
            data = b"HTTP/1.1 200 OK\r\n" + line + filler + b"\r\n"
            for at in range(0, len(data), step):
                connection.data_received(data[at : at + step])
            assert (response.error is None) is passes, (extra, step)
            assert wire.released == passes


RESET = ConnectionResetError()
PIPE = BrokenPipeError()


@pytest.mark.parametrize(
    ("used", "exc", "sent", "acknowledged", "unseen"),
    [
        (True, None, 1.0, 1.0, False),  # an orderly close by a peer that had it all
        (True, None, 1.0, 0.5, True),  # it had closed before it came
        (False, None, 1.0, 0.5, True),
        (True, None, 0.5, 0.5, True),  # it had not even left
        (True, RESET, 1.0, 1.0, False),
        (True, RESET, 1.0, 0.5, False),  # the acknowledgement may have been on its way
        (True, RESET, 0.5, 0.5, True),
        (True, PIPE, 0.5, 0.5, True),
        (False, PIPE, 0.0, 0.0, True),
        (True, None, None, None, True),  # an unknown system: most likely an idle close
        (False, None, None, None, False),
        (True, RESET, None, None, False),
    ],
)
async def test_who_may_have_seen_it(
    used: bool, exc: Exception | None, sent: float | None, acknowledged: float | None, unseen: bool
) -> None:
    """Only what the peer cannot have read is free of charge, and only on a used connection is it sent again."""
    wire = Wire()
    connection = connect(wire)
    if used:
        begin(connection)
        connection.data_received(OK)
    response = begin(connection)
    await asyncio.sleep(0)  # it leaves in the next turn
    total = sum(map(len, wire.written))
    if sent is not None and acknowledged is not None:
        wire.progress = int(total * sent), int(total * acknowledged)
    if exc is None:
        connection.eof_received()
    connection.connection_lost(exc)
    assert response.error is not None
    assert response.error.billed == ("none" if unseen else "uncertain")
    assert response.error.same_target is unseen
    assert response.stale is (unseen and used)


async def test_a_late_close_is_no_idle_close(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire()
    connection = connect(wire)
    begin(connection)
    connection.data_received(OK)
    response = begin(connection)
    now = time.monotonic()
    monkeypatch.setattr("headgate.transport.connection.monotonic", lambda: now + 1.5)
    connection.eof_received()
    assert response.error is not None
    assert (response.stale, response.error.billed) == (False, "uncertain")


async def test_closed_between_being_made_and_being_used() -> None:
    """The pool gives no such connection out, and keeps its slot."""
    wire = Wire()

    async def dial(pool: Pool, timeout: float) -> Connection:
        connection = connect(wire)
        connection.eof_received()
        return connection

    pool = Pool(wire.origin, Bounds(connections=1), Clock(lambda now: (False, False)), dial)
    for _ in range(3):
        error = await failure(pool.open(1.0))
        assert (error.code, error.billed) == ("upstream_connect_error", "none")
        assert pool.counts.open == 0


async def test_data_after_the_end_is_harmless() -> None:
    wire = Wire()
    connection = connect(wire)
    begin(connection)
    connection.data_received(b"garbage\r\n\r\n")
    connection.data_received(b"more")
    connection.eof_received()
    connection.connection_lost(None)
    connection.abort()
    assert wire.aborted == 1
