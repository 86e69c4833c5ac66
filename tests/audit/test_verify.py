"""Whatever is done to the audit log or the request log behind the gateway's back is found, and said."""

import asyncio

import msgspec
import pytest
from sqlalchemy import insert, select, text, update

from headgate.audit.drained import Proofs
from headgate.audit.duty import seal_hours
from headgate.audit.verify import verify
from headgate.core.ids import new_id
from headgate.core.record import Record
from headgate.observe.facts import Facts
from headgate.storage.audit import AuditEntry, keyed, note
from headgate.storage.audit_log import SqlAuditLog
from headgate.storage.audit_rows import AuditRow, KeyedSealing, hash_of, row_of
from headgate.storage.engine import open_engine
from headgate.storage.schema import records
from headgate.storage.schema.proofs import audit, audit_heads, seals
from headgate.storage.sql import open_sql

KEY = b"k" * 32
SEALING = KeyedSealing(KEY)
HOUR = 3_600_000_000
THEN = 1_700_000_000_000_000


def entry(number):
    return AuditEntry(
        tenant_id="t1", actor_kind="admin", actor_id="a", action="keys:create", object_kind="key", object_id=str(number)
    )


@pytest.fixture
async def engine(url):
    made = keyed(open_engine(url), KEY)
    async with made.begin() as con:
        for number in range(1, 7):
            await note(con, entry(number))
    yield made
    await made.dispose()


async def unguarded(engine, *statements):
    """What somebody with all rights on the database can do."""
    async with engine.begin() as con:
        if con.dialect.name == "sqlite":
            for verb in ("update", "delete"):
                await con.execute(text(f"DROP TRIGGER IF EXISTS audit_no_{verb}"))
        else:
            await con.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        for statement in statements:
            await con.execute(text(statement) if isinstance(statement, str) else statement)


async def faults(engine, **known):
    verdict = await verify(SqlAuditLog(engine), "t1", SEALING, **known)
    return [(fault.what, fault.seq) for fault in verdict.faults]


async def test_what_was_never_touched_is_whole(engine):
    verdict = await verify(SqlAuditLog(engine), "t1", SEALING)
    assert (verdict.entries, verdict.head_seq, verdict.faults) == (6, 6, [])
    assert await faults(engine, known=(6, verdict.head_hash)) == []


async def test_a_changed_entry_is_named(engine):
    await unguarded(engine, "UPDATE audit SET actor_id = 'b' WHERE seq = 3")
    assert await faults(engine) == [("changed", 3)]


async def test_missing_entries_are_named_in_the_middle_at_the_beginning_and_at_the_end(engine):
    await unguarded(engine, "DELETE FROM audit WHERE seq IN (1, 3, 4, 6)")
    assert await faults(engine) == [("missing", 1), ("missing", 3), ("missing", 6)]


async def test_entries_that_changed_places_are_named(engine):
    await unguarded(
        engine,
        "UPDATE audit SET seq = 100 WHERE seq = 2",
        "UPDATE audit SET seq = 2 WHERE seq = 4",
        "UPDATE audit SET seq = 4 WHERE seq = 100",
    )
    assert ("moved", 2) in await faults(engine)
    assert ("moved", 4) in await faults(engine)


async def chain_of(engine):
    async with engine.connect() as con:
        return [AuditRow(**row._mapping) for row in await con.execute(select(audit).order_by(audit.c.seq))]


async def test_an_entry_put_in_at_the_end_is_named_even_with_its_hash_right(engine):
    last = (await chain_of(engine))[-1]
    forged = row_of(entry(99), 7, last.hash, KeyedSealing(b"x" * 32))
    await unguarded(
        engine,
        insert(audit).values(msgspec.structs.asdict(forged)),
        update(audit_heads).values(seq=7, hash=forged.hash),
    )
    assert await faults(engine) == [("inserted", 7)]


async def test_a_chain_hashed_anew_from_the_middle_is_found_without_its_key(engine):
    rows = await chain_of(engine)
    statements = []
    previous = rows[2].previous
    for row in rows[2:]:
        row = msgspec.structs.replace(row, previous=previous, actor_id="nobody")
        previous = hash_of(row)
        values = {"previous": row.previous, "actor_id": "nobody", "hash": previous}
        statements.append(update(audit).where(audit.c.seq == row.seq).values(values))
    await unguarded(engine, *statements, update(audit_heads).values(hash=previous))
    assert await faults(engine) == [("inserted", seq) for seq in (3, 4, 5, 6)]


