"""What is stored of requests for more, prices, schedules, channels, messages and bills.

Instants are microseconds since 1970 (UTC), money nano-dollars, lists and objects JSON text, days as ``2026-11-21``.
"""

import msgspec

OF_FILE = "file:"
"""How the ids of channels begin that stand in the configuration; their names follow."""
ALERTS = "alerts:"
"""How the events of messages begin that tell of an alert; its id follows."""


class ApprovalRow(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asks for more than he has."""

    id: str
    tenant_id: str
    kind: str
    """``budget``, ``limits``, ``models`` or ``providers``."""
    subject_kind: str
    subject_id: str
    ask: str
    """``{"amount": nano}``, ``{"limits": {...}}``, ``{"models": [...]}`` or ``{"providers": [...]}``."""
    reason: str
    state: str = "open"
    """``open``; then ``approved``, ``refused``, ``withdrawn`` or ``expired``; ``ended`` when it has gone back."""
    asked_by_kind: str
    asked_by: str
    asked_at: int
    expires_at: int
    lasts: int | None = None
    """Seconds."""
    decided_by_kind: str | None = None
    decided_by: str | None = None
    decided_at: int | None = None
    answer: str | None = None
    until: int | None = None
    effect: str | None = None
    """``{"field", "before", "after", "parts"}`` of what was changed: ``grown.Grown``."""
    behind: str | None = None
    """Who was behind who asked, then: ``behind.Behind``."""


class PriceRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant is billed for a model instead of, or on top of, the provider's price."""

    id: str
    tenant_id: str
    model: str
    """``provider/model``, ``provider/*`` or ``*``; the closest counts."""
    price: str | None = None
    """USD per million tokens, as in the configuration."""
    markup_ppm: int | None = None
    """Millionths on top of the cost."""
    created_at: int
    updated_at: int


class ScheduleRow(msgspec.Struct, frozen=True, kw_only=True):
    """What is made and sent at the end of every week or month."""

    id: str
    tenant_id: str
    kind: str
    """``invoice``, of a month; or ``report``, of an app's week."""
    app_ids: str = "[]"
    channel_ids: str = "[]"
    is_active: bool = True
    next_at: int
    created_at: int
    updated_at: int


class ChannelRow(msgspec.Struct, frozen=True, kw_only=True):
    """Where messages go."""

    id: str
    tenant_id: str
    kind: str
    """As in ``alerts.channels``."""
    name: str
    target: str
    sealed: bytes | None = None
    events: str = "[]"
    """Of what it is told by itself: ``approvals``, ``alerts``; none where it is only named by schedules and rules."""
    is_active: bool = True
    created_at: int
    updated_at: int


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One message on its way through a channel."""

    id: str
    tenant_id: str
    channel_id: str
    event: str
    payload: str
    state: str = "waiting"
    """``waiting``, ``sent`` or ``failed``."""
    attempts: int = 0
    next_at: int
    error: str | None = None
    created_at: int
    done_at: int | None = None


class NotificationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line for somebody who looks at the dashboard."""

    id: str
    tenant_id: str
    recipient: str
    """Somebody's id, or the permission that makes it his business."""
    event: str
    text: str
    link: str
    created_at: int
    read_at: int | None = None


class InvoiceRow(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice or a report, as it was issued."""

    id: str
    tenant_id: str
    number: str
    kind: str
    subject_id: str
    starts: str
    ends: str
    total_nano: int
    content: str
    html: str
    digest: str
    issued_at: int


class ImportRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider says was used, as it was given to us."""

    id: str
    tenant_id: str
    provider: str
    format: str
    digest: str
    lines: str
    made_at: int
