"""A WebSocket over a stream that the test holds."""

import asyncio
from collections.abc import Awaitable

from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import Ping, TextMessage

from headgate.transport.websocket import WebSocket


class Held:
    """A peer that sends what it is told to, and takes nothing until it is let."""

    def __init__(self, *data: bytes) -> None:
        self.data = list(data)
        self.written = 0
        self.reads = 0
        self.free = asyncio.Event()
        self.closed = False

    async def read(self) -> bytes:
        self.reads += 1
        return self.data.pop(0) if self.data else b""

    def write(self, data: bytes) -> Awaitable[None] | None:
        self.written += len(data)
        return None if self.free.is_set() else self._taken()

    async def _taken(self) -> None:
        await self.free.wait()

    def close(self) -> None:
        self.closed = True


async def test_a_message_in_very_many_fragments_is_one_buffer() -> None:
    peer = Connection(ConnectionType.CLIENT)
    frames = [peer.send(TextMessage("\u00e9", message_finished=i == 9_999)) for i in range(10_000)]
    socket = WebSocket(Held(b"".join(frames)), client=False, limit=100_000)
    assert await socket.receive() == "\u00e9" * 10_000
    assert not hasattr(socket, "_parts")


async def test_a_peer_that_reads_nothing_is_not_read_from() -> None:
    peer = Connection(ConnectionType.CLIENT)
    pings = peer.send(Ping(b"x" * 100))
    stream = Held(*[pings] * 50, peer.send(TextMessage("hello")))
    socket = WebSocket(stream, client=False, limit=1_000)
    receiving = asyncio.create_task(socket.receive())
    for _ in range(20):
        await asyncio.sleep(0)
    assert stream.reads == 1, "its first ping is not answered yet"
    stream.free.set()
    async with asyncio.timeout(10):
        assert await receiving == "hello"
    assert stream.reads == 51


async def test_who_sends_may_wait_for_the_same_thing() -> None:
    stream = Held()
    socket = WebSocket(stream, client=False, limit=1_000)
    waiting = socket.send("one")
    assert waiting is not None
    sending = asyncio.ensure_future(waiting)
    stream.free.set()
    async with asyncio.timeout(10):
        await sending
        await waiting
