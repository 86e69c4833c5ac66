"""Who looks for alerts in the draining process, what it tells of its home, and what is right and wrong with that."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from headgate.base import Base
from headgate.core.ids import now
from headgate.encryption import missing
from headgate.live import Live
from headgate.observe.metrics import Metrics
from headgate.observe.outlets import OUTLETS, ills
from headgate.storage.sql import SqlError, open_sql, without_password

if TYPE_CHECKING:
    from headgate.alerts.explain import Finding
    from headgate.alerts.readings import Signal
    from headgate.alerts.watch import InForce, Watch

SLOW_MS = 1000
FIRST = 5.0
"""Seconds until anything of it is imported: a start has other things to do."""


async def watch_alerts(base: Base, live: Live, metrics: Metrics) -> None:
    """Look at the rules of alerts until cancelled, and have *metrics* tell of it."""
    await asyncio.sleep(FIRST)
    made = await asyncio.to_thread(partial(watch, base, live, metrics.render))
    metrics.more(made.write)
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


def findings(base: Base, live: Live, metrics: Callable[[], bytes]) -> "list[Finding]":
    """Return what is right and wrong with this gateway, in words. Not on the event loop."""
    from headgate.alerts.explain import Finding, explained

    found = list(_database(base))
    if found[-1].state != "fail":
        for id, what in missing(base.ring, base.url).items():
            do = "Give it back in HEADGATE_ENCRYPTION_KEYS or the home; nothing is lost until then."
            found.append(Finding("encryption", "fail", f"the key {id} is not there, and {what} cannot be opened", do))
        found += explained(signals(base, metrics), now())
    posts = len(base.board.read())
    wanted = base.settings.workers
    do = "Read the gateway's own log: a worker that ends says why, and is started again."
    few = posts < wanted
    found.append(Finding("workers", "warn" if few else "ok", f"{posts} of {wanted} tell how they do", do * few))
    for secret, why in base.managed.failing.items():
        do = "What was fetched last stays in use, where there was any: mend it, or what it refers to."
        found.append(Finding("secrets", "warn", f"{secret} cannot be fetched: {why}", do))
    left_out = live.effective.left_out
    for problem in left_out:
        words = f"{problem.path}: {problem.message}"
        found.append(Finding("config", "warn", words, "It is left out, or as it was before: change or remove it."))
    for problem in live.watcher.problems:
        do = "The file as it stands is not in force, but what was there before it: mend it."
        found.append(Finding("config", "fail", str(problem), do))
    if not left_out and not live.watcher.problems:
        found.append(Finding("config", "ok", "all of it is in force"))
    return found


def _database(base: Base) -> "Iterator[Finding]":
    """Look at the database as this process reaches it: its schema, how fast it answers, and which alerts fire."""
    from headgate.alerts.explain import Finding
    from headgate.storage.alerts import firing
    from headgate.storage.types import StorageRefused
    from headgate.storage.upgrade import HEAD, present

    where = without_password(base.settings.database_path() or base.url)
    begun = monotonic()
    try:
        schema = present(base.url)
        sql = open_sql(base.url)
        try:
            alerts = firing(sql)
        finally:
            sql.close()
    except (StorageRefused, SqlError) as error:
        yield Finding("database", "fail", f"{error}", "Calls go on, and their records wait in the journal: mend it.")
        return
    took = (monotonic() - begun) * 1000
    if schema != HEAD:
        do = "Restart the gateways that are older than the schema; `headgate db upgrade` brings an older one up."
        yield Finding("migration", "warn", f"{where} has schema {schema}, this program has {HEAD}", do)
    else:
        yield Finding("migration", "ok", f"schema {schema}")
    for name, text in alerts:
        yield Finding(f"alert {name}", "warn", text, "`headgate alerts list` shows it and the records behind it.")
    slow = took > SLOW_MS
    do = "Look what keeps it busy: records and management wait for it." * slow
    yield Finding("database", "warn" if slow else "ok", f"{where} answers in {took:.0f} ms", do)
