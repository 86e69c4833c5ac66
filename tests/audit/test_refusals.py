"""What the management API refused, on its way into the audit log."""

import asyncio

import pytest
from sqlalchemy import func, select

from headgate.audit import refusals
from headgate.audit.refusals import Refusals
from headgate.storage.audit import AuditEntry, keyed, note
from headgate.storage.engine import open_engine
from headgate.storage.schema.proofs import audit


@pytest.fixture
async def engine(url):
    made = keyed(open_engine(url), b"k" * 32)
    yield made
    await made.dispose()


@pytest.mark.parametrize("at", ["before", "amid"])
async def test_the_end_takes_nothing_away(engine, monkeypatch, at):
    begun = asyncio.Event()

    async def slowly(con, entry):
        await note(con, entry)
        begun.set()
        await asyncio.sleep(0.2)  # the transaction is open, and on SQLite the lock is held

    monkeypatch.setattr(refusals, "note", slowly)
    kept = Refusals(engine)
    for number in range(2):
        entry = AuditEntry(
            tenant_id="t1",
            actor_kind="admin",
            actor_id=f"a{number}",
            action="keys:view",
            object_kind="key",
            object_id="k",
        )
        kept.add(entry)
        if at == "amid" and not number:
            await asyncio.wait_for(begun.wait(), 10)
    await asyncio.wait_for(kept.close(), 10)
    async with engine.connect() as con:
        assert (await con.execute(select(func.count()).select_from(audit))).scalar_one() == 2