async def test_a_log_cut_back_with_its_head_is_found_by_who_wrote_the_head_down(engine):
    rows = await chain_of(engine)
    await unguarded(engine, "DELETE FROM audit WHERE seq > 4", update(audit_heads).values(seq=4, hash=rows[3].hash))
    assert await faults(engine) == []
    assert await faults(engine, known=(6, rows[5].hash.hex())) == [("head", 6)]


def call(at=THEN, **fields):
    told = {"id": new_id(), "trace_id": "0" * 32, "tenant_id": "t1", "key_id": "k1", "surface": "openai"}
    return Record(at=at, operation="chat", status="success", http_status=200, **{**told, **fields})


async def drained(url, proofs, *calls):
    """Store calls as the drainer does: in a thread."""
    await asyncio.to_thread(store, url, proofs, *calls)


def store(url, proofs, *calls):
    sql = open_sql(url)
    stored = [(msgspec.json.decode(raw := msgspec.json.encode(one), type=Facts), raw) for one in calls]

    def work(sql):
        for facts, raw in stored:
            row = (facts.id, facts.tenant_id, facts.key_id, facts.at, facts.status, raw.decode())
            sql.execute(
                "INSERT INTO records (id, tenant_id, key_id, at, status, detail) VALUES (?, ?, ?, ?, ?, ?)", row
            )
        proofs.add(sql, stored)

    sql.transact(work)
    proofs.done()
    sql.close()


async def sealed(url):
    def work():
        sql = open_sql(url)
        try:
            return seal_hours(sql, SEALING)
        finally:
            sql.close()

    return await asyncio.to_thread(work)


@pytest.fixture
async def exchanges(url, engine):
    proofs = Proofs(SEALING)
    await drained(url, proofs, *(call() for _ in range(5)))
    await drained(url, proofs, call(), call(THEN + HOUR), call(tenant_id="t2"))
    assert await sealed(url) == 3


async def test_exchanges_are_vouched_for(url, engine, exchanges):
    verdict = await verify(SqlAuditLog(engine), "t1", SEALING)
    assert (verdict.exchanges, verdict.faults, verdict.entries) == (7, [], 8)
    assert await sealed(url) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE records SET detail = replace(detail, '\"k1\"', '\"k2\"') WHERE id = (SELECT min(id) FROM records)", "not as it was"),
        ("DELETE FROM records WHERE id = (SELECT min(id) FROM records)", "1 of 6 exchanges are missing"),
        ("INSERT INTO records (id, tenant_id, at, status, detail) VALUES ('x', 't1', 1700000000000001, 'success', '{}')", "put in"),
        ("DELETE FROM seals", "put in"),
    ],
)  # fmt: skip
async def test_an_exchange_changed_missing_or_put_in_is_found(engine, exchanges, change, words):
    await unguarded(engine, change)
    verdict = await verify(SqlAuditLog(engine), "t1", SEALING)
    assert {fault.what for fault in verdict.faults} == {"exchanges"}
    assert words in verdict.faults[0].words


async def test_sums_put_right_by_who_took_an_exchange_away_are_found_by_the_log(engine, exchanges):
    async with engine.begin() as con:
        gone = (
            await con.execute(select(records.c.id, records.c.detail).where(records.c.tenant_id == "t1").limit(1))
        ).one()
        digest = SEALING.record(gone.detail.encode())
        lanes = {f"s{lane}": seals.c[f"s{lane}"] - (digest >> 32 * lane & 0xFFFFFFFF) for lane in range(8)}
        hour = (seals.c.tenant_id == "t1", seals.c.hour == THEN // HOUR)
        await con.execute(update(seals).where(*hour).values(records=seals.c.records - 1, **lanes))
        await con.execute(records.delete().where(records.c.id == gone.id))
    verdict = await verify(SqlAuditLog(engine), "t1", SEALING)
    assert [fault.words for fault in verdict.faults] == ["The audit log vouches for 6 other exchanges."]


async def test_refusals_by_policy_are_noted_once_a_minute_with_their_number(url, engine):
    proofs = Proofs(SEALING)

    def one(seconds):
        return call(
            THEN + seconds * 1_000_000, code="parameter_not_allowed", address="10.0.0.1", error_message="no",
            model_requested="m",
        )  # fmt: skip

    await drained(url, proofs, one(0), one(1), call(code="upstream_timeout"))
    await drained(url, proofs, one(2))
    await drained(url, proofs, one(70))
    rows = [row for row in await chain_of(engine) if row.outcome == "refused"]
    assert [msgspec.json.decode(row.after)["times"] for row in rows] == [2, 2]
    assert (rows[0].action, rows[0].actor_id, rows[0].address) == ("gateway:use", "k1", "10.0.0.1")
    assert await faults(engine) == []
