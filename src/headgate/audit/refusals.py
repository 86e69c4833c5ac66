"""What the management API refused by policy, noted off the path of the request that was refused.

A refusal that goes on is told once a minute, with how often it came. What does not fit the queue is counted.
"""

import asyncio
import logging
from contextlib import suppress
from time import monotonic

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.storage.audit import AuditEntry, note

log = logging.getLogger("headgate.audit")

MAX_WAITING = 1000
MINUTE = 60.0
MAX_WATCHED = 10_000
PAUSE = 0.2
"""Seconds in which refusals come together."""

_Kind = tuple[str, str, str, str]


class Refusals:
    """A bounded queue. Used on one event loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.dropped = 0
        self._engine = engine
        self._waiting: list[AuditEntry] = []
        self._told: dict[_Kind, tuple[float, int]] = {}
        self._task: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    def add(self, entry: AuditEntry) -> None:
        """Have a refusal noted, soon. Never waits."""
        kind = (entry.tenant_id, entry.actor_id, entry.action, entry.object_kind)
        last, untold = self._told.get(kind, (-MINUTE, 0))
        now = monotonic()
        if now - last < MINUTE:
            self._told[kind] = (last, untold + 1)
            return
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        if len(self._told) >= MAX_WATCHED:
            self._told.clear()
        self._told[kind] = (now, 0)
        self._waiting.append(msgspec.structs.replace(entry, after={**(entry.after or {}), "times": untold + 1}))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._soon())

    async def flush(self) -> None:
        """Note what waits."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        async with self._engine.begin() as con:
            for entry in waiting:
                await note(con, entry)

    async def close(self) -> None:
        """Note what waits, and end."""
        self._ending.set()
        if self._task is not None:
            await self._task  # taken away amid a transaction, it would lose what it notes and leave the lock behind
        await self.flush()

    async def _soon(self) -> None:
        try:
            while self._waiting:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), PAUSE)
                await self.flush()
        except Exception:  # the request was answered long ago; a store that fails is told by others
            log.warning("refusals could not be noted in the audit log", exc_info=True)
