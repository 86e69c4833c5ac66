"""How many connections there are, who gets which, and that none is ever lost."""

import asyncio
import random
import time

import pytest

from headgate.transport import clock
from headgate.transport.pool import Bounds
from tests.transport.upstream import OK, Peer, failure, fetch, repeat, sender, settle, sockets, upstream

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def test_reuse_of_the_last_one() -> None:
    """Two at once need two connections; one at a time then uses the last of them alone."""
    both = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await both.wait()
            await peer.send(OK)

    async with upstream(script) as up, sender() as made:
        pair = [asyncio.create_task(fetch(made, up.out())) for _ in range(2)]
        await settle(lambda: up.requests == 2)
        both.set()
        await asyncio.gather(*pair)
        for _ in range(10):
            await fetch(made, up.out())
        assert sorted(len(peer.requests) for peer in up.peers) == [1, 11]
        assert (made.counts.open, made.counts.idle) == (2, 2)


async def test_line_is_fair() -> None:
    """Past the bound callers wait, and are served in the order they came."""
    order: list[int] = []

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await asyncio.sleep(0.005)
            await peer.send(OK)

    async with upstream(script) as up, sender(bounds=Bounds(connections=2)) as made:

        async def one(number: int) -> None:
            await fetch(made, up.out())
            order.append(number)

        tasks = []
        for number in range(20):
            tasks.append(asyncio.create_task(one(number)))
            await asyncio.sleep(0)
        await asyncio.sleep(0.01)
        assert made.counts.waiting > 0
        late = asyncio.create_task(one(20))
        await asyncio.gather(*tasks, late)
        assert all(abs(number - place) <= 1 for place, number in enumerate(order))
        assert order[-1] in (19, 20)
        assert len(up.peers) == 2
        assert (made.counts.open, made.counts.waiting) == (2, 0)


async def test_line_has_an_end_and_a_time() -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.gone()

    async with upstream(script) as up, sender(bounds=Bounds(connections=1, waiting=1)) as made:
        holder = asyncio.create_task(made.send(up.out()))
        await settle(lambda: up.requests == 1)
        started = time.monotonic()
        waiter = asyncio.create_task(made.send(up.out(connect_timeout=0.2)))
        await asyncio.sleep(0)
        error = await failure(made.send(up.out()))
        assert (error.status, error.code, error.type) == (503, "upstream_unavailable", "overloaded_error")
        assert (error.billed, error.same_target) == ("none", False)
        error = await failure(waiter)
        assert (error.status, error.code, error.billed) == (503, "upstream_unavailable", "none")
        assert 0.19 < time.monotonic() - started < 5
        holder.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holder
        assert made.counts.open == 0


async def test_a_slot_passes_on_when_a_connection_dies() -> None:
    """The one connection is closed each time: each caller in line gets the right to make its own."""
    data = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
    async with upstream(repeat(data)) as up, sender(bounds=Bounds(connections=1)) as made:
        assert await asyncio.gather(*[fetch(made, up.out()) for _ in range(20)]) == [(200, b"ok")] * 20
        assert len(up.peers) == 20
        assert made.counts.open == 0


async def test_a_slot_passes_on_when_connecting_fails() -> None:
    async with upstream(repeat(OK)) as up, sender(bounds=Bounds(connections=1)) as made:
        port = up.port
        up.port = 1
        refused = [asyncio.create_task(made.send(up.out())) for _ in range(10)]
        assert [(await failure(task)).code for task in refused] == ["upstream_connect_error"] * 10
        assert made.counts.open == 0
        up.port = port
        assert await fetch(made, up.out()) == (200, b"ok")


async def test_one_who_leaves_the_line_loses_nothing() -> None:
    """Cancelled while in line, or in the very instant that a connection or the right to one is handed over."""
    async with upstream(repeat(OK)) as up, sender(bounds=Bounds(connections=1)) as made:
        await fetch(made, up.out())
        pool = made._pools[up.origin]
        connection = pool.take()
        assert connection is not None
        tasks = [asyncio.create_task(fetch(made, up.out())) for _ in range(5)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.sleep(0)
        assert made.counts.waiting == 4
        pool.release(connection)
        tasks[0].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(r, asyncio.CancelledError) for r in results] == [True, True, False, False, False]
        assert (made.counts.open, made.counts.idle, len(up.peers)) == (1, 1, 1)

        connection = pool.take()
        assert connection is not None
        tasks = [asyncio.create_task(fetch(made, up.out())) for _ in range(3)]
        await asyncio.sleep(0)
        connection.abort()
        tasks[0].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(r, asyncio.CancelledError) for r in results] == [True, False, False]
        assert (made.counts.open, made.counts.idle, len(up.peers)) == (1, 1, 2)


