"""Call, the one mutable account of an exchange while it runs, and Record, the frozen account when it has ended."""

from random import getrandbits
from time import time_ns
from typing import Any, Literal

import msgspec

from headgate.core.money import Usage

Status = Literal["success", "fallback", "failure"]


def new_id() -> str:
    """Return a UUID version 7 (RFC 9562): 36 characters, ordered by time, so an index on it only grows at its end."""
    h = f"{time_ns() // 1_000_000:012x}7{getrandbits(12):03x}{getrandbits(62) | (1 << 63):016x}"
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


class Attempt(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One call to one deployment. Times are milliseconds since the exchange began."""

    provider: str
    model: str
    started_ms: float
    headers_ms: float | None = None
    first_ms: float | None = None
    ended_ms: float | None = None
    status: int | None = None
    outcome: str = "ok"
    """``ok``, or the code of what failed."""
    error: str | None = None
    held_nano: int = 0
    cost_nano: int | None = None
    billed: Literal["usage", "estimated", "uncertain", "none"] = "none"
    upstream_id: str | None = None


class Record(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What happened in one exchange. Logs, metrics, traces, usage and analytics are projections of it.

    Money is nano-dollars, instants are microseconds since 1970 in UTC, durations are milliseconds.
    """

    id: str
    trace_id: str
    at: int
    tenant_id: str
    key_id: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    end_user: str | None = None
    session: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] | None = None
    surface: str
    operation: str
    route: str | None = None
    stream: bool = False
    model_requested: str | None = None
    model_used: str | None = None
    provider_used: str | None = None
    routing_reason: str | None = None
    parameters: dict[str, Any] | None = None
    status: Status
    code: str | None = None
    """The error code, or ``client_closed`` for a caller who left; absent on success."""
    http_status: int
    error_message: str | None = None
    attempts: tuple[Attempt, ...] = ()
    finish: str | None = None
    usage: Usage = msgspec.field(default_factory=Usage)
    cost_nano: int | None = None
    """``None`` where no price is known: never a zero that was not stated."""
    billed: Literal["usage", "estimated", "uncertain", "none"] = "none"
    held_nano: int = 0
    dropped: tuple[str, ...] = ()
    defaulted: tuple[str, ...] = ()
    latency_ms: float | None = None
    """The provider's share, from the last dispatch to its last byte."""
    total_ms: float = 0.0
    overhead_ms: float = 0.0
    first_token_ms: float | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    address: str | None = None
    worker: int = 0
