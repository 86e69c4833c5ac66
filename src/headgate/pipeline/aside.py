"""Work that nobody waits for: so much is under way at most, and what is above that is left out."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from headgate.core.omissions import Omissions

log = logging.getLogger("headgate.pipeline")
MOST = 16
"""Tasks under way in one process."""


class Aside:
    """Runs it, until it is closed."""

    __slots__ = ("_tasks", "left_out")

    def __init__(self) -> None:
        self.left_out = Omissions(
            log, "copies of calls (shadow) were left out, as there was no room or no way for them"
        )
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin *work* if there is room."""
        if len(self._tasks) >= MOST:
            self.left_out.add()
            return
        task = asyncio.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
