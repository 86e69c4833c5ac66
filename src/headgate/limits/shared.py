"""Admission where several processes serve one home: the same answers as one process gives, from shared rows."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic_ns

from headgate.access.types import Limits, Principal
from headgate.core.errors import RateLimited
from headgate.limits.gate import FREE, MAX_SUBJECTS, Quota, crowded, quota, refusal, told
from headgate.limits.gcra import SECOND, Rule, wait
from headgate.limits.rates import SLOTS, Claim, Granted, Places, Refused, give, lend, slice_units, take
from headgate.limits.types import Slot
from headgate.storage.desk import Desk
from headgate.storage.sql import Sql

IDLE_SECONDS = 0.1
CROWDED = SECOND // 50
"""Nanoseconds for which "no place is free" is taken on trust."""


class Lane:
    """One rate limit: what this process has taken of it and not used."""

    __slots__ = ("more", "name", "rule", "tat", "units")

    def __init__(self, name: str, limit: float, seconds: int, workers: int) -> None:
        self.name = name
        self.more = slice_units(limit, workers)
        rule = Rule.of(limit, seconds)
        self.rule = rule.reduced(self.more * workers) if self.more > 1 else rule
        self.units = 0
        self.tat = 0
        """The shared state, as last seen."""


class Share:
    """One caller's limits as this process sees them."""

    __slots__ = (
        "blocked",
        "blocked_until",
        "cap",
        "id",
        "inflight",
        "lanes",
        "limits",
        "places",
        "places_more",
        "retired",
        "still",
    )

    def __init__(self, key_id: str, limits: Limits, workers: int) -> None:
        self.id = key_id
        self.limits = limits
        self.retired = False
        rates = (("rps", limits.rps, 1), ("rpm", limits.rpm, 60))
        self.lanes = tuple(Lane(name, limit, span, workers) for name, limit, span in rates if limit is not None)
        self.cap = limits.concurrency
        self.places_more = slice_units(self.cap or 0, workers)
        self.places = self.inflight = self.still = self.blocked_until = 0
        self.blocked: Refused | None = None

    def ready(self) -> bool:
        """Whether a request can be admitted without asking the store."""
        return (self.cap is None or self.places > 0) and all(lane.units for lane in self.lanes)

    def use(self) -> tuple[list[Lane], bool]:
        """Take what is here for one request; return the limits, and whether the place, that still lack."""
        short = [lane for lane in self.lanes if not lane.units]
        for lane in self.lanes:
            lane.units -= lane.units > 0
        crowded = self.cap is not None and not self.places
        self.places -= self.places > 0
        return short, crowded

    def put_back(self, short: list[Lane], crowded: bool) -> None:
        """Undo :meth:`use`."""
        for lane in self.lanes:
            lane.units += lane not in short
        self.places += self.cap is not None and not crowded

    def block(self, refused: Refused, now: int) -> None:
        """Remember a refusal for as long as the store could say nothing else."""
        self.blocked = refused
        pause = next(
            (wait(lane.rule, refused.tat, now, 1) for lane in self.lanes if lane.name == refused.name), CROWDED
        )
        self.blocked_until = now + pause

    def refusal(self, who: Principal, now: int) -> RateLimited:
        """Return the error for the refusal that is remembered."""
        for lane in self.lanes:
            if self.blocked is not None and self.blocked.name == lane.name:
                return refusal(who, lane.rule, self.blocked.tat, now)
        return crowded(who, self.cap or 0)


class Lent:
    """A place under shared limits."""

    __slots__ = ("_gate", "_held", "_share")

    def __init__(self, gate: "SharedGate", share: Share) -> None:
        self._gate = gate
        self._share = share
        self._held = True

    def lines(self) -> str:
        """``x-ratelimit-*`` lines of the rate limit that is nearest to its end, as last seen."""
        return told(self._gate.standing(self._share))

    def release(self) -> None:
        """See :class:`headgate.limits.types.Slot`."""
        if self._held:
            self._held = False
            self._gate.released(self._share)


