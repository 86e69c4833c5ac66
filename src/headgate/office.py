"""What stands behind the control plane: the drainer, the metrics, and how the management API is built."""

from collections.abc import Callable
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from headgate.access.keeping import days_kept, payloads_end
from headgate.access.principals import Principals
from headgate.audit.drained import Proofs
from headgate.audit.sealing import sealing, sealing_key
from headgate.base import Base, Ways
from headgate.billing.duties import Duties
from headgate.config.compile import Compiled
from headgate.control import Control
from headgate.entering import Entering
from headgate.guardrails.detect import detected
from headgate.ledger.drain import Drainer
from headgate.live import Live
from headgate.observe.archive.exporter import FOLDER as EXPORTS
from headgate.observe.archive.exporter import Exporter, aims_of
from headgate.observe.metrics import Metrics
from headgate.observe.outlets import OUTLETS, Outlets
from headgate.observe.payload_keeper import PayloadKeeper
from headgate.observe.plans import accounts_of, plans
from headgate.observe.retention import Retention
from headgate.observe.spool import FOLDER, PAYLOADS
from headgate.providers.catalog import keyed_kinds
from headgate.site import Site
from headgate.storage.archives import archived_until
from headgate.storage.expire import Days
from headgate.storage.sql import Sql
from headgate.stores import grounds
from headgate.transport.server import App
from headgate.watching import findings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from headgate.billing.deliver import Deliverer
    from headgate.billing.services import Money
    from headgate.models.registry import Entry
    from headgate.models.select import Wanted
    from headgate.observe.ring import Ring


