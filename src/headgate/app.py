"""The composition root: settings -> parts -> ASGI application. The only file that names concrete stores.

One process holds everything; with several workers the parent holds the control plane (drainer, management API, metrics)
and each worker a data plane of its own on the shared socket.
"""

import asyncio
import gc
import logging
import socket
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from headgate.access.first import FirstKeys, admin_principal, ensure_keys
from headgate.access.home import Home, open_home
from headgate.access.keys import digest
from headgate.access.principals import Principals
from headgate.access.types import Principal
from headgate.access.vault import LocalSealer, all_opened
from headgate.config import load
from headgate.config.compile import Compiled, compile_config
from headgate.config.known import known
from headgate.config.load import loads
from headgate.config.parse import read as read_file
from headgate.config.types import Config, ConfigError, Problem
from headgate.config.watch import Watcher
from headgate.control import Control
from headgate.core.call import Call
from headgate.core.secret import Secret
from headgate.ledger.books import LedgerBooks
from headgate.ledger.drain import Drainer
from headgate.ledger.grants import SqlGrants
from headgate.ledger.journal import Journal
from headgate.ledger.meters import LocalMeter
from headgate.limits.gate import LocalGate
from headgate.models import tokens
from headgate.models.discovered import Discovered, keep_looking
from headgate.models.table import Tables
from headgate.observe.metrics import Metrics
from headgate.pipeline.attach import Attacher
from headgate.pipeline.parts import Parts
from headgate.providers.base import ProviderConfig, Senders
from headgate.providers.catalog import keyed_kinds
from headgate.providers.discover import from_environment, probe_local
from headgate.routing.board import Board, keep_posted
from headgate.settings import Settings, decode_secret_key, environment
from headgate.storage.desk import Desk
from headgate.storage.feed import SqliteKeyFeed
from headgate.storage.provider_keys import CHANGE, stored
from headgate.storage.responses import KeptResponses
from headgate.surfaces.dispatch import Dispatch
from headgate.surfaces.state import State
from headgate.transport.base import Sender
from headgate.transport.client import Http1Sender
from headgate.transport.pool import Bounds
from headgate.transport.server import App, Server, ServerLimits, start

if TYPE_CHECKING:
    from headgate.models.registry import Entry
    from headgate.models.select import Wanted

log = logging.getLogger("headgate")
TENANT = "default"
"""Whose providers they are."""


class Ways(Senders):
    """The ways out of the process: one lean sender for all, a general one per proxy."""

    def __init__(self) -> None:
        self.lean = Http1Sender(Bounds(connections=2048, waiting=4096, idle=1024))
        self._general: dict[tuple[str | None, bool], Sender] = {}

    def get(self, *, proxy: str | None = None, http2: bool = False) -> Sender:
        """See ``Senders.get``."""
        if proxy is None and not http2:
            return self.lean
        if (proxy, http2) not in self._general:
            from headgate.transport.general import GeneralSender

            self._general[proxy, http2] = GeneralSender(proxy=proxy, http2=http2)
        return self._general[proxy, http2]

    async def close(self) -> None:
        """Close every connection."""
        for sender in [self.lean, *self._general.values()]:
            await sender.close()