async def test_idle_time() -> None:
    async with upstream(repeat(OK)) as up, sender(bounds=Bounds(idle_time=0.15)) as made:
        await fetch(made, up.out())
        await fetch(made, up.out())
        assert len(up.peers) == 1
        await asyncio.sleep(0.2)
        await fetch(made, up.out())
        assert len(up.peers) == 2
        await asyncio.wait_for(up.peers[0].left.wait(), 1)


@pytest.mark.parametrize(("hint", "again"), [(b"timeout=5, max=100", True), (b"timeout=1", False), (b"max=9", True)])
async def test_server_says_how_long_it_keeps(hint: bytes, again: bool) -> None:
    data = b"HTTP/1.1 200 OK\r\nKeep-Alive: %b\r\ncontent-length: 2\r\n\r\nok" % hint
    async with upstream(repeat(data)) as up, sender() as made:
        await fetch(made, up.out())
        await fetch(made, up.out())
        assert len(up.peers) == (1 if again else 2)


async def test_idle_bound_over_all_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest unused go first; an origin with nothing open is forgotten."""
    monkeypatch.setattr(clock, "SLOW", 0.02)
    async with upstream(repeat(OK)) as one, upstream(repeat(OK)) as two, sender(bounds=Bounds(idle=3)) as made:
        await asyncio.gather(*[fetch(made, one.out()) for _ in range(4)])
        await asyncio.gather(*[fetch(made, two.out()) for _ in range(2)])
        await settle(lambda: made.counts.idle == 3)
        assert made._pools[two.origin].counts.idle == 2
        for pool in made._pools.values():
            for connection in pool.connections:
                connection.expires = 0.0
        await settle(lambda: not made._pools)
        assert made._clock._timer is None  # and the clock stands still
        assert await fetch(made, one.out()) == (200, b"ok")


async def test_clock_rests() -> None:
    """It looks often only while something is waited for."""
    async with upstream(repeat(OK)) as up, sender() as made:
        assert made._clock._timer is None
        await fetch(made, up.out())
        assert made._clock.fast
        await settle(lambda: not made._clock.fast)
        timer = made._clock._timer
        assert timer is not None
        assert timer.when() - asyncio.get_running_loop().time() > 4
        await fetch(made, up.out())
        assert made._clock.fast


async def test_cancellation_storm() -> None:
    """1,000 requests, cancelled in every state, through few slots: in the end nothing is left."""
    rng = random.Random(7)

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await asyncio.sleep(rng.random() * 0.01)
            await peer.send(CHUNKED)
            for _ in range(3):
                await peer.send(b"5\r\nhello\r\n")
                await asyncio.sleep(rng.random() * 0.003)
            await peer.send(b"0\r\n\r\n")

    before = sockets()
    async with upstream(script) as up, sender(bounds=Bounds(connections=50)) as made:

        async def one() -> bytes:
            response = await made.send(up.out())
            got = b""
            while data := await response.read(5):
                got += data
            return got

        async def some(place: int) -> object:
            task = asyncio.create_task(one())
            if place % 10:
                await asyncio.sleep(rng.random() * 0.3)
                task.cancel()
            return (await asyncio.gather(task, return_exceptions=True))[0]

        results = await asyncio.gather(*[some(place) for place in range(1000)])
        done = [r for r in results if r == b"hello" * 3]
        assert all(isinstance(r, asyncio.CancelledError) for r in results if r not in done)
        assert 100 <= len(done) < 1000
        counts = made.counts
        assert counts.waiting == 0
        assert counts.open == counts.idle == len(made._pools[up.origin].connections)
        await settle(lambda: sum(not peer.left.is_set() for peer in up.peers) == counts.idle)
        assert await fetch(made, up.out()) == (200, b"hello" * 3)
        await made.close()
        await settle(lambda: all(peer.left.is_set() for peer in up.peers))
    await settle(lambda: sockets() <= before)


async def test_storm_of_connects() -> None:
    """Cancelled while connecting: slots and sockets come back."""
    before = sockets()
    async with upstream(repeat(OK)) as up, sender(bounds=Bounds(connections=20)) as made:
        for turn in range(4):
            tasks = [asyncio.create_task(fetch(made, up.out())) for _ in range(100)]
            for _ in range(turn):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(r, asyncio.CancelledError) for r in results)
            assert (made.counts.open - made.counts.idle, made.counts.waiting) == (0, 0)
        assert await fetch(made, up.out()) == (200, b"ok")
    await settle(lambda: sockets() <= before)
