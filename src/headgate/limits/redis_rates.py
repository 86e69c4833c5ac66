"""Shared limits in Redis, and what becomes of them while it does not answer.

All that waits goes in one round trip, one at a time; none may take longer than 50 ms, or Redis counts as down and is
looked at once a second until it answers again. Meanwhile each process keeps to its part of every limit. When Redis is
back, or was emptied, each first tells it what it has used, and a while after that all go by it again: so no limit is
passed on the way there or back.
"""

import asyncio
import logging
from asyncio import Future
from collections import deque
from collections.abc import Callable, Iterable
from hashlib import sha1
from time import monotonic, monotonic_ns

from headgate.core.ids import new_id
from headgate.limits.fallback import Memory, Unused, given_back, used_alone
from headgate.limits.gcra import Rule
from headgate.limits.rates import SLOTS, Claim, Granted, Places, Refused
from headgate.limits.redis_scripts import BEAT, GIVE, TAKE
from headgate.storage.redis import Command, Redis, RedisDown

CAP_SECONDS = 0.05
LEASE = 30_000_000
"""Microseconds for which a process that gives no sign of life keeps its places in flight."""
BEAT_SECONDS = 5.0
LOOK_SECONDS, LONGEST_LOOK = 1.0, 8.0
"""Between two looks at a Redis that is down; longer where it has been going up and down."""
STEADY_SECONDS = 30.0
SETTLE_SECONDS = 3.0
"""From its return to the first admission by it: by then every other process has seen it too, and told what it used."""
BATCH = 64
MAX_JOBS = 4096
SHA = {script: sha1(script.encode(), usedforsecurity=False).hexdigest() for script in (TAKE, GIVE, BEAT)}

log = logging.getLogger("headgate.limits")


class Emptied(RedisDown):
    """Redis is not the one that we knew: all counts are gone."""


class Take:
    """A request for units and places, and where its answer goes."""

    def __init__(self, claims: list[Claim], places: list[Places], answer: "Future[Granted | Refused]") -> None:
        self.claims = claims
        self.places = places
        self.answer = answer


class Give:
    """What goes back, or was used without asking."""

    def __init__(self, units: list[Unused], places: list[tuple[str, int]]) -> None:
        self.units = units
        self.places = places


