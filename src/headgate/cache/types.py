"""What a cache of answers is made of: an entry, the store that holds entries, and what finds one for a near prompt.

Whose an entry is stands beside its key everywhere, never inside it: there is no way to ask for one without its tenant.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from headgate.core.money import Usage

Form = Literal["whole", "stream"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer as it is kept: in its caller's dialect, and with placeholders where values were masked.

    Instants are microseconds since 1970 in UTC, amounts nano-dollars, durations milliseconds.
    """

    call_id: str
    """The call that it was made for."""
    at: int
    expires: int
    form: Form
    """``whole``: ``body`` is a JSON document. ``stream``: it is the events as they came."""
    body: bytes
    frames: tuple[tuple[int, int], ...] = ()
    """Of a stream: after how many milliseconds came how many bytes."""
    usage_told: bool = False
    """Of a stream: its usage was asked for."""
    model: str
    """``provider/model`` that answered."""
    provider: str
    route: str
    key_id: str | None = None
    """Whose call it was made for."""
    finish: str | None = None
    usage: Usage = msgspec.field(default_factory=Usage)
    cost_nano: int | None = None
    latency_ms: float = 0.0

    @property
    def size(self) -> int:
        """Bytes that it is counted with."""
        return len(self.body) + 16 * len(self.frames) + 512


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are meant; what is ``None`` is not asked about."""

    model: str | None = None
    """``provider/model``, or the route's name."""
    key_id: str | None = None

    def takes(self, entry: Entry) -> bool:
        """Tell whether *entry* is one of them."""
        if self.model is not None and self.model not in (entry.model, entry.route):
            return False
        return self.key_id is None or self.key_id == entry.key_id


ALL = Matching()


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds now."""

    entries: int = 0
    bytes: int = 0


class Exact(Protocol):
    """Holds entries by tenant and key, each until it expires, within the bounds that the store was made with.

    What goes wrong in a store is a miss or an entry not kept: nothing is raised but for programming errors.
    """

    async def get(self, tenant_id: str, key: bytes) -> Entry | None:
        """Return the entry, ``None`` where there is none or it has expired."""
        ...

    async def put(self, tenant_id: str, key: bytes, entry: Entry) -> bool:
        """Keep *entry*, in the place of another under this key; return whether it is kept."""
        ...

    async def drop(self, tenant_id: str, key: bytes) -> None:
        """Remove one entry."""
        ...

    async def clear(self, tenant_id: str | None, which: Matching = ALL) -> int:
        """Remove entries of a tenant, or with ``None`` of all; return how many."""
        ...

    async def counts(self, tenant_id: str | None) -> Counts:
        """Return what is held for a tenant, or with ``None`` in all."""
        ...

    async def sweep(self) -> None:
        """Remove what has expired and what is over the bounds; called every minute or so."""
        ...

    async def close(self) -> None:
        """Give back files and connections."""
        ...


Embed = Callable[[str, Sequence[str]], Awaitable[list[list[float]]]]
"""``embed(model, texts)``: asks an embeddings model, a route or ``provider/model``, as part of the call under way, so
that it is held, limited and recorded as such. Raises :class:`NoVector` where it does not answer."""


class NoVector(Exception):
    """A text could not be embedded; the lookup is a miss."""


class Question(msgspec.Struct, kw_only=True):
    """A request, as far as another one may be near to it. Only the last turn of its caller may differ."""

    tenant_id: str
    scope: bytes
    """32 bytes of all that must be equal: model, system prompt, earlier turns, parameters, guardrails, dialect."""
    text: str
    """The last turn of the caller, masked where values are."""
    key: bytes
    """The key of this very request in the exact store."""
    at: int
    """Microseconds since 1970, UTC."""
    embed: Embed | None = None
    """How to ask a provider for an embedding; ``None`` where there is no way (tests, rebuilding)."""
    vector: Any = None
    """What :meth:`Nearest.find` worked out of the text and :meth:`Nearest.add` can use again."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that is near enough."""

    key: bytes
    """Its key in the exact store."""
    similarity: float
    """From 0 to 1, as told to callers."""
    bound: float | None = None
    """The share of wrong hits that is not passed, where one is known."""
    verify: bool = False
    """Do not serve it: ask the model as if there were none, then tell :meth:`Nearest.verified` of both answers."""
    mark: Any = None
    """For the index alone."""


class Nearest(Protocol):
    """Finds, within one tenant and one scope, what was asked before in other words.

    It holds keys and what it needs to compare, never answers: these are in the exact store, under the key. Nothing it
    does runs on the event loop for over a millisecond: what computes does so in a thread. What goes wrong is a miss.
    """

    async def find(self, question: Question) -> Match | None:
        """Return the best match that may be served or verified, ``None`` where there is none."""
        ...

    async def add(self, question: Question, entry: Entry) -> None:
        """Take note that *entry* is in the exact store under ``question.key``, until it expires."""
        ...

    async def verified(self, question: Question, match: Match, stored: str, fresh: str) -> None:
        """Learn from one case: the texts of the answer that would have been served and of the one that was given."""
        ...

    async def forget(self, tenant_id: str | None, keys: Sequence[bytes] | None = None) -> None:
        """Forget these keys of a tenant, all of a tenant's, or with ``None`` everybody's."""
        ...

    async def counts(self, tenant_id: str | None) -> Counts:
        """Return what is held for a tenant, or with ``None`` in all."""
        ...

    async def sweep(self) -> None:
        """Remove what has expired and what is over the bounds."""
        ...

    async def close(self) -> None:
        """Give back files, threads and connections."""
        ...


class Grounds(msgspec.Struct, frozen=True, kw_only=True):
    """What stores and indexes may be made of. Nothing is opened before it is first used."""

    directory: Path
    """Where files of caches go; it may not be there yet."""
    secret: bytes
    """What keys of tenants are derived from, to sign what is kept outside of this process."""
    url: str | Path = Path()
    """The installation's database."""
    redis: Callable[[], Any] | None = None
    """Makes a connection (``storage.redis.Redis``); ``None`` where none is configured."""
    prefix: str = ""
    """What all keys of this installation in Redis begin with."""
    sender: Any = None
    """What services are reached by (``transport.base.Sender``)."""