class Base:
    """What every process of an installation opens: home, database, keys, configuration."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        secret = decode_secret_key(settings.secret_key) if settings.secret_key else None
        self.home: Home = open_home(settings.home, secret)
        self.database = settings.database_path()
        self.url = f"sqlite:///{self.database}"
        self.journal_dir = self.home.path / "journal"
        self.environ = environment()
        self.found: dict[str, ProviderConfig] = from_environment(self.environ)
        self.provider_keys = self.open_keys()
        self.board = Board(self.home.path / "health")
        self.discovered = Discovered(self.home.path / "discovered")
        self.discovered.read()
        self.file = settings.config_file()
        self.secret_files: frozenset[Path] = frozenset()
        """Files that the configuration takes secrets from."""
        self.seen = read_file(self.file) if self.file is not None and self.file.is_file() else b""
        self.config = self.read(self.seen) if self.seen else load(self.file, self.environ, self._known())

    def read(self, data: bytes) -> Config:
        """Return the configuration that *data* states; raise ``ConfigError``."""
        files: set[Path] = set()
        try:
            return loads(data, self.environ, self._known(), file=str(self.file), files=files)
        finally:
            self.secret_files = frozenset(files)

    def compile(self, config: Config, senders: Senders) -> Compiled:
        """Compile *config*; raise ``ConfigError`` for what only building shows."""
        try:
            return compile_config(
                config,
                self.found,
                senders,
                tables=Tables(self.home.path / "models"),
                discovered=self.discovered.models,
                keys=self.provider_keys,
            )
        except ValueError as error:
            raise ConfigError([Problem(str(self.file or "configuration"), 0, 0, "", str(error))]) from None

    def principals(self) -> Principals:
        """Return what turns credentials into principals, in this process."""
        fixed = {}
        if self.settings.admin_key is not None:
            fixed[digest(self.settings.admin_key, self.home.derived)] = admin_principal()
        return Principals(SqliteKeyFeed(self.database), self.home.derived, fixed=fixed)

    def first_keys(self) -> FirstKeys:
        """Make the first keys where there are none."""

        async def create(tenant: str, row: Any) -> None:
            from headgate.storage.engine import open_engine
            from headgate.storage.keys import SqlKeyStore

            engine = open_engine(self.url)
            try:
                await SqlKeyStore(engine).create(tenant, row)
            finally:
                await engine.dispose()

        has_admin_key = self.settings.admin_key is not None
        return asyncio.run(ensure_keys(self.home, self.database, create, has_admin_key=has_admin_key))

    def open_keys(self) -> dict[str, list[Secret]]:
        """See :func:`headgate.access.vault.all_opened`."""
        return all_opened(stored(self.database, TENANT), LocalSealer(self.home.derived))

    def _known(self) -> Any:
        return known(self.environ, providers={*self.found, *self.provider_keys})


class Office:
    """What stands behind the control plane: the drainer, the metrics, and how the management API is built."""

    def __init__(self, base: Base, principals: Principals, compiled: Callable[[], Compiled]) -> None:
        self._base = base
        self._principals = principals
        self._compiled = compiled
        self.metrics = Metrics()
        self.drainer = Drainer(base.journal_dir, base.database, seen=self.metrics.add)
        self.metrics.gauge("journal_behind_bytes", "Journal bytes not in the database yet", lambda: self.drainer.behind)
        self.metrics.gauge("calls_in_flight", "Holds that have not ended", lambda: self.drainer.in_flight)
        self.metrics.gauge("dead_letters", "Journal lines that could not be stored", lambda: self.drainer.dead_letters)
        self.metrics.states(base.board.read)

    def know(self, compiled: Compiled) -> None:
        """Tell the metrics which names may be label values."""
        names = [model.id for model in compiled.registry.listing(compiled.providers.values())]
        names += [t.name for route in compiled.snapshot.table.routes.values() for t in route.targets]
        self.metrics.know(compiled.providers, names)

    def control(self) -> App:
        """Return the control plane."""
        token = self._base.settings.metrics_token
        return Control(self._principals, self.metrics.render, token, self._management)

    def _management(self) -> App:
        """Import and build the management API. Takes a second of CPU, so not before it is asked for."""
        from headgate.admin.parts import AdminParts
        from headgate.management import Management
        from headgate.observe.log import SqlLogStore
        from headgate.observe.usage import SqlUsage
        from headgate.storage.engine import open_engine
        from headgate.storage.keys import SqlKeyStore
        from headgate.storage.provider_keys_sql import SqlProviderKeys

        engine = open_engine(self._base.url)
        parts = AdminParts(
            principals=self._principals,
            keys=SqlKeyStore(engine),
            derived=self._base.home.derived,
            config=self._config,
            logs=SqlLogStore(engine),
            usage=SqlUsage(engine),
            models=self._models,
            provider_keys=SqlProviderKeys(engine),
            sealer=LocalSealer(self._base.home.derived),
            providers=self._providers,
            provider_names=lambda: {*self._compiled().providers, *keyed_kinds()},
            board=self._base.board,
            snapshot=lambda: self._compiled().snapshot,
        )
        return Management(parts)

    def _models(self, wanted: "Wanted") -> list["Entry"]:
        from headgate.models.select import chosen

        compiled = self._compiled()
        return chosen(compiled.registry.entries(compiled.kinds()), wanted)

    def _providers(self) -> list[dict[str, Any]]:
        self._base.discovered.read()
        return self._compiled().told(self._base.discovered.found)

    def _config(self) -> dict[str, Any]:
        shown = msgspec.to_builtins(self._compiled().config, enc_hook=lambda value: str(value))
        assert isinstance(shown, dict)
        return shown


class Worker:
    """One data plane: everything a request touches."""

    def __init__(self, base: Base, number: int, workers: int) -> None:
        self.base = base
        self.ways = Ways()
        self.principals = base.principals()
        self.journal = Journal(base.journal_dir)
        self.desk = Desk(base.database)
        grants = SqlGrants(self.desk, self.journal.id, workers)
        self.gate, meter = shared_limits(self.desk, self.journal.id, workers)
        self.books = LedgerBooks(self.journal, grants, meter=meter)
        self.compiled = base.compile(base.config, self.ways)
        self.responses = KeptResponses(base.home.path / "responses.db", base.config.responses.keep)
        self.on_compiled: Callable[[Compiled], None] = lambda compiled: None
        self.parts = Parts(
            principals=self.principals,
            gate=self.gate,
            books=self.books,
            snapshot=self.compiled.snapshot,
            count_tokens=tokens.counted,
            estimate_output=tokens.estimate,
            log_error=log_error,
            worker=number,
            max_body=self.compiled.config.limits.body,
            responses=self.responses,
            attacher=Attacher(self.ways.lean),
        )
        self.state = State(listing=self._listing, ready_checks=self._checks, started_at=monotonic())
        self.watcher: Watcher | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._opening: asyncio.Task[None] | None = None
        self._keys_stale = False
        self.server: Server | None = None

    async def start(self, sock: socket.socket, control: App) -> None:
        """Serve on *sock*."""
        self.principals.follow(CHANGE, self._keys_changed)
        await self.principals.refresh()
        app = Dispatch(self.parts, self.state, control)
        limits = ServerLimits(body=self.compiled.config.limits.body)
        self.server = await start(app, [sock], limits=limits, on_error=log_server_error)
        self._tasks.append(asyncio.create_task(self.principals.run()))
        self._tasks.append(asyncio.create_task(self._look_around()))
        base = self.base
        looking = keep_looking(
            base.discovered,
            lambda: self.compiled.providers.values(),
            lambda: self._take_over(base.config),
            base.settings.discovery,
        )
        self._tasks.append(asyncio.create_task(looking))
        self._tasks.append(asyncio.create_task(keep_posted(base.board, self.parts.health, self.parts.worker)))
        if base.file is not None:
            self.watcher = Watcher(
                base.file, base.read, self._take_over, seen=base.seen, beside=lambda: base.secret_files
            )
            self._tasks.append(asyncio.create_task(self.watcher.run()))
        gc.collect()
        gc.freeze()  # what a start has made stays; collections need not walk it again

    async def stop(self, accept_grace: float, drain: float) -> None:
        """Finish what runs, then close everything. What was recorded is in the journal when this returns."""
        self.state.draining = True
        if self.server is not None:
            await self.server.drain(accept_grace, drain)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.principals.close()
        self.books.close()
        await self.ways.close()
        await asyncio.to_thread(self.desk.close)
        await asyncio.to_thread(self.responses.close)
        self.journal.close()

    def abort(self) -> None:
        """Cut every connection now; their calls are settled all the same."""
        if self.server is not None:
            self.server.abort()

    def _take_over(self, config: Config) -> None:
        compiled = self.base.compile(config, self.ways)
        self.base.config, self.compiled = config, compiled
        self.parts.snapshot = compiled.snapshot
        self.responses.keep = config.responses.keep
        self.on_compiled(compiled)

    def _keys_changed(self) -> None:
        """Take over the keys of providers as they are now; several changes at once are one."""
        self._keys_stale = True
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open_keys())

    async def _open_keys(self) -> None:
        while self._keys_stale:
            self._keys_stale = False
            try:
                self.base.provider_keys = await asyncio.to_thread(self.base.open_keys)
                self._take_over(self.base.config)
            except (ConfigError, sqlite3.Error) as error:
                log.error("kept the old keys of providers: %s", error)

    async def _look_around(self) -> None:
        """Add the model servers of this machine, without having made the start wait for them."""
        local = await probe_local()
        new = {name: account for name, account in local.items() if name not in self.base.found}
        if new:
            self.base.found = {**self.base.found, **new}
            with suppress(ConfigError):
                self._take_over(self.base.config)

    def _listing(self, who: Principal) -> list[dict[str, Any]]:
        return [msgspec.structs.asdict(model) for model in self.compiled.listing(who)]

    def _checks(self) -> dict[str, str]:
        keys = "degraded" if self.principals.degraded else "ok"
        checks = {"config": "ok", "keys": keys if self.principals.ready else "not loaded", "ledger": "ok"}
        if self.watcher is not None and self.watcher.problems:
            checks["config_file"] = f"kept the old one: {len(self.watcher.problems)} problem(s) in the new"
        if keys == "degraded" and self.principals.ready:
            checks["keys"], checks["key_store"] = "ok", "does not answer; known keys are served"
        unwell = self.base.discovered.faults().keys() & self.compiled.providers.keys()
        checks |= {f"provider {name}": "was not well when last looked at" for name in sorted(unwell)}
        return checks


def shared_limits(desk: Desk, owner: str, workers: int) -> tuple[Any, Any]:
    """Return (gate, meter maker): in memory for one worker, over the shared store for several."""
    if workers == 1:
        return LocalGate(), lambda key_id, limit: LocalMeter(limit)
    from headgate.ledger.shared_meter import SharedMeter
    from headgate.limits.shared import SharedGate

    return SharedGate(desk, owner, workers), partial(SharedMeter, desk, workers)


def log_error(call: Call, error: BaseException) -> None:
    """Tell the log of a fault of ours."""
    log.error("call %s failed inside the gateway", call.id, exc_info=error)


def log_server_error(error: BaseException, scope: Any) -> None:
    """Tell the log of an application that raised."""
    log.error("%s %s failed inside the gateway", scope.get("method"), scope.get("path"), exc_info=error)