class RedisRates:
    """:class:`headgate.limits.store.RateStore` in Redis. ``run`` must be running."""

    def __init__(
        self, redis: Redis, prefix: str, owner: str, processes: int, clock: Callable[[], int] = monotonic_ns
    ) -> None:
        """*prefix* begins every key; *owner* is this process, one of at least *processes*."""
        self.processes = processes
        """How many share the limits, as Redis last said."""
        self.up = False
        """Whether limits are taken from Redis."""
        self._redis = redis
        self._prefix = prefix
        self._owner = owner
        self._clock = clock
        self._epoch = ""
        self._jobs: deque[Take | Give] = deque()
        self._wake = asyncio.Event()
        self._memory = Memory()
        self._doubtful: set[str] = set()
        """Scopes whose places Redis may have wrong."""
        self._parts = self._memory.parts(processes)
        self._settled_at = self._down_at = self._up_at = self._beat_at = 0.0
        self._reached = False
        self._pause = LOOK_SECONDS

    def take(
        self, claims: list[Claim], places: list[Places], late: Callable[[Granted | Refused], object]
    ) -> "Future[Granted | Refused]":
        """See :class:`headgate.limits.store.RateStore`. Never unavailable; an answer is never late."""
        answer: Future[Granted | Refused] = asyncio.get_running_loop().create_future()
        job = Take(claims, places, answer)
        if not self.up or len(self._jobs) >= MAX_JOBS:
            self._alone(job)
        else:
            self._put(job)
        return answer

    def give(self, units: list[Unused], places: list[tuple[str, int]]) -> None:
        """See :class:`headgate.limits.store.RateStore`."""
        for scope, count in places:
            self._memory.hold(scope, -count)
        if not self.up:
            for scope, name, _, count in units:
                self._parts.give(scope, name, count)
        if self._reached and len(self._jobs) < MAX_JOBS:
            self._put(Give(units, places))
        else:
            self._doubtful.update(scope for scope, _ in places)

    async def run(self) -> None:
        """Talk to Redis until cancelled."""
        while True:
            try:
                await self._talk()
            except RedisDown as error:
                self._fall(error)
            except Exception as error:
                log.exception("the talk with Redis failed")
                self._fall(RedisDown(repr(error)))
            await asyncio.sleep(self._pause)

    async def close(self) -> None:
        """Give back what has not gone back yet, as far as Redis takes it."""
        if self._reached:
            try:
                while self._jobs:
                    await self._send()
                await self._redis.call([("ZREM", self._prefix + "processes", self._owner)], CAP_SECONDS)
            except RedisDown:
                pass  # the lease ends what is left
        self._redis.drop()

    async def _talk(self) -> None:
        await self._redis.call([("SCRIPT", "LOAD", script) for script in SHA], LOOK_SECONDS)
        knew, self._epoch = self._epoch, ""
        await self._beat()
        self._reached = True
        if knew:
            log.info("Redis answers again after %.0f s", monotonic() - self._down_at)
            self._settled_at = monotonic() + SETTLE_SECONDS
            used = self._parts.used(self._clock(), all_of_it=self._epoch != knew)
            for begin in range(0, len(used), BATCH):
                some = used[begin : begin + BATCH]
                self._jobs.append(Give([(scope, name, rule, -units) for scope, name, rule, units in some], []))
        else:
            self.up = True
        self._up_at = monotonic()
        while True:
            await self._wait()
            if not self.up and monotonic() >= self._settled_at:
                await self._beat()
                self.up = True
            if monotonic() - self._beat_at >= BEAT_SECONDS:
                await self._beat()
            await self._send()

    async def _wait(self) -> None:
        """Wait until there is something to send, or it is time for something else."""
        if self._jobs:
            return
        until = self._beat_at + BEAT_SECONDS
        if not self.up:
            until = min(until, self._settled_at)
        self._wake.clear()
        try:
            async with asyncio.timeout(max(until - monotonic(), 0.001)):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _beat(self) -> None:
        """Say that this process is alive; where Redis had not known, tell it all that is held."""
        keys = self._keys("epoch", "processes")
        beat: Command = ("EVALSHA", SHA[BEAT], 2, *keys, new_id(), self._owner, LEASE)
        ((epoch, count, is_new),) = await self._redis.call([beat], CAP_SECONDS)
        if self._epoch and epoch != self._epoch.encode():
            raise Emptied("it was emptied")
        self._epoch, self.processes, self._beat_at = epoch.decode(), max(count, 1), monotonic()
        scopes = self._doubtful | (self._memory.held.keys() if is_new else set())
        self._doubtful = set()
        if scopes:
            for job in self._jobs:
                if isinstance(job, Give):  # is told with what is held
                    job.places = [place for place in job.places if place[0] not in scopes]
            await self._redis.call([self._holding(scope) for scope in scopes], CAP_SECONDS)

    def _holding(self, scope: str) -> Command:
        key, count = self._keys("p:" + scope)[0], self._memory.held.get(scope, 0)
        return ("HSET", key, self._owner, count) if count else ("HDEL", key, self._owner)

    async def _send(self) -> None:
        """Send what waits, and hand out the replies."""
        jobs = [self._jobs.popleft() for _ in range(min(len(self._jobs), BATCH))]
        jobs = [job for job in jobs if isinstance(job, Give) or not job.answer.done()]
        if not jobs:
            return
        try:
            replies = await self._redis.call([self._command(job) for job in jobs], CAP_SECONDS)
        except BaseException:
            self._jobs.extendleft(reversed(jobs))  # answered by who hears of it
            raise
        emptied = False
        for job, reply in zip(jobs, replies, strict=True):
            if reply[0] < 0:
                self._jobs.append(job)
                emptied = True
            elif isinstance(job, Take):
                self._answer(job, self._read(job, reply))
        if emptied:
            raise Emptied("it was emptied")

    def _command(self, job: Take | Give) -> Command:
        if isinstance(job, Take):
            rates = [(c.scope, c.name) for c in job.claims]
            keys = [f"r:{scope}:{name}" for scope, name in rates] + [f"p:{place.scope}" for place in job.places]
            numbers: list[int] = [LEASE, len(job.claims), len(job.places)]
            for claim in job.claims:
                numbers += [*_in_microseconds(claim.rule), claim.need, claim.most]
            for place in job.places:
                numbers += [place.cap, place.most]
            named = self._keys("epoch", "processes", *keys)
            return ("EVALSHA", SHA[TAKE], len(named), *named, self._epoch, self._owner, *numbers)
        keys = [f"r:{scope}:{name}" for scope, name, _, _ in job.units] + [f"p:{scope}" for scope, _ in job.places]
        numbers = [len(job.units), len(job.places)]
        for _, _, rule, count in job.units:
            numbers += [*_in_microseconds(rule), count]
        numbers += [count for _, count in job.places]
        named = self._keys("epoch", *keys)
        return ("EVALSHA", SHA[GIVE], len(named), *named, self._epoch, self._owner, *numbers)

    def _read(self, job: Take, reply: list[int]) -> Granted | Refused:
        """Return what *reply* says, by this machine's clock."""
        now, claims = self._clock(), job.claims
        if reply[0] == 0:
            if reply[1] >= len(claims):
                return Refused(now, job.places[reply[1] - len(claims)].scope, SLOTS, 0)
            claim = claims[reply[1]]
            return Refused(now, claim.scope, claim.name, self._note(claim, reply[2], now))
        units = reply[1 : 1 + 2 * len(claims) : 2]
        levels = reply[2 : 2 + 2 * len(claims) : 2]
        tats = [self._note(claim, level, now) for claim, level in zip(claims, levels, strict=False)]
        return Granted(now, units, tats, reply[1 + 2 * len(claims) :])

    def _note(self, claim: Claim, level: int, now: int) -> int:
        return self._memory.note(claim, now * claim.rule.scale + level * 1000)

    def _answer(self, job: Take, found: Granted | Refused) -> None:
        if isinstance(found, Granted):
            self._memory.hold_all(job.places, found)
        if not job.answer.done():
            job.answer.set_result(found)
        elif isinstance(found, Granted):  # the caller was taken away while it was asked for
            self.give(*given_back(job.claims, job.places, found))

    def _alone(self, job: Take) -> None:
        """Answer from this process's part of the limits, and tell Redis what was used where it listens."""
        found = self._parts.take(job.claims, job.places, self._clock())
        self._answer(job, found)
        if isinstance(found, Granted):
            self._doubtful.update(place.scope for place in job.places)
            if self._reached and len(self._jobs) < MAX_JOBS:
                self._put(Give(used_alone(job.claims, found), []))

    def _fall(self, error: RedisDown) -> None:
        """From now on this process is alone."""
        if self._reached or not self._down_at:
            log.warning("Redis is not used: %s. Each process keeps to its part of every limit", error)
            steady = monotonic() - self._up_at > STEADY_SECONDS
            self._pause = LOOK_SECONDS if steady or not self._reached else min(self._pause * 2, LONGEST_LOOK)
            self._down_at = monotonic()
            if self.up or not self._reached:
                self._parts = self._memory.parts(self.processes)
        self.up = self._reached = False
        self._epoch = self._epoch or "none"
        jobs, self._jobs = self._jobs, deque()
        for job in jobs:
            if isinstance(job, Give):
                for scope, name, _, count in job.units:
                    self._parts.give(scope, name, count)
                self._doubtful.update(scope for scope, _ in job.places)
            else:
                self._doubtful.update(place.scope for place in job.places)
                self._alone(job)

    def _put(self, job: Take | Give) -> None:
        self._jobs.append(job)
        self._wake.set()

    def _keys(self, *names: str) -> list[str]:
        return [self._prefix + name for name in names]


def _in_microseconds(rule: Rule) -> Iterable[int]:
    """Return drain, cost and burst of a rule in ticks of which a microsecond has as many as a nanosecond has of its."""
    return rule.scale, rule.cost // 1000, rule.burst // 1000
