"""The logging policy of a caller: its tenant's, else the installation's, which its app and its key may narrow.

``none`` keeps of a call what it cost and how it ended, ``metadata`` the whole record, ``redacted`` what was said as
well, with secrets and personal data masked, and ``full`` all of it as it was.
"""

from typing import Literal

import msgspec

from headgate.access.types import Keeping
from headgate.core.ids import now
from headgate.storage import payloads_sql
from headgate.storage.expire import Days, gone
from headgate.storage.sql import Sql

Level = Literal["none", "metadata", "redacted", "full"]
LEVELS: tuple[Level, ...] = ("none", "metadata", "redacted", "full")
"""From the least to the most."""
DAY = 86_400_000_000
USUAL_BYTES = 262_144
MOST_BYTES = 20_000_000


class Logging(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tenant's logging policy, as it stands in its settings."""

    payload: Level | None = None
    """``None`` is what the installation's setting says."""
    retention_days: int | None = None
    """Records, and what was said, are kept so long; ``None`` is what the configuration says."""
    payload_days: int | None = None
    """What was said goes sooner, where this is less."""
    minute_days: int | None = None
    """Sums by minute are kept so long; these three are as the configuration says where they are ``None``."""
    hour_days: int | None = None
    day_days: int | None = None
    max_bytes: int | None = None
    """Of a request, and of an answer; ``None`` is 262,144, and 20,000,000 where the policy is ``full``."""
    audit_reads: bool = False
    """The audit log says who has read what was said."""

    def days(self, usual: int | None) -> int | None:
        """How many days what was said is kept, where records are for *usual* if the tenant does not say."""
        return min([days for days in (self.retention_days or usual, self.payload_days) if days], default=None)


class _Settings(msgspec.Struct, frozen=True):
    logging: Logging = Logging()


_settings = msgspec.json.Decoder(_Settings).decode


def logging_of(settings: str) -> Logging:
    """Return the policy in a tenant's *settings* (JSON text). Raise ``msgspec.MsgspecError``."""
    return _settings(settings).logging if "logging" in settings else Logging()


def keeping_of(settings: str, *narrower: str | None, usual: Level = "metadata") -> Keeping | None:
    """Return what is kept of the calls of somebody whose tenant has *settings*, and whose app and key say *narrower*.

    *usual* is the installation's. Raise ``msgspec.MsgspecError`` where *settings* cannot be read.
    """
    policy = logging_of(settings)
    stated = [policy.payload or usual, *[level for level in narrower if level in LEVELS]]
    level = min(stated, key=lambda one: LEVELS.index(one))
    if level == "metadata":
        return None
    if level == "none":
        return Keeping("none")
    whole = MOST_BYTES if level == "full" else USUAL_BYTES
    return Keeping("full" if level == "full" else "redacted", min(policy.max_bytes or whole, MOST_BYTES))


def days_kept(sql: Sql, usual: Days) -> dict[str, Days]:
    """Return, by tenant, how long records and sums are kept; *usual* is what the configuration says, 0 for good.

    It goes for tenants that are gone too, whose policy went with them.
    """
    plain = Days(
        records=usual.records or None, minutes=usual.minutes or None, hours=usual.hours or None, days=usual.days or None
    )
    found = dict.fromkeys(gone(sql, "records", "rollups", "error_groups"), plain)
    for tenant, settings in payloads_sql.settings(sql):
        policy = logging_of(settings)
        found[tenant] = Days(
            records=policy.retention_days or plain.records,
            minutes=policy.minute_days or plain.minutes,
            hours=policy.hour_days or plain.hours,
            days=policy.day_days or plain.days,
        )
    return found


def payloads_end(sql: Sql, usual: int | None = None) -> dict[str, int]:
    """Return, by tenant, the instant (microseconds since 1970) before which what was said is kept no longer.

    It never outlives its record; *usual* is how many days records are kept where a tenant does not say, 0 for good, or
    is gone and had been calling to the last.
    """
    found = dict.fromkeys(gone(sql, "payloads"), now() - usual * DAY) if usual else {}
    for tenant, settings in payloads_sql.settings(sql):
        days = logging_of(settings).days(usual)
        if days is not None:
            found[tenant] = now() - days * DAY
    return found
