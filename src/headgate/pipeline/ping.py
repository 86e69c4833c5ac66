"""Signs of life for the callers of streams of which nothing has come yet: attempts may take a while.

The first one sends the head of the answer, so what fails after it is an event of the stream. It is no content: other
targets may still be asked.
"""

from asyncio import Future, TimerHandle, ensure_future, get_running_loop
from time import monotonic
from typing import Any

from headgate.core.call import Call
from headgate.pipeline.answer import waiting_head

TICK = 0.1
"""Seconds between two looks while anybody waits: one timer for all costs a call next to nothing."""


class Pings:
    """Those who wait, in one process."""

    __slots__ = ("_sent", "_timer", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[str, list[Any]] = {}
        """Call's id -> the call, and when its caller is due for the next one."""
        self._sent: dict[str, Future[Any]] = {}
        """What has not left yet, of callers who are slow to read: they get no more of them."""
        self._timer: TimerHandle | None = None

    def begin(self, call: Call) -> None:
        """Ping the caller of *call* as often as its route says, until :meth:`stop`."""
        call.pings = self
        self._waiting[call.id] = [call, call.t0 + call.route.config.ping]
        if self._timer is None:
            self._timer = get_running_loop().call_later(TICK, self._tick)

    def stop(self, call: Call) -> None:
        """Ping no more."""
        self._waiting.pop(call.id, None)

    def _tick(self) -> None:
        now = monotonic()
        for entry in list(self._waiting.values()):
            if entry[1] <= now:
                entry[1] = now + entry[0].route.config.ping
                self._ping(entry[0])
        self._sent = {id_: sent for id_, sent in self._sent.items() if not sent.done()}
        self._timer = get_running_loop().call_later(TICK, self._tick) if self._waiting else None

    def _ping(self, call: Call) -> None:
        link = call.link
        if link.closed or call.id in self._sent:
            return
        if not link.mode:
            link.start(200, waiting_head(call))
        waiting = link.write(call.dialect.ping)
        if waiting is not None:
            self._sent[call.id] = ensure_future(waiting)
