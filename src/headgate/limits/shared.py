"""Admission where several processes share a store: the same answers as one process gives, from shared rows."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic_ns

import msgspec

from headgate.access.types import Limits, Principal
from headgate.core.errors import RateLimited
from headgate.limits.bound import Bound
from headgate.limits.gate import FREE
from headgate.limits.gcra import SECOND, Rule, wait
from headgate.limits.rates import SLOTS, Claim, Granted, Places, Refused, slice_units
from headgate.limits.refusals import crowded, over_rate, quota, told
from headgate.limits.register import Register
from headgate.limits.store import RateStore
from headgate.limits.types import Slot, Standing

IDLE_SECONDS = 0.1
CROWDED = SECOND // 50
"""Nanoseconds for which "no place is free" is taken on trust."""

Short = list[tuple["Share", list["Lane"], bool]]
"""Of each scope: the rate limits, and whether the place, that this process has nothing of."""


class Lane(msgspec.Struct, gc=False, eq=False):
    """One rate limit: what this process has taken of it and not used."""

    name: str
    rule: Rule
    more: int
    """How many units are taken at once."""
    units: int = 0
    tat: int = 0
    """The shared state, as last seen."""


class Share(msgspec.Struct, gc=False, eq=False):
    """One scope's limits as this process sees them."""

    id: str
    name: str
    limits: Limits
    cap: int | None
    places_more: int
    """How many places are taken at once."""
    lanes: tuple[Lane, ...]
    places: int = 0
    inflight: int = 0
    still: int = 0
    """Rounds in which nobody has used it."""
    blocked: Refused | None = None
    blocked_until: int = 0
    retired: bool = False

    def idle(self) -> bool:
        """See :class:`headgate.limits.register.Known`."""
        return not self.inflight and not self.places and not any(lane.units for lane in self.lanes)

    def ready(self) -> bool:
        """Whether a request can be admitted without asking the store."""
        return (self.cap is None or self.places > 0) and all(lane.units for lane in self.lanes)

    def use(self) -> tuple[list[Lane], bool]:
        """Take what is here for one request; return the limits, and whether the place, that still lack."""
        short = [lane for lane in self.lanes if not lane.units]
        for lane in self.lanes:
            lane.units -= lane.units > 0
        full = self.cap is not None and not self.places
        self.places -= self.places > 0
        return short, full

    def put_back(self, short: list[Lane], full: bool) -> None:
        """Undo :meth:`use`."""
        for lane in self.lanes:
            lane.units += lane not in short
        self.places += self.cap is not None and not full

    def block(self, refused: Refused) -> None:
        """Remember a refusal for as long as the store could say nothing else."""
        self.blocked = refused
        pauses = (wait(lane.rule, refused.tat, refused.at, 1) for lane in self.lanes if lane.name == refused.name)
        self.blocked_until = refused.at + next(pauses, CROWDED)

    def refusal(self, who: Principal | None, now: int) -> RateLimited:
        """Return the error for the refusal that is remembered."""
        for lane in self.lanes:
            if self.blocked is not None and self.blocked.name == lane.name:
                return over_rate(who, self.id, self.name, lane.rule, self.blocked.tat, now)
        return crowded(who, self.id, self.name, self.cap or 0)


Shares = tuple[Share, ...]


class Lent:
    """A place under shared limits."""

    __slots__ = ("_gate", "_shares")

    def __init__(self, gate: "SharedGate", shares: Shares) -> None:
        self._gate = gate
        self._shares = shares

    def lines(self) -> str:
        """``x-ratelimit-*`` lines of the rate limit that is nearest to its end, as last seen."""
        return self._gate.standing_of(self._shares)

    def release(self) -> None:
        """See :class:`headgate.limits.types.Slot`."""
        shares, self._shares = self._shares, ()
        for share in shares:
            self._gate.released(share)