class SharedGate:
    """:class:`headgate.limits.types.Gate` of one of several processes.

    Admission is immediate while a slice lasts; limits below 100 a process are asked for one by one, which waits for the
    database (``Unavailable`` where it does not answer).
    """

    def __init__(self, desk: Desk, owner: str, workers: int, clock: Callable[[], int] = monotonic_ns) -> None:
        """*owner* is the id of this process's journal; *clock* gives nanoseconds, the same in all processes."""
        self._desk = desk
        self._owner = owner
        self._workers = workers
        self._clock = clock
        self._shares: dict[str, Share] = {}
        self._watched: dict[str, Share] = {}
        self._timer: asyncio.TimerHandle | None = None

    def admit(self, who: Principal) -> Slot | Awaitable[Slot]:
        """See :class:`headgate.limits.types.Gate`."""
        limits = who.limits
        if limits.rps is None and limits.rpm is None and limits.concurrency is None:
            return FREE
        share = self._shares.get(who.id)
        if share is None or share.limits is not limits:
            share = self._know(who)
        if share.blocked is not None:
            now = self._clock()
            if now < share.blocked_until:
                raise share.refusal(who, now)
            share.blocked = None
        if share.ready():
            share.use()
            return self._lent(share)
        return self._fetch(who, share)

    def standing(self, share: Share) -> Quota | None:
        """Return where the scarcest rate limit stands."""
        now, scarcest = self._clock(), None
        for lane in share.lanes:
            limit, remaining, reset = quota(lane.rule, lane.tat, now)
            if scarcest is None or remaining + lane.units < scarcest[1]:
                scarcest = (limit, remaining + lane.units, reset)
        return scarcest

    def released(self, share: Share) -> None:
        """Take a place back; near the cap it goes to the store at once, where others may need it."""
        share.inflight -= 1
        if share.cap is None:
            return
        share.places += 1
        if share.blocked is not None and share.blocked.name == SLOTS:
            share.blocked = None
        if share.places_more == 1 or share.retired:
            self._give_back(share)
        else:
            self._watch(share)

    def close(self) -> None:
        """Give back what is not used."""
        if self._timer is not None:
            self._timer.cancel()
        for share in self._shares.values():
            self._give_back(share)

    def _lent(self, share: Share) -> Lent:
        share.inflight += 1
        share.still = 0
        return Lent(self, share)

    async def _fetch(self, who: Principal, share: Share) -> Slot:
        """Ask the store for what is not here."""
        short, crowded = share.use()
        claims = [Claim(lane.name, lane.rule, 1, lane.more) for lane in short]
        places = Places(share.cap, share.places_more) if crowded and share.cap is not None else None
        now = self._clock()
        answer = self._desk.ask(lambda sql: take(sql, self._owner, who.id, claims, places, now))
        try:
            found = await asyncio.shield(answer)
        except asyncio.CancelledError:
            answer.add_done_callback(lambda late: self._too_late(share, short, crowded, late))
            raise
        except BaseException:
            share.put_back(short, crowded)
            raise
        self._take_over(share, short, crowded, found)
        if isinstance(found, Refused):
            raise share.refusal(who, self._clock())
        share.use()
        return self._lent(share)

    def _take_over(self, share: Share, short: list[Lane], crowded: bool, found: Granted | Refused) -> None:
        """Put what the store gave with what was here."""
        share.put_back(short, crowded)
        if isinstance(found, Refused):
            share.block(found, self._clock())
        else:
            for lane in short:
                lane.units += found.units[lane.name]
                lane.tat = found.tats[lane.name]
            share.places += found.places
        if share.retired:
            self._give_back(share)
        else:
            self._watch(share)

    def _too_late(
        self, share: Share, short: list[Lane], crowded: bool, answer: "asyncio.Future[Granted | Refused]"
    ) -> None:
        """The caller left before the store answered."""
        if answer.cancelled() or answer.exception() is not None:
            share.put_back(short, crowded)
        else:
            self._take_over(share, short, crowded, answer.result())

    def _give_back(self, share: Share) -> None:
        now, owner, scope = self._clock(), self._owner, share.id
        units = [(lane.name, lane.rule, lane.units) for lane in share.lanes if lane.units]
        places = share.places
        if not units and not places:
            return
        for lane in share.lanes:
            lane.units = 0
        share.places = 0

        def work(sql: Sql) -> None:
            for name, rule, count in units:
                give(sql, scope, name, rule, count, now)
            if places:
                lend(sql, owner, scope, -places)

        self._desk.tell(work)

    def _know(self, who: Principal) -> Share:
        share = self._shares.get(who.id)
        if share is not None and share.limits == who.limits:
            share.limits = who.limits
            return share
        if share is not None:
            share.retired = True
            self._give_back(share)
        elif len(self._shares) >= MAX_SUBJECTS:
            self._shares = {name: each for name, each in self._shares.items() if each.inflight or name in self._watched}
        share = self._shares[who.id] = Share(who.id, who.limits, self._workers)
        return share

    def _watch(self, share: Share) -> None:
        self._watched[share.id] = share
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS / 2, self._round)

    def _round(self) -> None:
        """Give back what nobody has used for two rounds."""
        self._timer = None
        for share in list(self._watched.values()):
            share.still += 1
            if share.still >= 2:
                self._give_back(share)
                del self._watched[share.id]
        if self._watched:
            self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS / 2, self._round)
