"""Names to addresses, and which of the addresses is connected to."""

import asyncio
import socket
import time

import pytest

from headgate.transport import dial, resolve
from headgate.transport.base import Origin, Outbound
from headgate.transport.client import Http1Sender
from headgate.transport.dial import Dialer
from headgate.transport.resolve import FRESH, MAX_NAMES, STALE, Resolver, lookup
from tests.transport.upstream import HEAD, OK, failure, fetch, repeat, sender, upstream


class Service:
    """A name service that a test may break, and a clock that it may turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.asked = 0
        self.answer: list[str] | Exception = ["192.0.2.1"]
        self.hold = asyncio.Event()
        self.hold.set()
        monkeypatch.setattr(resolve, "monotonic", lambda: self.now)

    async def ask(self, host: str, port: int) -> list[str]:
        self.asked += 1
        await self.hold.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_remembered_and_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(monkeypatch)
    names = Resolver(service.ask)
    assert await asyncio.gather(*[names.resolve("a", 1) for _ in range(50)]) == [["192.0.2.1"]] * 50
    service.now += FRESH
    assert await names.resolve("a", 1) == ["192.0.2.1"]
    assert service.asked == 1
    await names.resolve("b", 1)
    assert service.asked == 2


async def test_old_answer_while_a_new_one_is_sought(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name service that hangs, and one that fails, are not felt; then they are."""
    service = Service(monkeypatch)
    names = Resolver(service.ask)
    await names.resolve("a", 1)
    service.hold.clear()
    service.now += FRESH + 1
    for _ in range(10):
        assert await asyncio.wait_for(names.resolve("a", 1), 0.1) == ["192.0.2.1"]
    await asyncio.sleep(0)
    assert service.asked == 2
    service.answer = OSError("no")
    service.hold.set()
    await asyncio.sleep(0.01)
    service.now += 2
    assert await names.resolve("a", 1) == ["192.0.2.1"]
    await asyncio.sleep(0.01)
    assert service.asked == 3
    service.now += STALE
    with pytest.raises(OSError, match="no"):
        await names.resolve("a", 1)
    service.answer = ["192.0.2.2"]
    assert await names.resolve("a", 1) == ["192.0.2.2"]


async def test_new_answer_replaces_the_old(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(monkeypatch)
    names = Resolver(service.ask)
    await names.resolve("a", 1)
    service.answer = ["192.0.2.2"]
    service.now += FRESH + 1
    assert await names.resolve("a", 1) == ["192.0.2.1"]
    await asyncio.sleep(0.01)
    assert await names.resolve("a", 1) == ["192.0.2.2"]


async def test_bound_and_close(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(monkeypatch)
    names = Resolver(service.ask)
    for i in range(MAX_NAMES + 10):
        await names.resolve(f"{i}", 1)
    assert len(names._known) == MAX_NAMES
    service.hold.clear()
    waiting = asyncio.create_task(names.resolve("z", 1))
    await asyncio.sleep(0.01)
    await names.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_one_who_leaves_does_not_end_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(monkeypatch)
    service.hold.clear()
    names = Resolver(service.ask)
    first = asyncio.create_task(names.resolve("a", 1))
    second = asyncio.create_task(names.resolve("a", 1))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0)
    service.hold.set()
    assert await second == ["192.0.2.1"]
    assert service.asked == 1


async def test_families_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        (family, socket.SOCK_STREAM, 6, "", (address, 1))
        for family, address in [
            (socket.AF_INET6, "2001:db8::1"),
            (socket.AF_INET6, "2001:db8::2"),
            (socket.AF_INET6, "2001:db8::2"),
            (socket.AF_INET, "192.0.2.1"),
        ]
    ]

    class Loop:
        async def getaddrinfo(self, host: str, port: int, *, type: int) -> object:
            return found

    monkeypatch.setattr(asyncio, "get_running_loop", Loop)
    assert await lookup("a", 1) == ["2001:db8::1", "192.0.2.1", "2001:db8::2"]
    found.clear()
    with pytest.raises(OSError, match="no address"):
        await lookup("a", 1)


async def test_localhost() -> None:
    assert "127.0.0.1" in await lookup("localhost", 80)
    assert await lookup("127.0.0.1", 80) == ["127.0.0.1"]


def through(*addresses: str) -> Http1Sender:
    """Return a sender for which every name means *addresses*."""

    async def ask(host: str, port: int) -> list[str]:
        return list(addresses)

    made = Http1Sender()
    made._dialer = Dialer(resolver=Resolver(ask))
    return made


async def test_first_address_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """One refuses, so the next is tried at once; one is silent, so the next is tried beside it."""
    async with upstream(repeat(OK)) as up:
        origin = Origin("many.example", up.port)
        refusing = through("127.0.0.2", "127.0.0.1")
        started = time.monotonic()
        assert await fetch(refusing, Outbound(origin, HEAD)) == (200, b"ok")
        assert time.monotonic() - started < 5
        await refusing.close()

        connect = dial._connect
        cancelled: list[str] = []

        async def silent(origin: Origin, address: str, *more: object) -> object:
            if address == "127.0.0.3":
                try:
                    await asyncio.sleep(60)
                finally:
                    cancelled.append(address)
            return await connect(origin, address, *more)  # type: ignore[arg-type]

        monkeypatch.setattr(dial, "_connect", silent)
        slow = through("127.0.0.3", "127.0.0.1")
        started = time.monotonic()
        assert await fetch(slow, Outbound(origin, HEAD)) == (200, b"ok")
        assert 0.2 < time.monotonic() - started < 5
        await asyncio.sleep(0)
        assert cancelled == ["127.0.0.3"]
        assert slow.counts.open == 1
        await slow.close()


async def test_no_address_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        made = through("127.0.0.2", "127.0.0.1")
        error = await failure(made.send(Outbound(Origin("many.example", free.getsockname()[1]), HEAD)))
        assert (error.code, error.same_target) == ("upstream_connect_error", True)
        assert "refused" in error.message
        assert made.counts.open == 0
        await made.close()


async def test_pinned_address_is_the_one() -> None:
    """The name is not asked for at all."""
    async with upstream(repeat(OK)) as up, sender() as made:
        origin = Origin("name.invalid", up.port, address="127.0.0.1")
        assert await fetch(made, Outbound(origin, HEAD)) == (200, b"ok")
