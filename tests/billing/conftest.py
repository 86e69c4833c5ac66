"""A tenant with calls, as the drainer stores them."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from headgate.billing.chargeback import Office
from headgate.core.ids import new_id
from headgate.core.money import Usage
from headgate.core.record import Attempt, Record
from headgate.ledger.batch import ended_of
from headgate.ledger.lines import Charge
from headgate.storage.audit import keyed
from headgate.storage.bill_days import SqlBillDays
from headgate.storage.bills import SqlBills
from headgate.storage.engine import open_engine
from headgate.storage.object_rows import Author
from headgate.storage.schema import tenants
from tests.admin.records import keep

BOSS = Author(kind="user", id="boss", tenant_id="t1")


def at(text):
    """Microseconds of a moment, UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000_000)


def call(moment="2026-03-10T12:00", cost=1_000_000_000, **fields):
    tried = Attempt(provider="a", model="m", started_ms=0, cost_nano=cost, billed="usage" if cost else "none")
    told = {
        "id": new_id(), "trace_id": "0" * 32, "at": at(moment), "tenant_id": "t1", "key_id": "k1", "surface": "openai",
        "operation": "chat", "status": "success", "http_status": 200, "model_requested": "m", "model_used": "a/m",
        "provider_used": "a", "usage": Usage(input=100, output=20), "cost_nano": cost, "billed": "usage",
        "attempts": (tried,), **fields,
    }  # fmt: skip
    return Record(**told)


def charges_of(record):
    found = []
    for number, one in enumerate(record.attempts):
        if one.cost_nano:
            target = f"{one.provider}/{one.model}"
            charge = Charge(
                number + 1, record.at, record.key_id or "", one.cost_nano, 120, one.billed, target, "UTC", []
            )
            found.append(charge)
    return found


BOTH = pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
"""For what the two databases may do differently; else the embedded one is enough."""


@pytest.fixture
def url(request):
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{request.getfixturevalue('database')}"
    return request.getfixturevalue("migrated")


@pytest.fixture
async def engine(url):
    made = keyed(open_engine(url), b"k" * 32)
    async with made.begin() as con:
        names = {column.name for column in tenants.c}
        row = {"id": "t1", "name": "Acme & Sons", "is_active": True, "settings": "{}", "created_at": 1, "updated_at": 1}
        more = {"zone": "Europe/Berlin", "limits": "{}", "user_limits": "{}", "end_user_limits": "{}", "models": "[]"}
        more |= {"providers": "[]", "catalogue": "[]", "email": "pay@acme.test"}
        await con.execute(insert(tenants).values({k: v for k, v in (row | more).items() if k in names}))
    yield made
    await made.dispose()


@pytest.fixture
def office(engine):
    return Office(SqlBills(engine), SqlBillDays(engine))


@pytest.fixture
async def account(office):
    found = await office.bills.account("t1")
    assert found is not None
    return found


@pytest.fixture
def store(url):
    """Store calls as the drainer does: in a thread."""

    def work(records):
        keep(url, [ended_of(record, charges_of(record)) for record in records])

    async def stored(*records):
        await asyncio.to_thread(work, records)

    return stored
