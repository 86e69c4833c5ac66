"""The semantic cache: finds an answer that was given to the same question in other words, or says that there is none.

Search proposes, rules refuse, the verifier scores, and the calibration says which score is enough.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from random import random

import msgspec

from headgate.cache.semantic import calibrate, guards
from headgate.cache.semantic.calibrate import FLOOR, Calibration, Outcome
from headgate.cache.semantic.config import SemanticConfig
from headgate.cache.semantic.embed import Embedder, Side
from headgate.cache.semantic.log import OUTCOMES, Log, NoLog
from headgate.cache.semantic.same import agreement
from headgate.cache.semantic.threads import Threads
from headgate.cache.semantic.types import Down, Index, Item, Near, Vector
from headgate.cache.semantic.verifier import load, rarity
from headgate.cache.semantic.words import Asked, asked
from headgate.cache.types import Counts, Entry, Match, NoVector, Question

CANDIDATES = 4
"""Nearest questions that are judged."""
TENANTS = 1_000
"""Tenants, and places of them, that are followed at a time."""
EVERY = 1.0
"""Seconds between two looks at what other processes did in a place that is asked about."""
_encode = msgspec.msgpack.Encoder().encode
_outcome = msgspec.msgpack.Decoder(Outcome).decode

log = logging.getLogger("headgate.cache")


def now() -> int:
    """Return microseconds since 1970, UTC."""
    return time.time_ns() // 1000


class Parts(msgspec.Struct, frozen=True):
    """What a semantic cache is put together of."""

    config: SemanticConfig
    index: Index
    embedder: Embedder
    threads: Threads
    log: Log = msgspec.field(default_factory=NoLog)
    shared: bool = False
    """Whether all processes ask the same index: then none of them has to be told of questions."""
    now: Callable[[], int] = now
    draw: Callable[[], float] = random


class _Told(msgspec.Struct, array_like=True, frozen=True):
    """A question, as one process tells others of it."""

    key: bytes
    text: str
    vector: bytes
    expires: int


class _Place(msgspec.Struct):
    """How far a place of the log was read, and when (monotonic seconds)."""

    cursor: str = ""
    read: float = 0.0
    reading: asyncio.Task[None] | None = None


_told = msgspec.msgpack.Decoder(_Told).decode


class Semantic:
    """See ``Nearest``."""

    def __init__(self, parts: Parts, most: int) -> None:
        """*most* is how many questions of one place other processes are told of."""
        self._parts = parts
        self._most = most
        self._verifier = load(parts.embedder.verifier)
        self._calibrations: OrderedDict[str, Calibration] = OrderedDict()
        self._places: OrderedDict[tuple[str, str], _Place] = OrderedDict()
        self.misses: dict[str, int] = {}
        """Why lookups found nothing -> how often; the reasons are a fixed list."""

    async def find(self, question: Question) -> Match | None:
        """See ``Nearest``."""
        taken = asked(question.text)
        unfit = guards.unfit(question.text, taken)
        if unfit:
            return self._miss(unfit)
        parts, tenant = self._parts, question.tenant_id
        try:
            await self._follow(tenant, question.scope)
            vector: Vector = await parts.embedder.vector(question.text, question.embed)
            question.vector = vector
            near = await parts.index.nearest(tenant, question.scope, vector, CANDIDATES, parts.now())
            near = [one for one in near if one.key != question.key]
            best = await parts.threads.run(self._judge, Side(question.text, taken, vector), near) if near else None
        except NoVector:
            return self._miss("no_vector")
        except Down as error:
            log.warning("the semantic index could not be asked: %s", error)
            return self._miss("index_down")
        return await self._decide(question, best)

    async def _decide(self, question: Question, best: tuple[float, Near] | None) -> Match | None:
        """Say what becomes of the *best* candidate, and count the lookup where it was drawn."""
        parts = self._parts
        known = self._calibration(question.tenant_id)
        stale = known.stale(parts.now())
        drawn = stale or parts.draw() < parts.config.verify
        if best is None or best[0] < FLOOR:
            if drawn:
                await self._learn(question.tenant_id, Outcome(parts.now()))
            return self._miss("none_near" if best is None else "unlike")
        score, found = best
        if not drawn and score < known.threshold(found.key):
            return self._miss("unsure")
        bound = parts.config.bound
        return Match(key=found.key, similarity=found.similarity, bound=bound, verify=drawn, mark=score)

    async def add(self, question: Question, entry: Entry) -> None:
        """See ``Nearest``."""
        parts, tenant = self._parts, question.tenant_id
        if guards.unfit(question.text, asked(question.text)):
            return
        try:
            vector: Vector = question.vector
            if vector is None:
                vector = question.vector = await parts.embedder.vector(question.text, question.embed)
            item = Item(
                tenant_id=tenant,
                scope=question.scope,
                key=question.key,
                text=question.text,
                vector=vector,
                expires=entry.expires,
            )
            await parts.index.add(item)
            if not parts.shared:
                told = _encode(_Told(item.key, item.text, vector.tobytes(), item.expires))
                await parts.log.append(tenant, question.scope.hex(), told, self._most)
        except NoVector:
            self._miss("no_vector")
        except Down as error:
            log.warning("a question could not be put into the semantic index: %s", error)

    async def verified(self, question: Question, match: Match, stored: str, fresh: str) -> None:
        """See ``Nearest``."""
        parts = self._parts
        try:
            alike = await parts.threads.run(agreement, stored, fresh, rarity())
        except Down:
            return
        right = alike >= parts.config.agreement
        await self._learn(question.tenant_id, Outcome(parts.now(), match.mark, right, match.key))

    async def forget(self, tenant_id: str | None, keys: Sequence[bytes] | None = None) -> None:
        """See ``Nearest``."""
        try:
            await self._parts.index.forget(tenant_id, keys)
            if keys is None:
                await self._parts.log.clear(tenant_id)
        except Down as error:
            log.warning("the semantic index could not be cleared: %s", error)

    async def counts(self, tenant_id: str | None) -> Counts:
        """See ``Nearest``."""
        try:
            entries, size = await self._parts.index.counts(tenant_id)
        except Down:
            return Counts()
        return Counts(entries=entries, bytes=size)

    async def sweep(self) -> None:
        """See ``Nearest``."""
        try:
            await self._parts.index.sweep(self._parts.now())
            await self._parts.log.sweep(self._most)
        except Down as error:
            log.warning("the semantic index could not be swept: %s", error)

    async def close(self) -> None:
        """See ``Nearest``."""
        for place in self._places.values():
            if place.reading is not None:
                place.reading.cancel()
        await self._parts.index.close()
        await self._parts.log.close()
        self._parts.threads.close()

    def _judge(self, mine: Side, near: Sequence[Near]) -> tuple[float, Near] | None:
        """Return the likeliest of *near* with its score; ``None`` where rules refuse all of them."""
        judged = []
        for one in near:
            other = Side(one.text, _taken(one.text), one.vector)
            if not guards.mismatch(mine.taken, other.taken, mine.text, one.text, rarity()):
                found = self._parts.embedder.features(mine, other, one.similarity)
                judged.append((self._verifier.judge(found), one))
        return max(judged, key=lambda pair: pair[0], default=None)

    def _miss(self, why: str) -> Match | None:
        self.misses[why] = self.misses.get(why, 0) + 1
        return None

    def _calibration(self, tenant_id: str) -> Calibration:
        known = self._calibrations.get(tenant_id)
        if known is None:
            parts = self._parts
            before = calibrate.shipped(self._verifier.name)
            known = Calibration(before, parts.config.bound, parts.config.stale_after, parts.now())
            self._calibrations[tenant_id] = known
            if len(self._calibrations) > TENANTS:
                gone, _ = self._calibrations.popitem(last=False)
                self._places.pop((gone, OUTCOMES), None)
        self._calibrations.move_to_end(tenant_id)
        return known

    async def _learn(self, tenant_id: str, outcome: Outcome) -> None:
        if isinstance(self._parts.log, NoLog):
            self._calibration(tenant_id).learn(outcome)
            return
        try:  # it comes back with those of other processes
            await self._parts.log.append(tenant_id, OUTCOMES, _encode(outcome), calibrate.MOST)
        except Down as error:
            log.warning("an outcome of the semantic cache is lost: %s", error)

    async def _follow(self, tenant_id: str, scope: bytes) -> None:
        """Have what other processes did: waited for at first, then read now and then beside the calls."""
        if isinstance(self._parts.log, NoLog):
            return
        for place in (OUTCOMES,) if self._parts.shared else (OUTCOMES, scope.hex()):
            at = self._places.setdefault((tenant_id, place), _Place())
            self._places.move_to_end((tenant_id, place))
            if time.monotonic() - at.read < EVERY and at.read:
                continue
            if at.reading is None or at.reading.done():
                at.reading = asyncio.create_task(self._read(tenant_id, place, at))
            if not at.read:
                await asyncio.shield(at.reading)
        if len(self._places) > 2 * TENANTS:
            self._places.popitem(last=False)

    async def _read(self, tenant_id: str, place: str, at: _Place) -> None:
        try:
            while True:
                records, cursor = await self._parts.log.since(tenant_id, place, at.cursor)
                for record in records:
                    await self._heard(tenant_id, place, record)
                if cursor == at.cursor:
                    break
                at.cursor = cursor
        except Down as error:
            log.warning("what others did with the semantic cache could not be read: %s", error)
        at.read = time.monotonic()

    async def _heard(self, tenant_id: str, place: str, record: bytes) -> None:
        try:
            if place == OUTCOMES:
                self._calibration(tenant_id).learn(_outcome(record))
                return
            told = _told(record)
        except msgspec.MsgspecError:  # written by another version
            return
        if told.expires > self._parts.now():
            vector = Vector("f")
            vector.frombytes(told.vector)
            scope = bytes.fromhex(place)
            item = Item(
                tenant_id=tenant_id, scope=scope, key=told.key, text=told.text, vector=vector, expires=told.expires
            )
            await self._parts.index.add(item)


@lru_cache(maxsize=4096)
def _taken(text: str) -> Asked:
    return asked(text)
