"""Who looks for alerts in the draining process, and what it tells of its home."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from headgate.base import Base
from headgate.live import Live
from headgate.observe.outlets import OUTLETS, ills
from headgate.storage.sql import open_sql

if TYPE_CHECKING:
    from headgate.alerts.readings import Signal
    from headgate.alerts.watch import InForce, Watch

FIRST = 5.0
"""Seconds until anything of it is imported: a start has other things to do."""


async def watch_alerts(base: Base, live: Live, metrics: Callable[[], bytes]) -> None:
    """Look at the rules of alerts until cancelled. *metrics* renders a page of them."""
    await asyncio.sleep(FIRST)
    made = await asyncio.to_thread(partial(watch, base, live, metrics))
    await made.run()


def watch(base: Base, live: Live, metrics: Callable[[], bytes]) -> "Watch":
    """Return what looks; imports it."""
    from headgate.alerts.watch import Watch

    return Watch(base.url, base.home.node, partial(rules, live), partial(signals, base, metrics))


def rules(live: Live) -> "InForce":
    """Return the rules in force."""
    from headgate.alerts.shipped import in_force

    effective = live.effective
    own = {tenant: config.alerts for tenant, config in effective.own.items() if config.alerts}
    return in_force(effective.config.alerts, own, effective.config.channels)


def signals(base: Base, metrics: Callable[[], bytes]) -> "Iterator[Signal]":
    """Yield what this home tells of itself."""
    from headgate.alerts import signals as told

    yield from told.breakers(row for post in base.board.read() for row in post.rows)
    yield from told.counted(metrics().decode(), ills(base.home.path / OUTLETS))
    yield from told.certificate(base.settings.tls_cert)
    yield told.disk(base.home.path)
    if base.settings.database_path() is None:
        sql = open_sql(base.url)
        try:
            yield told.clock(sql.now())
        finally:
            sql.close()
