"""What is said of an alert, and to whom."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import msgspec

from headgate.alerts.channels.types import News
from headgate.alerts.readings import PLATFORM
from headgate.alerts.types import stamp
from headgate.storage import alerts as store
from headgate.storage.alert_rows import AlertRow
from headgate.storage.alerts import Channel
from headgate.storage.billing_rows import ALERTS, OF_FILE
from headgate.storage.sql import Sql

TEST = "alerts-test:"
"""How the events of messages begin that are sent to try channels."""


def payload(row: AlertRow, event: str) -> dict[str, Any]:
    """Return what is told of *row*: see ``channels.types.Message``."""
    before = {"fired": f"{row.severity}:", "reminded": "still:", "test": "a test, nothing is wrong:"}
    news = News(
        id=row.id,
        key=key_of(row) if event != "test" else f"test-{row.id}",
        rule=row.rule,
        kind=row.kind,
        subject=row.subject,
        severity=row.severity,
        event=event,
        text=row.text,
        since=stamp(row.since),
    )
    return {
        "event": (TEST if event == "test" else ALERTS) + row.id,
        "text": f"{before.get(event, f'{event}:')} {row.rule}: {row.text}",
        "link": row.link,
        "data": {"tenant_id": row.tenant_id, **msgspec.structs.asdict(news)},
    }


def key_of(row: AlertRow) -> str:
    """Return what tells an alert from every other: the same each time that it fires."""
    return f"headgate:{row.tenant_id}:{row.rule}:{row.subject}"[:255]


def whom(
    sql: Sql, tenant_id: str, names: Sequence[str], *, shared: bool, configured: Collection[str]
) -> tuple[list[Channel], list[str]]:
    """Return the channels that *names* stand for and that hear of every alert of the tenant; and names of none.

    A rule that all tenants share names channels of the configuration and the operator's; a tenant's own, its own.
    """
    found: dict[Channel, None] = {}
    missing = []
    owner = PLATFORM if shared else tenant_id
    stored = store.named(sql, owner)
    for name in names:
        if name in configured and owner == PLATFORM:
            found[PLATFORM, OF_FILE + name] = None
        elif name in stored:
            found[owner, stored[name][0]] = None
        else:
            missing.append(name)
    own = stored if owner == tenant_id else store.named(sql, tenant_id)
    found |= {(tenant_id, id): None for id, hears in own.values() if hears}
    return list(found), missing


def written(channels: Iterable[Channel]) -> str:
    """Return channels as they are stored."""
    return msgspec.json.encode(list(channels)).decode()
