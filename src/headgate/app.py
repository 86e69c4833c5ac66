"""A worker: one data plane, put together from its parts. With ``base`` and ``office`` it is the composition root.

These three alone name concrete stores. ``base`` is what every process opens, ``office`` what stands behind the control
plane, which the parent has; each worker has a data plane of its own on the shared socket.
"""

import asyncio
import gc
import logging
import socket
from contextlib import suppress
from time import monotonic
from typing import Any

import msgspec

from headgate.access.types import Budget, Principal
from headgate.base import Base, Ways
from headgate.cache.board import CLEAR, Order
from headgate.cache.shelf import Shelf
from headgate.config.compile import Compiled
from headgate.config.effective import caches_of
from headgate.config.standing import standing_of
from headgate.config.types import ConfigError, LimitsConfig
from headgate.core.call import Call
from headgate.core.errors import Unavailable
from headgate.edge import certificate, edge, opened_to
from headgate.entering import Entering
from headgate.guardrails.types import Guards
from headgate.ledger.books import LedgerBooks
from headgate.ledger.journal import Journal
from headgate.live import Live
from headgate.models import tokens
from headgate.models.discovered import keep_looking
from headgate.observe.outlets import OUTLETS, ills
from headgate.observe.spool import FOLDER, PAYLOADS, Spool
from headgate.pipeline.attach import Attacher
from headgate.pipeline.parts import Parts
from headgate.providers.discover import probe_local
from headgate.providers.keys import breakers
from headgate.routing.board import Doing, keep_posted
from headgate.routing.conversations import Conversations
from headgate.routing.health import Health
from headgate.storage.switches import CHANGE as SWITCH
from headgate.storage.types import Change
from headgate.stores import Signals, Stores, grounds
from headgate.surfaces.dispatch import Dispatch
from headgate.surfaces.role import Partial
from headgate.surfaces.state import State
from headgate.transport.server import App, Server, ServerLimits, start

log = logging.getLogger("headgate")


