"""The part of a record that projections count, decoded alone: the rest stays as it was written."""

from typing import Any

import msgspec

from headgate.core.money import Usage
from headgate.core.record import Status


class Tried(msgspec.Struct, frozen=True, gc=False):
    """See :class:`headgate.core.record.Attempt`."""

    provider: str
    model: str
    outcome: str = "ok"
    error: str | None = None


class Did(msgspec.Struct, frozen=True, gc=False):
    """See :class:`headgate.guardrails.rules.Checked`."""

    act: str
    shadow: bool = False
    guardrail: str = ""


class Kept(msgspec.Struct, frozen=True, gc=False):
    """See :class:`headgate.core.record.Cached`."""

    verdict: str
    cache: str = ""
    kind: str = ""
    saved_nano: int | None = None
    saved_ms: float = 0.0
    saved_tokens: int = 0


ACTS = ("block", "reroute", "reask", "mask", "flag", "not_run", "allow")
"""What guardrails do, the strongest first."""


class Facts(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """See :class:`headgate.core.record.Record` for each."""

    id: str
    trace_id: str
    at: int
    tenant_id: str
    surface: str
    status: Status
    key_id: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    team_id: str | None = None
    end_user: str | None = None
    tags: tuple[str, ...] = ()
    model_requested: str | None = None
    model_used: str | None = None
    provider_used: str | None = None
    usage: Usage = msgspec.field(default_factory=Usage)
    cost_nano: int | None = None
    billed: str = "none"
    total_ms: float = 0.0
    overhead_ms: float = 0.0
    first_token_ms: float | None = None
    code: str | None = None
    http_status: int = 200
    error_message: str | None = None
    route: str | None = None
    attempts: tuple[Tried, ...] = ()
    guardrails: tuple[Did, ...] = ()
    cache: Kept | None = None

    @property
    def unpriced(self) -> bool:
        """Whether it was billed at a price that nobody knows. A call that was refused is not."""
        return self.cost_nano is None and self.billed != "none"

    @property
    def model(self) -> str | None:
        """The model that answered, else the one that was asked for."""
        return self.model_used or self.model_requested


def did_of(checks: tuple[Any, ...]) -> tuple[Did, ...]:
    """Return what guardrails did, as a record has it once it is read again."""
    return msgspec.convert(checks, tuple[Did, ...])


def strongest(done: tuple[Did, ...]) -> str | None:
    """Return the strongest thing that was done, shadows aside; ``None`` where nothing looked."""
    acts = {one.act for one in done if not one.shadow}
    return next((act for act in ACTS if act in acts), None)
