"""Several tries of one call under way at once, each a copy of the call: they share its account and its caller.

Of a race the first whose answer begins goes on, and the others are cancelled. A gathering lets all of them end, and
keeps their answers.
"""

import asyncio
from asyncio import FIRST_COMPLETED, CancelledError, Task
from collections.abc import Callable
from copy import copy
from functools import partial

import msgspec

from headgate.core.call import Call
from headgate.core.record import Role
from headgate.pipeline.one import one
from headgate.pipeline.parts import Parts
from headgate.pipeline.resume import Resume
from headgate.providers.base import Target
from headgate.transport.base import Inbound

RACES = frozenset(("chat", "embeddings", "rerank"))
"""Operations of which several tries may be under way at once."""
TAKEN_OVER = (
    "target", "spoken", "attempt", "request", "streaming", "usage", "billed", "finish", "dropped", "defaulted", "error",
    "status", "bytes_out", "settled", "resume", "passing", "tape",
)  # fmt: skip
"""What a call takes over of the try that answered."""


class Answer(msgspec.Struct, frozen=True, eq=False):
    """One of several whole answers, in the form its caller would have got it in."""

    call: Call
    inbound: Inbound
    body: bytes


class Tries:
    """The tries of one call that are under way, in the order they began."""

    def __init__(self, call: Call, parts: Parts, hopeless: Callable[[BaseException], bool]) -> None:
        """*hopeless* says of what a try failed with whether no other would do better."""
        self._call = call
        self._parts = parts
        self._hopeless = hopeless
        self._tasks: dict[Task[None], Call] = {}
        self.winner: Call | None = None
        self.answers: list[Answer] = []

    def race(self, target: Target, role: Role, *, last: bool) -> None:
        """Ask *target* too; it answers the caller if it is the first to begin."""
        self._begin(target, role, self._claim, last=last)

    def gather(self, target: Target, role: Role, *, last: bool) -> None:
        """Ask *target* too, and keep what it answers."""
        self._begin(target, role, self._keep, last=last)

    async def end(
        self, *, enough: Callable[[], bool] = lambda: False, later: tuple[float, Callable[[], None]] | None = None
    ) -> None:
        """Wait for the tries to end, or until they are *enough*, and cancel those left: every hold has its end then.

        *later* is what to do unless one has begun to answer, or ended, within so many seconds. Raise what the first
        failed with where none has answered, or what says that none can.
        """
        try:
            if later is not None and not await self._wait(later[0]) and self.winner is None:
                later[1]()
            while self._running() and not enough() and self._final() is None:
                await self._wait(None)
        finally:
            await self._stop(self._running())
            self._take_over()
        if self.winner is not None:
            self._task_of(self.winner).result()
        elif not self.answers and (errors := self._errors()):
            raise self._final() or errors[0]

    @property
    def waiting_for(self) -> list[Call]:
        """The tries that have not ended."""
        return [self._tasks[task] for task in self._running()]

    def _running(self) -> list[Task[None]]:
        return [task for task in self._tasks if not task.done()]

    def _task_of(self, branch: Call) -> Task[None]:
        return next(task for task, one_of_them in self._tasks.items() if one_of_them is branch)

    def _errors(self) -> list[BaseException]:
        ended = [task for task in self._tasks if task.done() and not task.cancelled()]
        return [error for task in ended if (error := task.exception()) is not None]

    def _final(self) -> BaseException | None:
        errors = self._errors()
        return None if self.winner is not None else next(filter(self._hopeless, errors), None)

    async def _wait(self, timeout: float | None) -> bool:
        """Wait until one more try has ended; return whether any did within *timeout* seconds."""
        ended, _ = await asyncio.wait(self._running(), timeout=timeout, return_when=FIRST_COMPLETED)
        return bool(ended)

    async def _stop(self, tasks: list[Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _begin(self, target: Target, role: Role, claim: Callable[..., object], *, last: bool) -> None:
        branch = copy(self._call)
        self._call.counted = False
        branch.dropped, branch.defaulted = [], self._call.defaulted.copy()
        branch.resume = Resume() if branch.resume is not None else None
        branch.tape = copy(branch.tape)  # of several answers a cache keeps the one that is given
        branch.target = target
        branch.claim, branch.role = partial(claim, branch), role
        self._tasks[asyncio.create_task(one(branch, self._parts, target, last=last))] = branch

    async def _claim(self, branch: Call, inbound: Inbound, body: bytes) -> bool:
        """Make *branch* the one that answers, once the others have ended; it is cancelled where another is."""
        if self.winner is not None:
            raise CancelledError
        self.winner = branch
        await self._stop([task for task in self._running() if self._tasks[task] is not branch])
        return True

    async def _keep(self, branch: Call, inbound: Inbound, body: bytes) -> bool:
        self.answers.append(Answer(branch, inbound, body))
        return False

    def _take_over(self) -> None:
        """Make the call what the try was that answered, or else the first."""
        branch = self.winner or next(iter(self._tasks.values()), None)
        if branch is not None:
            for name in TAKEN_OVER:
                setattr(self._call, name, getattr(branch, name))
