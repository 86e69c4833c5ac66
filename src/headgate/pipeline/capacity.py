"""How many calls a provider, or one model of it, takes at once, and a short queue before it that is fair to tenants.

Each tenant that waits is in a line of its own, and the lines are served in turn, so that one with many calls does not
keep the others out. Counted in this process: workers share the number out among themselves.
"""

from asyncio import CancelledError, Future, get_running_loop, timeout
from collections import deque
from collections.abc import Iterable
from time import monotonic

from headgate.core.call import Call
from headgate.providers.base import Capacity, Target
from headgate.transport.server_errors import Overloaded


class Room:
    """The places at one provider or deployment."""

    __slots__ = ("_lines", "busy", "calls", "name", "queue", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = self.queue = 0
        self.busy = self.waiting = 0
        self._lines: dict[str, deque[Future[None]]] = {}
        """Tenant -> its waiting calls; whose turn it is comes first."""

    def follow(self, calls: int, queue: int) -> None:
        """Have so many places from now on, and so many that wait."""
        self.calls, self.queue = calls, queue
        self._let_in()

    def take(self, tenant: str) -> Future[None] | None:
        """Take a place; return what to await where none is free. Raise ``Overloaded`` where the queue is full too."""
        if self.busy < self.calls and not self.waiting:
            self.busy += 1
            return None
        if self.waiting >= self.queue:
            raise Overloaded(
                f"{self.name} has {self.calls} calls under way, and as many wait as may. Try again shortly."
            )
        turn: Future[None] = get_running_loop().create_future()
        self._lines.setdefault(tenant, deque()).append(turn)
        self.waiting += 1
        return turn

    def forget(self, tenant: str, turn: Future[None]) -> None:
        """Wait no more: *turn* leaves its line, or gives back the place that it has just got."""
        if turn.done() and not turn.cancelled():
            self.give()
            return
        line = self._lines.get(tenant)
        if line is not None and turn in line:
            line.remove(turn)
            self.waiting -= 1
            if not line:
                del self._lines[tenant]

    def give(self) -> None:
        """Give a place back; whoever's turn it is gets it."""
        self.busy -= 1
        self._let_in()

    def _let_in(self) -> None:
        while self._lines and self.busy < self.calls:
            tenant, line = next(iter(self._lines.items()))
            turn = line.popleft()
            self.waiting -= 1
            del self._lines[tenant]
            if line:
                self._lines[tenant] = line  # at the end: the others come first now
            if not turn.done():
                self.busy += 1
                turn.set_result(None)


class Rooms:
    """The rooms of this process, made as they are first asked for."""

    __slots__ = ("_rooms", "_workers")

    def __init__(self, workers: int = 1) -> None:
        """*workers* share every capacity out among themselves."""
        self._workers = workers
        self._rooms: dict[str, Room] = {}

    async def enter(self, call: Call, target: Target) -> list[Room]:
        """Take a place in each room before *target*; they are to be given back.

        Raise ``Overloaded`` where there is none within the time to wait, or the call's own.
        """
        taken: list[Room] = []
        try:
            for name, capacity in target.capacity:
                room = self._room(name, capacity)
                turn = room.take(call.who.tenant_id)
                if turn is not None:
                    await self._turn(call, room, turn, min(capacity.wait, call.deadline - monotonic()))
                taken.append(room)
        except BaseException:
            self.leave(taken)
            raise
        return taken

    def leave(self, taken: Iterable[Room]) -> None:
        """Give back what :meth:`enter` took."""
        for room in taken:
            room.give()

    def told(self) -> dict[str, tuple[int, int]]:
        """Return how many are under way and how many wait, by name."""
        return {name: (room.busy, room.waiting) for name, room in self._rooms.items()}

    def _room(self, name: str, capacity: Capacity) -> Room:
        room = self._rooms.get(name)
        if room is None:
            room = self._rooms[name] = Room(name)
        calls = max(capacity.calls // self._workers, 1)
        queue = calls if capacity.queue is None else capacity.queue // self._workers
        if (room.calls, room.queue) != (calls, queue):
            room.follow(calls, queue)
        return room

    async def _turn(self, call: Call, room: Room, turn: Future[None], seconds: float) -> None:
        try:
            async with timeout(max(seconds, 0.0)):
                await turn
        except TimeoutError:
            room.forget(call.who.tenant_id, turn)
            raise Overloaded(f"No place came free at {room.name} in {max(seconds, 0.0):.1f} seconds.") from None
        except CancelledError:
            room.forget(call.who.tenant_id, turn)
            raise
