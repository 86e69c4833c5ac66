"""From a credential to a principal: at once for one that was seen before, after one read of the store for a new one.

The cache is kept right by the feed of changes. A lookup that a change overtook is read again, so that a key revoked in
between is never brought back. While the store cannot be asked, cached keys are served for a minute; new ones get 503.
"""

import asyncio
import hmac
import logging
import os
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from hashlib import blake2b
from time import monotonic, time_ns
from typing import Any, Protocol

import msgspec

from headgate.access.addresses import may_come_from
from headgate.access.assemble import Assembler
from headgate.access.bad import BadKeys
from headgate.access.cache import Cache
from headgate.access.keys import Derived, is_tagged, is_usable
from headgate.access.presented import NOBODY, credential
from headgate.access.types import Principal
from headgate.access.vault import Unsealable
from headgate.core.errors import NotAuthenticated, Unavailable
from headgate.storage.tenancy_rows import Found
from headgate.storage.types import Change, KeyFeed

MAX_KEY = 512
STALE = 60.0
"""Seconds that cached keys outlive the last answer of the feed."""
NEGATIVE = 1.0
"""Seconds for which a key that does not exist is not looked for again."""
MAX_NEGATIVE = 10_000
MAX_LOOKUPS = 1_000
LOOKUP_TIMEOUT = 2.0
RESOLVE_TIMEOUT = 10.0
"""Seconds, for others' credentials: the keys of an issuer may have to be fetched."""
POLL = 0.25
FORGOTTEN = 3600.0
"""Seconds of silence after which nothing is believed any more: the store does not keep its changes for ever."""
PAGE = 1_000
ABOVE = {"team": "team_id", "app": "app_id", "user": "user_id"}
"""Kind of what stands above a key -> where a principal says which one."""
TENANT_WIDE = frozenset({"tenant", "budget", "role"})
"""Kinds whose changes may concern everybody of a tenant."""

log = logging.getLogger("headgate.access")


class Resolver(Protocol):
    """Judges credentials of another kind than keys."""

    def takes(self, credential: bytes) -> bool:
        """Whether *credential* is of that kind. Costs next to nothing."""
        ...

    async def resolve(self, credential: bytes) -> Principal | None:
        """Return whom it stands for, with its end, ``None`` where it is not good; raise ``Unavailable``."""
        ...


