"""What the management API answers, typed. Fields that a newer gateway adds are ignored."""

from typing import Any, Literal

import msgspec

from headgate.access.types import Limits, Window


class Amount(msgspec.Struct, frozen=True):
    """A budget."""

    usd: str
    window: Window


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret. Instants are RFC 3339 in UTC."""

    id: str
    name: str
    kind: Literal["key", "admin"]
    prefix: str
    last4: str
    status: Literal["active", "off", "expired", "revoked"]
    is_active: bool = True
    environment: str = "live"
    models: list[str]
    routes: list[str] = []
    providers: list[str] = []
    addresses: list[str] = []
    default_model: str | None = None
    provider_keys: list[str] = []
    permissions: list[str] | None = None
    limits: Limits
    budgets: list[Amount]
    tags: list[str]
    team_id: str | None = None
    app_id: str | None = None
    user_id: str | None
    created_at: str
    updated_at: str
    last_used_at: str | None = None
    expires_at: str | None
    revoked_at: str | None
    rotated_at: str | None
    overlap_until: str | None


class MadeKey(Key, frozen=True, kw_only=True):
    """A key with its secret, which is never shown again."""

    key: str


class ProviderKey(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed key of a provider, of which little is shown."""

    id: str
    provider: str
    name: str
    prefix: str
    last4: str
    created_at: str


class KeyPage(msgspec.Struct, frozen=True):
    """Some keys, oldest first; ``next`` is where the following page begins."""

    data: list[Key]
    has_more: bool
    next: str | None


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """One call in brief. Money is USD as text; times are milliseconds."""

    id: str
    at: str
    status: Literal["success", "fallback", "failure"]
    http_status: int
    code: str | None
    surface: str
    operation: str
    stream: bool
    key_id: str | None
    model_requested: str | None
    model_used: str | None
    provider_used: str | None
    attempts: int
    input_tokens: int
    output_tokens: int
    cost_usd: str | None
    billed: str
    cost_source: str = "price"
    """``stated``: as the provider itself says; ``doubted``: by price, since what it says cannot be so."""
    total_ms: float
    first_token_ms: float | None
    error_message: str | None


class LogPage(msgspec.Struct, frozen=True):
    """Some calls, latest first; ``next`` is where the following page begins."""

    data: list[Log]
    has_more: bool
    next: str | None
    previous: str | None = None


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One call with everything that happened to it."""

    id: str
    trace_id: str
    at: str
    call: dict[str, Any]
    route: dict[str, Any]
    guardrails: list[dict[str, Any]]
    cache: dict[str, Any] | None = None
    attempts: list[dict[str, Any]]
    ledger: list[dict[str, Any]]
    usage: dict[str, Any]
    timing: dict[str, Any]
    outcome: dict[str, Any]
    parts: list[dict[str, Any]] = []
    part_of: str | None = None


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was used under one name of the dimension asked for, or in all."""

    name: str | None
    requests: int
    failures: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_usd: str
    unpriced: int
    fallbacks: int = 0
    attempts: int = 0
    cache_hits: int = 0
    cache_write_tokens: int = 0
    saved_usd: str = "0"


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Calls, tokens and cost of a time."""

    since: str
    until: str
    by: str
    data: list[UsageRow]
    total: UsageRow
    complete: bool = True
    """Whether all calls are in it."""
