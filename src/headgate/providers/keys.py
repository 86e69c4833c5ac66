"""Several keys of one account: taken in turn, and rested for a while when the provider refuses one of them.

A provider of any kind is built once for each key; which of them is asked decides what a call is signed with.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any, Literal

import msgspec

from headgate.core.call import Operation
from headgate.core.errors import UpstreamFailed
from headgate.core.secret import Secret
from headgate.providers.base import Provider, ProviderConfig, Senders, Target
from headgate.providers.breaker import Breaker
from headgate.providers.raw import Headers
from headgate.transport.base import Inbound, Outbound

LIMITED = "upstream_rate_limited"
REST = {"upstream_auth_error": 300.0, "upstream_quota_exhausted": 600.0, LIMITED: 10.0}
"""Seconds for which a key is not used after such a failure, unless the provider says how long.

It goes by what was said and not by the status alone: money that ran out may be a 400, 402 or 429.
"""
FORBIDDEN = 403
BRIEF = 60.0
"""Seconds after a 403: it may be about a model and not about the key."""
LONGEST = 3600.0
FAULTS = 500
"""Such an answer, and any above, counts against a key, as it does against its deployment."""


class Ring:
    """Which key is next. Not for several threads; one process has one for each account."""

    __slots__ = ("_clock", "_last", "breakers")

    def __init__(self, count: int, clock: Callable[[], float] = monotonic) -> None:
        """*count* keys; *clock* gives monotonic seconds."""
        self.breakers = tuple(Breaker() for _ in range(count))
        """Whether each key is good, as what was answered to it tells."""
        self._last = count - 1
        self._clock = clock

    def pick(self) -> int:
        """Return the key to use: the next one in turn that is good, else the one that is to be tried first."""
        now, breakers = self._clock(), self.breakers
        count = len(breakers)
        for step in range(1, count + 1):
            index = (self._last + step) % count
            if breakers[index].shut(now) is None:
                self._last = index
                return index
        return min(range(count), key=lambda index: breakers[index].until)

    def rest(self, index: int, failure: UpstreamFailed | None) -> bool:
        """Take note of what came of a call with key *index*; return whether another key can be tried instead.

        ``None`` for *failure* is a good answer.
        """
        now, breaker = self._clock(), self.breakers[index]
        status = 200 if failure is None else failure.upstream_status or 0
        if failure is None or not (failure.code in REST or (status == FORBIDDEN and failure.retry)):
            if status >= FAULTS:
                breaker.failed(now, f"this key was answered {status} again and again")
            elif not breaker.until:
                breaker.worked()
            elif breaker.until <= now:
                breaker.close()
            return False
        usual = BRIEF if status == FORBIDDEN else REST[failure.code]
        seconds = min(usual if failure.wait is None else failure.wait, LONGEST)
        kind: Literal["wait", "account"] = "wait" if failure.code == LIMITED else "account"
        breaker.bench(now, seconds, f"this key was answered {status}", kind)
        return any(one.shut(now) is None for one in self.breakers)

    def resting(self) -> int:
        """Return how many keys rest."""
        now = self._clock()
        return sum(one.shut(now) is not None for one in self.breakers)


class Keyed:
    """An account with several keys. What is not about signing is that of the first."""

    def __init__(self, accounts: Sequence[Provider], ring: Ring | None = None, keys: tuple[Secret, ...] = ()) -> None:
        """*accounts* are the same account, each with another of *keys*."""
        first = accounts[0]
        self.name = first.name
        self.kind = first.kind
        self.sender = first.sender
        self.forward = first.forward
        self.prepare = first.prepare
        self.dialects = first.dialects
        self.supports = first.supports
        self.heard = first.heard
        self.ring = ring or Ring(len(accounts))
        self.keys = keys
        self._accounts = accounts

    def __getattr__(self, name: str) -> Any:
        """Return what only some kinds have."""
        return getattr(self._accounts[0], name)

    def outbound(
        self,
        operation: Operation,
        target: Target,
        body: bytes,
        extra: bytes = b"",
        query: bytes = b"",
        *,
        spoken: str = "",
        stream: bool = False,
    ) -> Outbound:
        """Return the request, signed with the next key."""
        index = self.ring.pick()
        made = self._accounts[index].outbound(operation, target, body, extra, query, spoken=spoken, stream=stream)
        made.rest = partial(self.ring.rest, index)
        return made

    def raw(self, method: str, path: str, query: bytes, headers: Headers, body: bytes) -> Outbound:
        """Return the request for any path, signed with the next key."""
        index = self.ring.pick()
        made = self._accounts[index].raw(method, path, query, headers, body)
        made.rest = partial(self.ring.rest, index)
        return made


def keyed(config: ProviderConfig, make: Callable[[ProviderConfig], Provider]) -> Provider:
    """Build the account that *config* describes: with each of its keys, where it has several."""
    keys = list(dict.fromkeys(key for key in (config.api_key, *config.api_keys) if key))
    if len(keys) <= 1:
        return make(msgspec.structs.replace(config, api_key=keys[0] if keys else config.api_key, api_keys=[]))
    return Keyed([make(msgspec.structs.replace(config, api_key=key, api_keys=[])) for key in keys], keys=tuple(keys))


class NoKey:
    """Stands for the way to an account that has no key yet: each call ends here, and nothing has left."""

    def get(self, *, proxy: str | None = None, http2: bool = False, ca: str | None = None) -> "NoKey":
        """See ``Senders.get``."""
        return self

    async def send(self, out: Outbound) -> Inbound:
        """Raise ``UpstreamFailed``."""
        raise UpstreamFailed(
            "This provider has no key yet: who administers it adds one with `headgate providers keys add`.",
            status=503,
            code="upstream_unavailable",
        )

    async def close(self) -> None:
        """There is nothing to close."""


def keyless(config: ProviderConfig, make: Callable[[ProviderConfig, Senders], Provider]) -> Provider:
    """Build the account that *config* describes as it is until it has a key; raise ``ValueError`` where none helps."""
    return make(msgspec.structs.replace(config, api_key=Secret("none yet")), NoKey())


def inherit(providers: Mapping[str, Provider], before: Mapping[str, Provider]) -> None:
    """Let accounts that have the keys that they had *before* go on with what is known of these.

    So do those that are signed with what they fetch (``renewed``) where it is fetched by the same as before.
    """
    for name, provider in providers.items():
        was = before.get(name)
        if isinstance(provider, Keyed) and isinstance(was, Keyed) and provider.keys == was.keys:
            provider.ring = was.ring
        new: Any = provider
        fetched, held = getattr(new, "renewed", None), getattr(was, "renewed", None)
        if fetched is not None and held is not None and fetched.of == held.of:
            new.renewed = held


def breakers(providers: Mapping[str, Provider]) -> dict[str, tuple[Breaker, ...]]:
    """Return what is known of each key of the accounts that have several, by account."""
    return {name: one.ring.breakers for name, one in providers.items() if isinstance(one, Keyed)}
