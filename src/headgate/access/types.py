"""Who calls, and what they may."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from headgate.core.secret import Secret

Window = Literal["day", "week", "month", "total"]
Unit = Literal["nano", "tokens"]
SubjectKind = Literal["installation", "tenant", "team", "app", "user", "key", "end_user", "model", "provider", "tag"]
Grants = tuple[tuple[str, frozenset[str]], ...]
"""How far, in the words of ``Principal.scope``, and which permissions: one entry for each reach."""


class Limits(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Rate limits of one subject; ``None`` is no limit."""

    rps: float | None = None
    """Requests per second."""
    rpm: int | None = None
    """Requests per minute."""
    tpm: int | None = None
    """Tokens per minute, prompt and completion."""
    concurrency: int | None = None
    """Requests in flight."""


NO_LIMITS = Limits()


class Subject(msgspec.Struct, frozen=True, gc=False):
    """Somebody or something above a key whose limits bind it as well."""

    kind: SubjectKind
    id: str
    name: str
    limits: Limits = NO_LIMITS

    @property
    def scope(self) -> str:
        """Under which name its counts are kept; a key's is its bare id."""
        return self.id if self.kind == "key" else f"{self.kind}:{self.id}"


class Budget(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What may be spent in one calendar window (weeks from Monday) of the tenant's zone."""

    amount: int
    """Nano-dollars, or tokens."""
    window: Window
    unit: Unit = "nano"
    hard: bool = True
    """A soft one refuses nothing: passing it is told."""
    scope: str = ""
    """Under which name its spending is kept; empty is the key's own."""
    name: str = ""
    """Whose it is, in words for refusals (``team 'search'``); empty is the key."""
    when: tuple[tuple[SubjectKind, str], ...] = ()
    """What else a call must be for it to count here, known only when it is made: end user, tags, model, provider."""
    each: SubjectKind | None = None
    """Every end user, model, provider or tag has this much of its own: the scope is ``scope:value``."""


class Keeping(msgspec.Struct, frozen=True, gc=False):
    """What is kept of calls where that is more, or less, than the record: see ``access.keeping``."""

    level: Literal["none", "redacted", "full"]
    """``none`` leaves out of the record what callers wrote; the others keep the request and the answer."""
    limit: int = 0
    """Bytes of each of the two; what is beyond is cut off."""


class Principal(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Whoever a credential stands for, as the request path sees it: immutable, replaced whole when it changes."""

    kind: Literal["key", "admin", "user", "client"]
    """A virtual key; an admin key; a person with a session or an access token; an OAuth2 client or a trusted token."""
    id: str
    tenant_id: str
    name: str
    team_id: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    limits: Limits = NO_LIMITS
    """Its own."""
    subjects: tuple[Subject, ...] = ()
    """Who else is bound by its calls and has limits: outermost first, without itself."""
    end_user_limits: Limits = NO_LIMITS
    """What binds each end user of its tenant that has no limits of its own."""
    budgets: tuple[Budget, ...] = ()
    """Every budget that may apply to a call of its, whosever."""
    models: frozenset[str] = frozenset()
    """Routes, aliases, ``provider/model`` names, or ``provider/*``; empty allows all."""
    narrowed: tuple[frozenset[str], ...] = ()
    """Such lists of the levels above, each of which must allow as well."""
    allotted: frozenset[str] = frozenset()
    """The one of these that its tenant was given. Names in it, and in ``catalogue``, are of what all tenants share: no
    route that a tenant makes under such a name comes by it."""
    catalogue: frozenset[str] = frozenset()
    """The tenant's own list: what is not in it does not exist for it; empty is everything."""
    providers: frozenset[str] | None = None
    """Providers that every level allows; ``None`` allows all."""
    addresses: tuple[str, ...] = ()
    """Networks in CIDR notation that it may call from; empty is anywhere."""
    default_model: str | None = None
    """What is meant by a request without a model."""
    mapped: Mapping[str, Secret] = {}
    """Provider -> the provider key of its own that its calls are signed with."""
    tags: tuple[str, ...] = ()
    cost_optimize: bool = False
    """The cheapest deployment first, where a route does not say otherwise."""
    zone: str = "UTC"
    """The tenant's, which its budgets' windows follow."""
    calls: bool = True
    """It may call models: ``gateway:use`` is among its permissions."""
    permissions: frozenset[str] = frozenset()
    """In the form ``thing:verb``; see ``access.permissions``."""
    scope: str = "tenant"
    """How far the permissions reach at most: ``platform``, ``tenant``, ``team:ID``, or ``own``."""
    grants: Grants = ()
    """How far each permission reaches, where they differ or there is more than one scope; see ``access.reach``."""
    expires_at: int | None = None
    """Microseconds since 1970, UTC."""
    keeping: Keeping | None = None
    """What is kept of its calls; ``None`` is the record alone."""