class SharedGate:
    """:class:`headgate.limits.types.Gate` of one of several processes.

    Admission is immediate while slices last; limits below 100 a process are asked for one by one, which waits for the
    database (``Unavailable`` where it does not answer).
    """

    def __init__(
        self,
        store: RateStore,
        clock: Callable[[], int] = monotonic_ns,
        standing: Standing | None = None,
    ) -> None:
        """*clock* gives monotonic nanoseconds."""
        self._store = store
        self._processes = store.processes
        self._clock = clock
        self._ahead = 0
        """Nanoseconds by which the store's clock is ahead of this machine's, as last seen."""
        self._known: Register[Share, Shares] = Register(
            standing or Standing(),
            lambda bound: share_of(bound, store.processes),
            self._changed,
            _limiting,
            idle=Share.idle,
        )
        self.follow = self._known.follow
        self._watched: dict[str, Share] = {}
        self._timer: asyncio.TimerHandle | None = None

    def admit(self, who: Principal, end_user: str | None = None) -> Slot | Awaitable[Slot]:
        """See :class:`headgate.limits.types.Gate`."""
        if end_user is None:
            return self._enter(who, self._known.caller(who))
        shares, share = self._known.with_end_user(who, end_user)
        return self._enter(who, shares if share is None else (*shares, share))

    def enter(self, target: str) -> Slot | Awaitable[Slot]:
        """See :class:`headgate.limits.types.Gate`."""
        shares = self._known.target(target)
        return self._enter(None, shares) if shares is not None else FREE

    def standing_of(self, shares: Shares) -> str:
        """Return the ``x-ratelimit-*`` lines of the scarcest rate limit."""
        now, scarcest = self._now(), None
        for share in shares:
            for lane in share.lanes:
                limit, remaining, reset = quota(lane.rule, lane.tat, now)
                if scarcest is None or remaining + lane.units < scarcest[1]:
                    scarcest = (limit, remaining + lane.units, reset)
        return "" if scarcest is None else told(scarcest)

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
        for share in self._known.scopes.values():
            self._give_back(share)

    def _now(self) -> int:
        return self._clock() + self._ahead

    def _enter(self, who: Principal | None, shares: Shares) -> Slot | Awaitable[Slot]:
        """Take one of each or of none; *who* is ``None`` for a target."""
        if not shares:
            return FREE
        ready = True
        for share in shares:
            if share.blocked is not None:
                now = self._now()
                if now < share.blocked_until:
                    raise share.refusal(who, now)
                share.blocked = None
            ready = ready and share.ready()
        if not ready:
            return self._fetch(who, shares)
        for share in shares:
            share.use()
        return self._lent(shares)

    def _lent(self, shares: Shares) -> Lent:
        for share in shares:
            share.inflight += 1
            share.still = 0
        return Lent(self, shares)

    async def _fetch(self, who: Principal | None, shares: Shares) -> Slot:
        """Ask the store for what is not here."""
        if self._store.processes != self._processes:
            shares = self._regroup(shares)
        short: Short = [(share, *share.use()) for share in shares]
        claims = [Claim(share.id, lane.name, lane.rule, 1, lane.more) for share, lanes, _ in short for lane in lanes]
        places = [
            Places(share.id, share.cap, share.places_more) for share, _, full in short if full and share.cap is not None
        ]
        answer = self._store.take(claims, places, lambda found: self._take_over(short, found))
        try:
            found = await asyncio.shield(answer)
        except asyncio.CancelledError:
            answer.add_done_callback(lambda late: self._too_late(short, late))
            raise
        except BaseException:
            _put_back(short)
            raise
        _put_back(short)
        self._take_over(short, found)
        if isinstance(found, Refused):
            refused = next(share for share in shares if share.id == found.scope)
            raise refused.refusal(who, self._now())
        for share in shares:
            share.use()
        return self._lent(shares)

    def _take_over(self, short: Short, found: Granted | Refused) -> None:
        """Put what the store gave with what is here."""
        self._ahead = found.at - self._clock()
        if isinstance(found, Refused):
            for share, _, _ in short:
                if share.id == found.scope:
                    share.block(found)
        else:
            given = zip(found.units, found.tats, strict=True)
            lent = iter(found.places)
            for share, lanes, full in short:
                for lane in lanes:
                    units, lane.tat = next(given)
                    lane.units += units
                if full:
                    share.places += next(lent)
        for share, _, _ in short:
            if share.retired:
                self._give_back(share)
            else:
                self._watch(share)

    def _too_late(self, short: Short, answer: "asyncio.Future[Granted | Refused]") -> None:
        """The caller left before the store answered."""
        _put_back(short)
        if not answer.cancelled() and answer.exception() is None:
            self._take_over(short, answer.result())

    def _give_back(self, share: Share) -> None:
        units = [(share.id, lane.name, lane.rule, lane.units) for lane in share.lanes if lane.units]
        places = [(share.id, share.places)] if share.places else []
        if not units and not places:
            return
        for lane in share.lanes:
            lane.units = 0
        share.places = 0
        self._store.give(units, places)

    def _regroup(self, shares: Shares) -> Shares:
        """Cut slices for another number of processes from now on; return *shares* as they are then."""
        self._processes = self._store.processes
        for share in self._known.scopes.values():
            share.retired = True
            self._give_back(share)
        self._watched.clear()
        self._known.begin_anew()
        return tuple(self._known.scope(Bound(share.id, share.name, share.limits)) for share in shares)

    def _changed(self, share: Share, bound: Bound) -> Share:
        """Begin anew under other limits: what was taken under the old ones goes back."""
        share.retired = True
        self._give_back(share)
        self._watched.pop(share.id, None)
        return share_of(bound, self._store.processes)

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


def share_of(bound: Bound, workers: int) -> Share:
    """Return the limits of a scope, of which one of *workers* processes has nothing yet."""
    limits, lanes = bound.limits, []
    for name, limit, seconds in (("rps", limits.rps, 1), ("rpm", limits.rpm, 60)):
        if limit is not None:
            rule, more = Rule.of(limit, seconds), slice_units(limit, workers)
            lanes.append(Lane(name, rule.reduced(more * workers) if more > 1 else rule, more))
    cap = limits.concurrency
    return Share(bound.scope, bound.name, limits, cap, slice_units(cap or 0, workers), tuple(lanes))


def _limiting(shares: list[Share]) -> Shares:
    return tuple(share for share in shares if share.lanes or share.cap is not None)


def _put_back(short: Short) -> None:
    for share, lanes, full in short:
        share.put_back(lanes, full)