class Worker:
    """One data plane: everything a request touches."""

    def __init__(self, base: Base, number: int, workers: int) -> None:
        self.base = base
        self.ways = Ways(base.settings.ca_file, base.settings.proxy)
        self.entering = Entering(base.settings, base.url, base.home.derived, base.ring, self.ways.lean)
        self.journal = Journal(base.journal_dir)
        self.stores = Stores(base, self.journal.id, workers)
        self.signals = Signals(base)
        self.principals = base.principals(self.entering.resolver, rest=self.signals.wake.rest)
        stores = self.stores
        self.books = LedgerBooks(self.journal, stores.grants, meter=stores.meter, on_soft=log_soft, clock=stores.clock)
        self.live = Live(base, self.ways, self._taken)
        self.spool = Spool(base.home.path / FOLDER, base.ring.direct(PAYLOADS))
        self.parts = Parts(
            principals=self.principals,
            gate=self.stores.gate,
            books=self.books,
            snapshot=self.live.compiled.snapshot,
            count_tokens=tokens.counted,
            estimate_output=tokens.estimate,
            log_error=log_error,
            worker=number,
            workers=workers,
            max_body=base.config.limits.body,
            responses=self.stores.responses,
            repeats=self.stores.repeats,
            attacher=Attacher(self.ways.lean),
            spool=self.spool,
            guards=Guards(base.home.derived.signing, self.ways.lean),
            caches=Shelf(grounds(base.settings, base.home, base.url, self.ways.lean), number),
            health=Health(shared=self.stores.probes is not None),
            conversations=Conversations(base.home.path / "health" / "conversations"),
        )
        self._cache()
        self.parts.health.keys = breakers(self.live.compiled.providers)
        self._limit(self.live.compiled.config.limits)
        self.state = State(listing=self._listing, ready_checks=self._checks, started_at=monotonic())
        self._tasks: list[asyncio.Task[None]] = []
        self._certificate = certificate(base.settings)
        self.server: Server | None = None

    async def start(self, sock: socket.socket, control: App) -> None:
        """Serve on *sock*."""
        self.live.follow(self.principals)
        self.principals.watch(lambda changes: self.signals.changed())
        self.principals.watch(self._ordered)
        self.principals.follow(SWITCH, self.stores.switched.renew)
        with suppress(Unavailable):  # a server that is down: not ready until it answers, but there
            await self.principals.refresh()
        base, settings = self.base, self.base.settings
        self.server = await start(
            opened_to(settings, self._planes(Dispatch(self.parts, self.state, control))),
            [sock],
            limits=ServerLimits(body=self.parts.max_body),
            ssl_context=self._certificate.context if self._certificate is not None else None,
            on_error=log_server_error,
            edge=edge(settings),
        )
        if self._certificate is not None:
            self._tasks.append(asyncio.create_task(self._certificate.keep_fresh()))
        self._tasks.append(asyncio.create_task(self.principals.run()))
        self._tasks.append(asyncio.create_task(self._look_around()))
        looking = keep_looking(
            base.discovered,
            lambda: self.live.compiled.providers.values(),
            self.live.again,
            base.settings.discovery,
        )
        self._tasks.append(asyncio.create_task(looking))
        self._tasks.append(asyncio.create_task(self._keep_posted()))
        self._tasks += [asyncio.create_task(one) for one in (self.live.run(), *self.signals.run(), *self.stores.run())]
        self._tasks.append(asyncio.create_task(self.parts.caches.run()))
        gc.collect()
        gc.freeze()  # what a start has made stays; collections need not walk it again

    def _planes(self, dispatch: Dispatch) -> App:
        role = self.base.settings.role
        return dispatch if role == "all" else Partial(dispatch, role)

    async def stop(self, accept_grace: float, drain: float) -> None:
        """Finish what runs, then close everything. What was recorded is in the journal when this returns."""
        self.state.draining = True
        if self.server is not None:
            await self.server.drain(accept_grace, drain)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.parts.aside.close()
        await self.parts.caches.close()
        self.principals.close()
        await asyncio.to_thread(self.spool.close)
        self.entering.close()
        self.books.close()
        await self.ways.close()
        await self.signals.close()
        await self.stores.close()
        self.journal.close()

    def abort(self) -> None:
        """Cut every connection now; their calls are settled all the same."""
        if self.server is not None:
            self.server.abort()

    async def _keep_posted(self) -> None:
        parts, stores = self.parts, self.stores
        await keep_posted(
            self.base.board,
            parts.health,
            parts.worker,
            probes=stores.probes,
            hands=stores.switched,
            doing=self._doing,
        )

    def _doing(self) -> Doing:
        refused = self.parts.refused
        if self.server is not None:
            refused = refused + self.server.refused
        in_rooms = sum(waiting for _, waiting in self.parts.rooms.told().values())
        return Doing(dict(refused), {"budget": self.books.waiting, "provider": in_rooms})

    def _taken(self, compiled: Compiled) -> None:
        self.parts.health.keys = breakers(compiled.providers)
        self._cache()
        self.parts.snapshot = compiled.snapshot
        self._limit(compiled.config.limits)
        self.parts.max_body = compiled.config.limits.body
        if self.server is not None:
            self.server.bound(self.parts.max_body)
        self.stores.responses.keep = compiled.config.responses.keep

    def _ordered(self, changes: list[Change]) -> None:
        """Clear the caches that somebody has ordered to be cleared."""
        for change in changes:
            if change.kind == CLEAR:
                self.parts.caches.obey(msgspec.json.decode(change.object_id, type=Order))

    def _cache(self) -> None:
        """Have the caches that the configuration tells of. What cannot be made is as one that is switched off."""
        for problem in self.parts.caches.follow(caches_of(self.live.effective)):
            log.error("%s", problem)

    def _limit(self, limits: LimitsConfig) -> None:
        standing = standing_of(limits)
        self.stores.gate.follow(standing)
        self.books.follow(standing)

    async def _look_around(self) -> None:
        """Add the model servers of this machine, without having made the start wait for them."""
        local = await probe_local()
        new = {name: account for name, account in local.items() if name not in self.base.found}
        if new:
            self.base.found = {**self.base.found, **new}
            with suppress(ConfigError):
                self.live.again()

    def _listing(self, who: Principal) -> list[dict[str, Any]]:
        return [msgspec.structs.asdict(model) for model in self.live.compiled.listing(who)]

    def _checks(self) -> dict[str, str]:
        keys = "degraded" if self.principals.degraded else "ok"
        checks = {"config": "ok", "keys": keys if self.principals.ready else "not loaded"}
        checks["ledger"] = self.journal.trouble or "ok"
        if self.live.watcher.problems:
            checks["config_file"] = f"kept the old one: {len(self.live.watcher.problems)} problem(s) in the new"
        if self.base.effective.left_out:
            checks["config_objects"] = f"{len(self.base.effective.left_out)} problem(s): left out, or as before"
        if keys == "degraded" and self.principals.ready:
            checks["keys"], checks["key_store"] = "ok", "does not answer; known keys are served"
        checks |= self.stores.states()
        compiled = self.live.compiled
        unwell = self.base.discovered.faults().keys() & (compiled.providers.keys() - compiled.owners.keys())
        checks |= {f"provider {name}": "was not well when last looked at" for name in sorted(unwell)}
        checks |= {
            f"outlet {name}": "takes nothing; what it is to take waits" for name in ills(self.base.home.path / OUTLETS)
        }
        return checks


def log_soft(budget: Budget, used: int) -> None:
    """Tell the log of a soft budget that was passed."""
    name = budget.name or f"budget of {budget.scope}"
    log.warning("%s is passed: %d of %d %s used this %s", name, used, budget.amount, budget.unit, budget.window)


def log_error(call: Call, error: BaseException) -> None:
    """Tell the log of a fault of ours."""
    log.error("call %s failed inside the gateway", call.id, exc_info=error)


def log_server_error(error: BaseException, scope: Any) -> None:
    """Tell the log of an application that raised."""
    log.error("%s %s failed inside the gateway", scope.get("method"), scope.get("path"), exc_info=error)
