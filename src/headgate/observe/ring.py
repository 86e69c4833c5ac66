"""The last finished calls, in the order in which they were stored, for those who look on."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from time import time_ns

import msgspec

from headgate.core.record import Record
from headgate.observe.facts import did_of, strongest
from headgate.observe.log import LogFilter

MAX_CALLS = 2000
MAX_BYTES = 16 * 1024 * 1024
MAX_WAITING = 100
"""Onlookers that are let wait; more are answered at once, with what there is."""
_record = msgspec.json.Decoder(Record).decode


class Entry:
    """A record as it was stored, decoded when somebody first looks at it."""

    __slots__ = ("number", "raw", "record")

    def __init__(self, number: int, raw: bytes) -> None:
        self.number = number
        self.raw = raw
        self.record: Record | None = None

    def read(self) -> Record | None:
        """Return the record; ``None`` for one that cannot be read."""
        if self.record is None:
            with suppress(msgspec.MsgspecError):
                self.record = _record(self.raw)
        return self.record


class Ring:
    """Bounded: whoever is slow finds the oldest gone. One thread offers, one event loop looks on."""

    def __init__(self, calls: int = MAX_CALLS, size: int = MAX_BYTES) -> None:
        """*size* is in bytes."""
        self._lock = Lock()
        self._entries: deque[Entry] = deque()
        self._calls, self._size, self._bytes = calls, size, 0
        self.last = time_ns() // 1000
        """The number of the latest. It begins with the time, so that those of an earlier process are all older."""
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def offer(self, batch: Sequence[bytes]) -> None:
        """Take *batch* in. Never waits."""
        with self._lock:
            for raw in batch:
                self.last += 1
                self._entries.append(Entry(self.last, raw))
                self._bytes += len(raw)
            while len(self._entries) > self._calls or self._bytes > self._size:
                self._bytes -= len(self._entries.popleft().raw)
            waiting = list(self._waiting.items())
        for event, loop in waiting:
            with suppress(RuntimeError):  # its loop has ended
                loop.call_soon_threadsafe(event.set)

    def since(self, number: int, wanted: Callable[[Record], bool], limit: int) -> tuple[list[tuple[int, Record]], int]:
        """Return the first *limit* calls after *number* that are *wanted*, and the number to go on from."""
        with self._lock:
            entries = [entry for entry in self._entries if entry.number > number]
            last = self.last
        found: list[tuple[int, Record]] = []
        for entry in entries:
            record = entry.read()
            if record is not None and wanted(record):
                found.append((entry.number, record))
                if len(found) == limit:
                    return found, entry.number
        return found, last

    async def wait(self, number: int, seconds: float) -> None:
        """Return when there is one after *number*, or after *seconds*."""
        if len(self._waiting) >= MAX_WAITING:
            return
        event = asyncio.Event()
        with self._lock:
            if self.last > number:
                return
            self._waiting[event] = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
        finally:
            with self._lock:
                self._waiting.pop(event, None)


def fits(record: Record, tenant_id: str, where: LogFilter) -> bool:
    """Whether *record* is one that *where* asks for; the same as the store's filters, for one call."""
    inside = where.within
    wanted = (
        (where.key_id, record.key_id),
        (where.team_id, record.team_id),
        (where.app_id, record.app_id),
        (where.user_id, record.user_id),
        (where.end_user, record.end_user),
        (where.model, record.model_used or record.model_requested),
        (where.asked, record.model_requested),
        (where.provider, record.provider_used),
        (where.surface, record.surface),
        (where.status, record.status),
        (where.code, record.code),
        (where.route, record.route),
    )
    ranges = (
        (where.since, record.at, None if where.until is None else where.until - 1),
        (where.min_cost, record.cost_nano, where.max_cost),
        (where.min_ms, record.total_ms, where.max_ms),
    )
    return (
        record.tenant_id == tenant_id
        and all(value is None or value == has for value, has in wanted)
        and all(_between(*one) for one in ranges)
        and set(where.tags) <= set(record.tags)
        and (
            where.tried is None or any(where.tried in (a.provider, f"{a.provider}/{a.model}") for a in record.attempts)
        )
        and (where.outcome is None or where.outcome in (record.code, *(a.outcome for a in record.attempts)))
        and (where.billed is None or where.billed in (record.billed, *(a.billed for a in record.attempts)))
        and (where.cache is None or (record.cache is not None and record.cache.verdict == where.cache))
        and (where.guard is None or where.guard == strongest(did_of(record.guardrails)))
        and (
            inside is None
            or (record.team_id is not None and record.team_id in inside.teams)
            or (record.user_id is not None and record.user_id == inside.user_id)
            or (record.key_id is not None and record.key_id == inside.key_id)
        )
    )


def _between(least: float | None, value: float | None, most: float | None) -> bool:
    if least is None and most is None:
        return True
    return value is not None and (least is None or value >= least) and (most is None or value <= most)