class Principals:
    """Authenticates. One per process; ``run`` must be running for anything to be cached."""

    def __init__(
        self,
        feed: KeyFeed,
        derived: Derived,
        *,
        fixed: dict[bytes, Principal] | None = None,
        assembler: Assembler | None = None,
        others: tuple[Resolver, ...] = (),
        rest: Callable[[float], Awaitable[object]] = asyncio.sleep,
        size: int = 200_000,
        bad_per_minute: int = 1_000,
    ) -> None:
        """*fixed* maps digests to principals that stand whatever the store says, such as ``HEADGATE_ADMIN_KEY``.

        *others* judge the credentials that are no keys of ours. *size* is how many credentials are known at once; what
        is used stays while half of them are. *rest* waits for so many seconds, or until there is something to see.
        """
        self._rest = rest
        self._feed = feed
        self._assembler = assembler or Assembler()
        self._others = others
        self._pepper = derived.pepper
        self._salt = os.urandom(blake2b.SALT_SIZE)
        """Of the marks, under which credentials are known here: a quarter of the work of the digests in the store."""
        self._tag_key = derived.tag
        self._fixed = fixed or {}
        self._known: Cache = Cache(size)
        self._negative: dict[bytes, float] = {}
        self._bad = BadKeys(bad_per_minute)
        self._flights: dict[bytes, asyncio.Task[Principal]] = {}
        self._overtaken: dict[str, int] = {}
        """Object -> number of its last change, for changes applied while a lookup is in flight."""
        self._followers: dict[str, Callable[[], None]] = {}
        self._watchers: list[Callable[[list[Change]], None]] = []
        self._seq = -1
        self._fresh_until = 0.0

    @property
    def ready(self) -> bool:
        """Whether the feed has answered at least once."""
        return self._seq >= 0

    @property
    def degraded(self) -> bool:
        """Whether the feed has been silent for so long that cached keys are being trusted unseen."""
        return monotonic() > self._fresh_until - STALE + 4 * POLL

    def authenticate(
        self,
        headers: list[tuple[bytes, bytes]],
        query: bytes,
        address: str | None,
        memo: dict[str, Any] | None = None,
    ) -> Principal | Awaitable[Principal]:
        """Return whoever the credential stands for; an awaitable only where the store must be asked.

        *memo* is where to keep what *headers* and *query* alone say, for a request that has the same.

        Raise ``NotAuthenticated``, ``RateLimited`` for an address that keeps trying wrong keys, or
        ``Unavailable('auth_unavailable')``.
        """
        presented: tuple[bytes, bytes] | None = None if memo is None else memo.get("credential")
        if presented is None:
            presented = self._presented(headers, query)
            if memo is not None:
                memo["credential"] = presented
        key, mark = presented
        who = self._known.get(mark)
        if who is not None and monotonic() < self._fresh_until:
            if who.expires_at is None or who.expires_at > time_ns() // 1000:
                if who.addresses:
                    may_come_from(who, address)
                return who
            self._known.drop(mark)
        return self._unknown(key, mark, address)

    def _presented(self, headers: list[tuple[bytes, bytes]], query: bytes) -> tuple[bytes, bytes]:
        """Return the credential of a request, ``NOBODY`` where it is not to be taken, and its mark."""
        key = credential(headers, query)
        if len(key) > MAX_KEY and self._other(key) is None:
            key = NOBODY
        return key, blake2b(key or NOBODY, salt=self._salt, digest_size=32).digest()

    def _unknown(self, key: bytes, mark: bytes, address: str | None) -> Principal | Awaitable[Principal]:
        found = hmac.digest(self._pepper, key or NOBODY, "sha256")
        who = self._fixed.get(found)
        if who is not None:
            return who
        until = self._negative.get(found)
        if until is not None:
            if monotonic() < until:
                raise self._refusal(found, address)
            del self._negative[found]
        if self._bad.is_blocked(address) and not is_tagged(key, self._tag_key):
            raise self._bad.refusal()
        return self._find(key, mark, found, address)

    def _other(self, credential: bytes) -> Resolver | None:
        return next((other for other in self._others if other.takes(credential)), None)

    async def _find(self, key: bytes, mark: bytes, found: bytes, address: str | None) -> Principal:
        flight = self._flights.get(found)
        if flight is None:
            if len(self._flights) >= MAX_LOOKUPS:
                raise Unavailable("Too many new keys are being looked up. Try again.", code="auth_unavailable")
            other = self._other(key)
            asking = self._lookup(found, mark) if other is None else self._resolve(other, key, found, mark)
            flight = self._flights[found] = asyncio.create_task(asking)
            flight.add_done_callback(lambda done: self._landed(found, done))
        try:
            who = await asyncio.shield(flight)
        except NotAuthenticated:
            raise self._refusal(found, address) from None
        if who.addresses:
            may_come_from(who, address)
        return who

    def _landed(self, found: bytes, flight: asyncio.Task[Principal]) -> None:
        del self._flights[found]
        if not self._flights:
            self._overtaken.clear()
        if not flight.cancelled():
            flight.exception()  # seen here, in case every caller has left

    async def _lookup(self, found: bytes, mark: bytes) -> Principal:
        for _ in range(3):
            began = self._seq
            try:
                async with asyncio.timeout(LOOKUP_TIMEOUT):
                    whole = await self._feed.lookup(found)
                    if whole is not None and self._assembler.waits(whole):
                        await asyncio.to_thread(self._assembler.fetch, whole)
            except TimeoutError:
                raise Unavailable("Keys cannot be checked now. Try again.", code="auth_unavailable") from None
            if not self._was_overtaken(whole, began):
                break
        else:
            raise Unavailable("This key is changing. Try again.", code="auth_unavailable")
        if whole is None or not is_usable(whole, time_ns() // 1000):
            self._keep_negative(found)
            raise NotAuthenticated
        try:
            who = self._assembler.key(whole)
        except (msgspec.MsgspecError, Unsealable) as error:
            log.error("the stored key %s cannot be read: %s", whole.key and whole.key.id, error)
            raise Unavailable("This key cannot be checked.", code="auth_unavailable") from None
        if self._seq >= 0:
            self._known.put(mark, who)
        return who

    async def _resolve(self, other: Resolver, credential: bytes, found: bytes, mark: bytes) -> Principal:
        """As :meth:`_lookup`, for what is no key. Any change may be of something that *other* has looked at."""
        for _ in range(3):
            began = self._seq
            try:
                async with asyncio.timeout(RESOLVE_TIMEOUT):
                    who = await other.resolve(credential)
            except TimeoutError:
                raise Unavailable("Tokens cannot be checked now. Try again.", code="auth_unavailable") from None
            if not self._overtaken or max(self._overtaken.values()) <= began:
                break
        else:
            raise Unavailable("This token's owner is changing. Try again.", code="auth_unavailable")
        if who is None:
            self._keep_negative(found)
            raise NotAuthenticated
        if self._seq >= 0:
            self._known.put(mark, who)
        return who

    def _was_overtaken(self, whole: Found | None, began: int) -> bool:
        """Whether anything that *whole* is made of has changed since."""
        if not self._overtaken:
            return False
        if whole is None:  # any change may be the key's creation
            return max(self._overtaken.values()) > began
        parts = (whole.key, whole.tenant, whole.team, whole.app, whole.user)
        return any(self._overtaken.get(part.id, -1) > began for part in parts if part is not None)

    def _keep_negative(self, found: bytes) -> None:
        if len(self._negative) >= MAX_NEGATIVE:
            self._negative.clear()
        self._negative[found] = monotonic() + NEGATIVE

    def _refusal(self, found: bytes, address: str | None) -> Exception:
        """The 401, or the 429 of an address that has been refused too often."""
        if self._bad.count(address):
            return self._bad.refusal()
        log.info("refused a key, digest %s, from %s", found[:4].hex(), address)
        return NotAuthenticated()

    def follow(self, kind: str, changed: Callable[[], None]) -> None:
        """Call *changed* for every change of another *kind* that the feed tells of, in the task of :meth:`run`.

        It is called where the feed begins too, or begins anew after so long a silence that some may have been missed.
        """
        self._followers[kind] = changed

    def watch(self, changed: Callable[[list[Change]], None]) -> None:
        """Call *changed* with whatever the feed tells, in the task of :meth:`run`, once it has been applied here."""
        self._watchers.append(changed)

    def close(self) -> None:
        """Give up the lookups that are under way."""
        for flight in self._flights.values():
            flight.cancel()

    async def run(self) -> None:
        """Follow the feed until cancelled."""
        while True:
            try:
                await self.refresh()
            except Unavailable:
                pass  # told by `degraded`; the next round asks again
            except Exception:
                log.exception("the feed of key changes failed")
            await self._rest(POLL)

    async def refresh(self) -> None:
        """Apply what has changed since the last time; raise ``Unavailable`` where the store cannot answer."""
        asked = monotonic()
        if self._seq < 0 or asked > self._fresh_until + FORGOTTEN:
            last = await self._feed.changes(-1)
            self._known.clear()
            self._seq = last[-1].seq if last else 0
            for changed in self._followers.values():
                changed()
        while True:
            changes = await self._feed.changes(self._seq)
            self._apply(changes)
            if len(changes) < PAGE:
                break
        self._fresh_until = asked + STALE

    def _apply(self, changes: list[Change]) -> None:
        above: dict[str, set[tuple[str, str]]] = {}
        for change in changes:
            self._seq = change.seq
            wide = change.kind in TENANT_WIDE
            if self._flights:
                self._overtaken[change.tenant_id if wide else change.object_id] = change.seq
            if wide:
                self._known.drop_tenant(change.tenant_id)
            elif change.kind == "issuer":
                self._known.clear()  # its tokens may stand for anybody, and it seldom changes
            elif change.kind in ("key", "client", "binding"):
                self._known.drop_id(change.tenant_id, change.object_id)
            elif change.kind in ABOVE:
                above.setdefault(change.tenant_id, set()).add((change.kind, change.object_id))
            if change.kind in self._followers:
                self._followers[change.kind]()
        for tenant_id, objects in above.items():
            self._known.drop_if(tenant_id, partial(_is_under, objects))
        if changes:
            self._negative.clear()
            for watcher in self._watchers:
                watcher(changes)


def _is_under(objects: Collection[tuple[str, str]], who: Principal) -> bool:
    return any((kind, getattr(who, field)) in objects for kind, field in ABOVE.items())
