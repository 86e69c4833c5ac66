"""What is stored of alerts. Instants are microseconds since 1970 (UTC), lists JSON text."""

import msgspec


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a rule of a tenant tells of: as it stands, or as it ended."""

    id: str
    tenant_id: str
    rule: str
    kind: str
    subject: str
    """Which one, among all that the rule looks at; empty where it is the whole."""
    severity: str
    state: str
    """``pending``, ``firing`` or ``resolved``."""
    text: str
    link: str
    channels: str = "[]"
    """Whom it was told: ``[[tenant, channel], ...]``."""
    since: int
    seen_at: int
    fired_at: int | None = None
    told_at: int | None = None
    resolved_at: int | None = None
    acked_at: int | None = None
    acked_by: str | None = None
    silenced_until: int | None = None
    fired: int = 0
    updated_at: int


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something that befell an alert."""

    id: str
    tenant_id: str
    alert_id: str
    event: str
    """``fired``, ``reminded``, ``resolved``, ``acknowledged``, ``silenced``, ``tested``, ``not_told``."""
    text: str
    by: str = ""
    """``kind:id`` of who did it; empty for what happened by itself."""
    at: int