class Office:
    """The parts of the one process of an installation that has a control plane."""

    def __init__(self, base: Base, principals: Principals, live: Live, entering: Entering) -> None:
        self._base = base
        self._entering = entering
        self._principals = principals
        self._live = live
        self._compiled: Callable[[], Compiled] = lambda: live.compiled
        self._lock = Lock()
        self.duties = Duties(base.url, base.home.node, sealing(base.home.derived), self._deliver)
        self.metrics = Metrics()
        proofs = Proofs(sealing(base.home.derived))
        self.outlets = Outlets(base.home.path / OUTLETS)
        self.metrics.more(self.outlets.write)
        self.tail: Ring | None = None
        self.drainer = Drainer(
            base.journal_dir,
            base.url,
            seen=self.metrics.add,
            node=base.home.node,
            proofs=proofs,
            outside=self._outside,
        )
        self.payloads = PayloadKeeper(
            base.home.path / FOLDER, base.url, base.ring.direct(PAYLOADS), detected, self._said_until
        )
        self.metrics.more(self.payloads.write)
        self.exporter = Exporter(
            base.home.path / EXPORTS,
            base.url,
            base.home.node,
            base.ring.direct(PAYLOADS),
            aims=lambda: aims_of(self._compiled().config.observe),
            environ=base.environ,
            ways=lambda: Ways(base.settings.ca_file, base.settings.proxy),
        )
        self.metrics.more(self.exporter.write)
        self.retention = Retention(
            base.url,
            base.home.node,
            sealing(base.home.derived),
            lambda sql: days_kept(sql, self._usual_days()),
            lambda: self._compiled().config.observe.archive is not None,
        )
        self.metrics.gauge("journal_behind_bytes", "Journal bytes not in the database yet", lambda: self.drainer.behind)
        self.metrics.gauge("calls_in_flight", "Holds that have not ended", lambda: self.drainer.in_flight)
        self.metrics.gauge("dead_letters", "Journal lines that could not be stored", lambda: self.drainer.dead_letters)
        self.metrics.gauge("uncounted_calls", "Stored calls that are in no sum", lambda: self.drainer.unseen)
        self.metrics.states(base.board.read)
        self.metrics.more(live.write)

    def know(self, compiled: Compiled) -> None:
        """Tell the metrics which names may be label values, and the outlets where to send."""
        names = [model.id for model in compiled.registry.listing(compiled.providers.values())]
        names += [t.name for route in compiled.snapshot.table.routes.values() for t in route.targets]
        self.metrics.know(compiled.providers, names)
        settings = self._base.settings
        self.outlets.set(
            plans(
                compiled.config.observe,
                self._base.environ,
                lambda: Ways(settings.ca_file, settings.proxy),
                lambda: accounts_of(self._compiled().told({})),
            )
        )

    def control(self) -> App:
        """Return the control plane."""
        settings = self._base.settings
        site = Site(prefix=urlsplit(settings.public_url or "").path, on=settings.dashboard)
        return Control(self._principals, self.metrics.render, settings.metrics_token, self._management, site)

    def _management(self) -> App:
        """Import and build the management API. Takes a second of CPU, so not before it is asked for."""
        from headgate.admin.parts import AdminParts, Exports
        from headgate.alerts.desk import Desk
        from headgate.cache.desk import CacheDesk
        from headgate.config.effective import caches_of
        from headgate.management import Management
        from headgate.observe.errors_seen import SqlErrors
        from headgate.observe.log import SqlLogStore
        from headgate.observe.usage import SqlUsage
        from headgate.storage.caches import SqlCaches
        from headgate.storage.exports import SqlExports
        from headgate.storage.feedback import SqlFeedback
        from headgate.storage.keys import SqlKeyStore
        from headgate.storage.objects import SqlObjects
        from headgate.storage.payloads import SqlPayloads
        from headgate.storage.provider_keys_sql import SqlProviderKeys
        from headgate.storage.sealed_sql import SqlSealed
        from headgate.storage.switches_sql import SqlSwitches
        from headgate.storage.tenancy_stores import Tenancy

        engine = self._engine()
        parts = AdminParts(
            principals=self._principals,
            keys=SqlKeyStore(engine),
            tenancy=Tenancy.on(engine),
            derived=self._base.home.derived,
            config=self._config,
            logs=SqlLogStore(engine),
            payloads=SqlPayloads(engine),
            exports=Exports(SqlExports(engine), self.exporter.folder, self._base.home.node),
            usage=SqlUsage(engine),
            errors=SqlErrors(engine),
            models=self._models,
            provider_keys=SqlProviderKeys(engine),
            ring=self._base.ring,
            encryption=SqlSealed(engine, self._base.url),
            providers=self._providers,
            provider_names=self._provider_names,
            looked=self._base.discovered.write,
            board=self._base.board,
            switches=SqlSwitches(engine),
            snapshot=lambda: self._compiled().snapshot,
            live=self._live,
            objects=SqlObjects(engine),
            caches=SqlCaches(engine),
            cache_desk=CacheDesk(
                grounds(self._base.settings, self._base.home, self._base.url, None),
                lambda: caches_of(self._live.effective),
            ),
            alerts=Desk(self._base.url, sealing(self._base.home.derived)),
            feedback=SqlFeedback(engine),
            outside=self.outlets.offer,
            findings=lambda: findings(self._base, self._live, self.metrics.render),
            money=self._money(),
            entrance=self._entering.entrance(engine),
            tail=self._ring(),
            settings=self._base.settings,
            environ=self._base.environ,
        )
        return Management(parts)

    def _usual_days(self) -> Days:
        kept = self._compiled().config.observe.retention
        return Days(records=kept.records, minutes=kept.minutes, hours=kept.hours, days=kept.days)

    def _ring(self) -> "Ring":
        """Keep the last calls from now on: nobody could have looked at them before."""
        from headgate.observe.ring import Ring

        self.tail = Ring()
        return self.tail

    def _said_until(self, sql: Sql) -> dict[str, int]:
        """Return, by tenant, the instant before which what was said may go: what is to be archived must be."""
        observe = self._compiled().config.observe
        found, archive = payloads_end(sql, observe.retention.records), observe.archive
        if archive is not None and archive.payloads:
            return {tenant: min(at, archived_until(sql, tenant) or 0) for tenant, at in found.items()}
        return found

    def _outside(self, batch: list[bytes]) -> None:
        self.outlets.offer(batch)
        if self.tail is not None:
            self.tail.offer(batch)

    @cached_property
    def _made(self) -> "tuple[AsyncEngine, Money]":
        from headgate.billing.services import Money
        from headgate.storage.audit import keyed
        from headgate.storage.engine import open_engine

        derived = self._base.home.derived
        engine = keyed(open_engine(self._base.url), sealing_key(derived))
        return engine, Money.on(engine, derived)

    def _engine(self) -> "AsyncEngine":
        with self._lock:  # whoever is asked first, a caller or the timer
            return self._made[0]

    def _money(self) -> "Money":
        with self._lock:
            return self._made[1]

    def _deliver(self) -> "tuple[Money, Deliverer]":
        from headgate.alerts.channels import channels
        from headgate.alerts.channels.out import Ways as Out
        from headgate.billing.deliver import Deliverer

        settings = self._base.settings
        out = Out(self._entering.sender, self._entering.web.allow, settings.smtp_url)
        return self._money(), Deliverer(
            self._engine(),
            channels(),
            out,
            self._base.ring.envelope,
            lambda name: self._compiled().config.channels.get(name),
            settings.public_url,
        )

    def _models(self, wanted: "Wanted", tenant: str) -> list["Entry"]:
        from headgate.models.select import chosen

        compiled = self._compiled()
        return chosen(compiled.registry.entries(compiled.kinds(tenant)), wanted)

    def _providers(self, tenant: str) -> list[dict[str, Any]]:
        self._base.discovered.read()
        return self._compiled().told(self._base.discovered.found, tenant)

    def _provider_names(self, tenant: str | None) -> set[str]:
        return {*self._compiled().of(tenant), *self._live.effective.accounts_of(tenant), *keyed_kinds()}

    def _config(self) -> dict[str, Any]:
        shown = msgspec.to_builtins(
            self._compiled().config, enc_hook=lambda value: getattr(value, "source", "") or str(value)
        )
        assert isinstance(shown, dict)
        return shown
