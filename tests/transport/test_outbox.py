"""What is written in one turn of the loop leaves together, in order, and is neither lost nor sent twice."""

import asyncio
from typing import Any

import pytest

from headgate.transport.outbox import MOST, BatchedTransport, Outbox
from tests.transport.serving import Paper


class Counted(Paper):
    """Remembers what became of it, in order."""

    def __init__(self, told: list[tuple[str, bytes]], name: str) -> None:
        super().__init__()
        self._told, self._name = told, name

    def write(self, data: Any) -> None:
        super().write(data)
        self._told.append((self._name, data))

    def close(self) -> None:
        super().close()
        self._told.append((self._name, b"closed"))

    def abort(self) -> None:
        super().close()

    def fail(self) -> None:
        raise RuntimeError("Cannot call write() after write_eof()")

    def write_eof(self) -> None:
        self._told.append((self._name, b"eof"))


def pair() -> tuple[list[tuple[str, bytes]], BatchedTransport, BatchedTransport]:
    told: list[tuple[str, bytes]] = []
    outbox = Outbox(asyncio.get_running_loop())
    return told, BatchedTransport(Counted(told, "a"), outbox), BatchedTransport(Counted(told, "b"), outbox)


async def test_what_is_written_in_a_turn_leaves_in_the_next_in_order() -> None:
    told, a, b = pair()
    a.write(b"1")
    b.write(b"2")
    a.write(b"3")
    assert told == []
    await asyncio.sleep(0)
    assert told == [("a", b"1"), ("b", b"2"), ("a", b"3")]
    b.write(b"4")
    await asyncio.sleep(0)
    assert told[3:] == [("b", b"4")]


async def test_a_close_or_a_half_close_comes_after_what_was_written() -> None:
    told, a, b = pair()
    a.write(b"1")
    a.write_eof()
    b.write(b"2")
    b.close()
    await asyncio.sleep(0)
    assert told == [("a", b"1"), ("a", b"eof"), ("b", b"2"), ("b", b"closed")]


async def test_one_that_takes_no_more_keeps_nothing_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    told, a, b = pair()
    broken = Counted(told, "c")
    monkeypatch.setattr(broken, "write", lambda data: broken.fail())
    BatchedTransport(broken, a._outbox).write(b"0")
    a.write(b"1")
    b.write(b"2")
    await asyncio.sleep(0)
    assert told == [("a", b"1"), ("b", b"2")] and broken.closed


async def test_one_that_is_aborted_keeps_nothing_from_the_others() -> None:
    told, a, b = pair()
    a.write(b"1")
    b.write(b"2")
    a.abort()
    await asyncio.sleep(0)
    assert told == [("b", b"2")]


async def test_much_leaves_at_once_and_so_do_pieces_and_whoever_asks_how_much_is_left() -> None:
    told, a, b = pair()
    a.write(bytes(MOST))
    assert told == []
    b.write(b"2")
    assert [len(data) for _, data in told] == [MOST, 1]
    a.write(b"3")
    a.get_write_buffer_size()
    assert told[2:] == [("a", b"3")]
    b.write(b"4")
    b.writelines([b"5", b"6"])
    assert told[3:] == [("b", b"4"), ("b", b"56")]
