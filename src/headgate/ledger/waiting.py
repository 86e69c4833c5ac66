"""The queues of those whose room is held by others just now: bounded, first come first served for each budget.

A call stands at the account that is short; who frees room there wakes its first. If another account is short by then,
the call goes to stand at that one.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import islice
from time import monotonic

from headgate.core.errors import HeadgateError, Unavailable
from headgate.ledger.accounts import UNASKED, Account, Needs, amounts, least_output
from headgate.ledger.grants import GrantStore
from headgate.ledger.refusals import spent, throttled
from headgate.ledger.types import Ask, Hold

MAX_WAITERS = 1000
MAX_ASKING = 20_000
"""Who only waits for the store to say what there is: it has not been asked yet."""
MAX_TOGETHER = 64
"""Waiters whose needs are asked for at once."""
POLL_SECONDS = 0.05
"""How often the store is asked whether another process gave room back."""


class Waiter:
    """A call that waits."""

    __slots__ = ("ask", "future", "line", "needs")

    def __init__(self, ask: Ask, needs: Needs, future: "asyncio.Future[Hold]") -> None:
        self.ask = ask
        self.needs = needs
        """What it lacked when that was last looked at."""
        self.future = future
        self.line: Line | None = None


class Line:
    """Who waits at one account, in the order in which they came."""

    __slots__ = ("account", "freed", "queue", "task")

    def __init__(self, account: Account | None) -> None:
        self.account = account
        """``None`` for who only waits for tokens per minute to be fetched."""
        self.queue: deque[Waiter] = deque()
        self.freed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Waiting:
    """All queues of a process. A queue's task lives as long as the queue does."""

    def __init__(
        self,
        attempt: Callable[[Ask], "Hold | Needs"],
        release: Callable[[Hold], None],
        store: GrantStore,
        seconds: float,
    ) -> None:
        """*attempt* takes room, answers what is lacking where more may come, or raises.

        Nobody waits beyond *seconds*.
        """
        self.count = 0
        self._attempt = attempt
        self._release = release
        self._store = store
        self._seconds = seconds
        self._lines: set[Line] = set()

    async def wait(self, ask: Ask, needs: Needs) -> Hold:
        """Stand in a queue until there is room, or it is clear that there will be none."""
        asking = any(account.asked == UNASKED for account in needs.accounts)
        if self.count >= (MAX_ASKING if asking else MAX_WAITERS):
            raise gave_up(ask, needs)
        loop = asyncio.get_running_loop()
        seconds = self._seconds
        if ask.deadline:
            seconds = min(seconds, max(ask.deadline - monotonic(), POLL_SECONDS))
        future: asyncio.Future[Hold] = loop.create_future()
        waiter = Waiter(ask, needs, future)
        crowded = next((account for account in needs.accounts if account.line is not None), None)
        self._stand(waiter, crowded or lacking(ask, needs))
        timer = loop.call_later(seconds, _expire, waiter)
        self.count += 1
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._release(future.result())  # room was found in the instant in which the caller left
            raise
        finally:
            self.count -= 1
            timer.cancel()
            if waiter.line is not None:
                waiter.line.freed.set()

    def close(self) -> None:
        """Refuse who still waits."""
        for line in list(self._lines):
            if line.task is not None:
                line.task.cancel()
            for waiter in line.queue:
                if not waiter.future.done():
                    waiter.future.set_exception(
                        Unavailable("The gateway is shutting down.", code="server_shutting_down")
                    )

    def _stand(self, waiter: Waiter, account: Account | None) -> None:
        line = account.line if account is not None else None
        if line is None:
            line = Line(account)
            self._lines.add(line)
            if account is not None:
                account.line = line
        line.queue.append(waiter)
        waiter.line = line
        if line.task is None:
            line.task = asyncio.get_running_loop().create_task(self._serve(line))

    async def _serve(self, line: Line) -> None:
        try:
            while line.queue:
                waiter = line.queue[0]
                if waiter.future.done():
                    line.queue.popleft()
                    continue
                try:
                    await self._advance(line, waiter)
                except HeadgateError as error:
                    if not waiter.future.done():
                        waiter.future.set_exception(error)
        finally:
            line.task = None
            if line.account is not None:
                line.account.line = None
            self._lines.discard(line)

    async def _advance(self, line: Line, waiter: Waiter) -> None:
        """Give the first in the queue its hold, or take one step towards it."""
        found = self._attempt(waiter.ask)
        if isinstance(found, Hold):
            waiter.future.set_result(found)
            return
        waiter.needs = found
        if await self._fetch(line, waiter.ask, found):
            return
        account = lacking(waiter.ask, found)
        if account is not None and account is not line.account:
            line.queue.popleft()
            self._stand(waiter, account)
            return
        line.freed.clear()
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await line.freed.wait()
        except TimeoutError:
            if account is not None and account.free > 0 and not account.offered and not self._store.alone:
                account.offer(self._store)  # too little for who waits here: with what others have it may be enough

    async def _fetch(self, line: Line, ask: Ask, needs: Needs) -> bool:
        """Ask the store for what is short, at this account for all who stand there; whether it was asked anything."""
        full, least = amounts(ask, ask.output_tokens), amounts(ask, least_output(ask))
        asked: list[Awaitable[None]] = []
        for account in needs.accounts:
            unit = account.tokens
            if account.free < full[unit] and not account.known(self._store.alone, monotonic()):
                wanted = full[unit]
                if account is line.account:
                    waiting = islice(line.queue, MAX_TOGETHER)
                    wanted = max(wanted, sum(amounts(w.ask, w.ask.output_tokens)[unit] for w in waiting))
                asked.append(self._take(account, wanted - account.free, max(least[unit] - account.free, 1)))
        asked += [one.fetch(full[1], least[1]) for one in needs.meters if one.room() < full[1] and not one.known()]
        if len(asked) == 1:
            await asked[0]
        elif asked:
            await asyncio.gather(*asked)  # which the store answers in one transaction
        return bool(asked)

    async def _take(self, account: Account, need: int, least: int) -> None:
        account.learn(await self._store.take(account.scope, account.cap, need, least), need)
        if account.retired:
            account.settle_up(self._store)  # the calendar or the budget went on meanwhile


def lacking(ask: Ask, needs: Needs) -> Account | None:
    """Return the first account that has too little for a call."""
    full = amounts(ask, ask.output_tokens)
    return next((account for account in needs.accounts if account.free < full[account.tokens]), None)


def gave_up(ask: Ask, needs: Needs) -> HeadgateError:
    """Return why a caller is refused who would have had to wait longer."""
    least = amounts(ask, least_output(ask))
    for account in needs.accounts:
        if account.asked == UNASKED:
            return Unavailable("Budgets cannot be checked at the moment.", code="storage_unavailable")
        if account.free < least[account.tokens]:
            return spent(ask.who, account, least[account.tokens])
    for metered in needs.metered:
        if metered.meter.room() < least[1]:
            return throttled(ask.who, metered, least[1])
    return Unavailable("Too many calls are waiting for room in a budget.", code="storage_unavailable")


def _expire(waiter: Waiter) -> None:
    if not waiter.future.done():
        waiter.future.set_exception(gave_up(waiter.ask, waiter.needs))
