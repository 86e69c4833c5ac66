"""The queues of those whose room is held by others just now: bounded, first come first served for each caller."""

import asyncio
from collections.abc import Callable
from itertools import islice
from time import monotonic

from headgate.core.errors import HeadgateError, Unavailable
from headgate.ledger.accounts import UNASKED, Purse, least_output, worst
from headgate.ledger.grants import GrantStore
from headgate.ledger.refusals import spent, throttled
from headgate.ledger.types import Ask, Hold

MAX_WAITERS = 1000
MAX_TOGETHER = 64
"""Waiters whose needs are asked for at once."""
POLL_SECONDS = 0.05
"""How often the store is asked whether another process gave room back."""


class Waiting:
    """All queues of a process. A queue's task lives as long as the queue does."""

    def __init__(
        self,
        attempt: Callable[[Purse, Ask], Hold | None],
        release: Callable[[Hold], None],
        store: GrantStore,
        seconds: float,
    ) -> None:
        """*attempt* takes room, answers ``None`` where more may come, or raises; nobody waits beyond *seconds*."""
        self.count = 0
        self._attempt = attempt
        self._release = release
        self._store = store
        self._seconds = seconds

    async def wait(self, purse: Purse, ask: Ask) -> Hold:
        """Stand in the caller's queue until there is room, or it is clear that there will be none."""
        if self.count >= MAX_WAITERS:
            raise gave_up(purse, ask)
        loop = asyncio.get_running_loop()
        seconds = self._seconds
        if ask.deadline:
            seconds = min(seconds, max(ask.deadline - monotonic(), POLL_SECONDS))
        future: asyncio.Future[Hold] = loop.create_future()
        purse.queue.append((ask, future))
        if purse.task is None:
            purse.task = loop.create_task(self._serve(purse))
        timer = loop.call_later(seconds, _expire, purse, ask, future)
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
            purse.freed.set()

    def close(self, purse: Purse) -> None:
        """Refuse who still waits."""
        if purse.task is not None:
            purse.task.cancel()
        for _, future in purse.queue:
            if not future.done():
                future.set_exception(Unavailable("The gateway is shutting down.", code="server_shutting_down"))

    async def _serve(self, purse: Purse) -> None:
        try:
            while purse.queue:
                ask, future = purse.queue[0]
                if future.done():
                    purse.queue.popleft()
                    continue
                try:
                    await self._advance(purse, ask, future)
                except HeadgateError as error:
                    if not future.done():
                        future.set_exception(error)
        finally:
            purse.task = None

    async def _advance(self, purse: Purse, ask: Ask, future: "asyncio.Future[Hold]") -> None:
        """Give the first in the queue its hold, or take one step towards it."""
        hold = self._attempt(purse, ask)
        if hold is not None:
            future.set_result(hold)
            return
        if await self._fetch(purse, ask):
            return
        purse.freed.clear()
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await purse.freed.wait()
        except TimeoutError:
            pass

    async def _fetch(self, purse: Purse, ask: Ask) -> bool:
        """Ask the store for what is short, for all who stand in the queue; whether it was asked anything."""
        output, asked = least_output(ask), False
        full, least = worst(ask, ask.output_tokens), worst(ask, output)
        for account in purse.accounts:
            if account.free < full and not account.known(self._store.alone, monotonic()):
                wanted = sum(worst(each, each.output_tokens) for each, _ in islice(purse.queue, MAX_TOGETHER))
                need, floor = max(wanted, full) - account.free, max(least - account.free, 1)
                account.learn(await self._store.take(account.scope, account.cap, need, floor), need)
                if account.retired:
                    account.settle_up(self._store)  # the calendar or the budget went on meanwhile
                asked = True
        meter, tokens = purse.meter, ask.input_tokens + ask.output_tokens
        if meter is not None and meter.room() < tokens and not meter.known():
            await meter.fetch(tokens, ask.input_tokens + output)
            asked = True
        return asked


def gave_up(purse: Purse, ask: Ask) -> HeadgateError:
    """Return why a caller is refused who would have had to wait longer."""
    output = least_output(ask)
    least = worst(ask, output)
    for account in purse.accounts:
        if account.asked == UNASKED:
            return Unavailable("Budgets cannot be checked at the moment.", code="storage_unavailable")
        if account.free < least:
            return spent(ask.who, account, least)
    if purse.meter is not None:
        return throttled(ask.who, purse.meter, ask.input_tokens + output)
    return Unavailable("Too many calls are waiting for room in a budget.", code="storage_unavailable")


def _expire(purse: Purse, ask: Ask, future: "asyncio.Future[Hold]") -> None:
    if not future.done():
        future.set_exception(gave_up(purse, ask))
