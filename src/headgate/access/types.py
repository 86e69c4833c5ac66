"""Who calls, and what they may."""

from typing import Literal

import msgspec

Window = Literal["day", "week", "month", "total"]


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """Rate limits of one subject; ``None`` is no limit."""

    rps: float | None = None
    """Requests per second."""
    rpm: int | None = None
    """Requests per minute."""
    tpm: int | None = None
    """Tokens per minute, prompt and completion."""
    concurrency: int | None = None
    """Requests in flight."""


class Budget(msgspec.Struct, frozen=True):
    """Money a subject may spend in one calendar window (UTC, weeks from Monday)."""

    nano: int
    window: Window


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever a credential stands for, as the request path sees it: immutable, replaced whole when it changes."""

    kind: Literal["key", "admin"]
    id: str
    tenant_id: str
    name: str
    user_id: str | None = None
    app_id: str | None = None
    limits: Limits = Limits()
    budgets: tuple[Budget, ...] = ()
    models: frozenset[str] = frozenset()
    """Routes, aliases, ``provider/model`` names, or ``provider/*``; empty allows all."""
    expires_at: int | None = None
    """Microseconds since 1970, UTC."""
