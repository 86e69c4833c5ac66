from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from headgate.access.keyring import Keyring
from headgate.access.keys import derive
from headgate.access.permissions import OWN_KEY, ROLES
from headgate.access.types import Principal
from headgate.admin.parts import AdminParts, Exports
from headgate.alerts.desk import Desk
from headgate.alerts.kinds import KINDS as ALERTS
from headgate.audit.sealing import sealing, sealing_key
from headgate.billing.services import Money
from headgate.cache.desk import CacheDesk
from headgate.cache.types import Grounds
from headgate.config.effective import caches_of
from headgate.config.types import Known
from headgate.core.errors import NotAuthenticated
from headgate.guardrails.kinds import KINDS as GUARDRAILS
from headgate.models.registry import Registry
from headgate.models.select import chosen
from headgate.observe.errors_seen import SqlErrors
from headgate.observe.log import SqlLogStore
from headgate.observe.usage import SqlUsage
from headgate.routing.board import Board
from headgate.routing.kinds import KINDS
from headgate.storage.audit import keyed
from headgate.storage.caches import SqlCaches
from headgate.storage.engine import open_engine
from headgate.storage.exports import SqlExports
from headgate.storage.feedback import SqlFeedback
from headgate.storage.keys import SqlKeyStore
from headgate.storage.objects import SqlObjects
from headgate.storage.payloads import SqlPayloads
from headgate.storage.provider_keys_sql import SqlProviderKeys
from headgate.storage.sealed_sql import SqlSealed
from headgate.storage.switches_sql import SqlSwitches
from headgate.storage.tenancy_stores import Tenancy
from tests.admin.built import application
from tests.admin.live import TestLive

KNOWN = Known(kinds=frozenset(("openai-compatible",)), strategies=KINDS, guardrails=GUARDRAILS, alerts=ALERTS)
ROUTES = """
providers:
  dear: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 5, output: 5}}
  fair: {kind: openai-compatible, base_url: "http://h/v1", price: {input: 1, output: 1}}
routes:
  plain: {targets: [dear/m, fair/m]}
  cheap: {targets: [{model: dear/m, tags: [hipaa]}, fair/m], strategy: [{kind: cost}], fallback: plain}
  safe:
    targets: [{model: dear/m, tags: [hipaa]}, fair/m]
    strategy: [{kind: compliance, require: [hipaa]}]
"""
DERIVED = derive(b"\3" * 32)
KEYS = "/api/v1/config/virtual-keys"


def who(name: str, tenant: str, *, kind: Any = "admin", **fields: Any) -> Principal:
    """Somebody whose credential is *name*."""
    return Principal(kind=kind, id=f"{name}-1", tenant_id=tenant, name=name, **fields)


class Doorkeeper:
    """Knows callers by the words that stand for their keys."""

    def __init__(self) -> None:
        self.known = {
            "admin": who("admin", "default", scope="platform", permissions=ROLES["platform-admin"]),
            "other": who("other", "other", scope="tenant", permissions=ROLES["tenant-admin"]),
            "key": who("key", "default", scope="own", permissions=OWN_KEY, kind="key"),
        }

    def authenticate(self, headers, query, address):
        word = dict(headers).get(b"authorization", b"").decode().removeprefix("Bearer ")
        if word not in self.known:
            raise NotAuthenticated
        return self.known[word]


@dataclass
class Api:
    """The management API and its store."""

    http: httpx2.AsyncClient
    keys: SqlKeyStore
    parts: AdminParts
    doors: Doorkeeper

    async def ask(self, method: str, path: str, who: str = "admin", **request: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {who}", **request.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **request)

    async def make(self, who: str = "admin", **fields: Any) -> dict[str, Any]:
        response = await self.ask("POST", KEYS, who, json={"name": "app", **fields})
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        return made


@pytest.fixture
async def api(tmp_path, database):
    async with opened(tmp_path, f"sqlite:///{database}") as made:
        yield made


@asynccontextmanager
async def opened(folder: Path, url: str, configured: str | None = None) -> AsyncIterator[Api]:
    """The management API of a migrated database; what is *configured* may be read from another."""
    engine = keyed(open_engine(url), sealing_key(DERIVED))
    money = Money.on(engine, DERIVED)
    doors = Doorkeeper()
    keys = SqlKeyStore(engine)
    live = TestLive(ROUTES, KNOWN, configured or url)
    parts = AdminParts(
        principals=doors,
        keys=keys,
        tenancy=Tenancy.on(engine),
        derived=DERIVED,
        logs=SqlLogStore(engine),
        payloads=SqlPayloads(engine),
        exports=Exports(SqlExports(engine), folder / "exports", "here"),
        usage=SqlUsage(engine),
        errors=SqlErrors(engine),
        board=Board(folder / "health"),
        switches=SqlSwitches(engine),
        snapshot=lambda: live.compiled.snapshot,
        live=live,
        objects=SqlObjects(engine),
        alerts=Desk(url, sealing(DERIVED)),
        feedback=SqlFeedback(engine),
        caches=SqlCaches(engine),
        cache_desk=CacheDesk(
            Grounds(directory=folder / "caches", secret=DERIVED.signing), lambda: caches_of(live.effective)
        ),
        money=money,
        config=lambda: {"routes": {}},
        provider_keys=SqlProviderKeys(engine),
        ring=Keyring(DERIVED),
        encryption=SqlSealed(engine, url),
        providers=lambda tenant: [{"name": "mine", "kind": "anthropic"}, *live.compiled.told({}, tenant)],
        provider_names=lambda tenant: {"mine", *live.effective.accounts_of(tenant)},
        models=lambda wanted, tenant: chosen(Registry().entries({"mine": "anthropic"}), wanted),
    )
    transport = httpx2.ASGITransport(application(parts), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as http:
        yield Api(http, keys, parts, doors)
    await money.refusals.close()
    await engine.dispose()
