"""What is over goes, a little at a time; the audit log vouches for it, and what is younger stays."""

import asyncio

import pytest

from headgate.access.keeping import days_kept
from headgate.access.keys import derive
from headgate.audit.drained import Proofs
from headgate.audit.duty import seal_hours
from headgate.audit.sealing import sealing, sealing_key
from headgate.audit.verify import verify
from headgate.ledger.batch import ended_of
from headgate.ledger.keeper import Keeper
from headgate.observe.retention import Retention
from headgate.storage import expire
from headgate.storage.audit import keyed
from headgate.storage.audit_log import SqlAuditLog
from headgate.storage.engine import open_engine
from headgate.storage.expire import Days
from headgate.storage.sql import open_sql
from tests.admin.records import NOW, call

DERIVED = derive(b"\7" * 32)
DAY = 86_400_000_000
USUAL = Days(records=0, minutes=7, hours=400, days=0)


def prepared(url, folder, settings="{}"):
    """Calls of ten days, thirty a day, and a tenant with *settings*."""
    sql = open_sql(url)
    sql.transact(
        lambda sql: sql.execute(
            "INSERT INTO tenants (id, name, is_active, settings, created_at, updated_at) VALUES (?, ?, ?, ?, 1, 1)",
            ("default", "d", True, settings),
        )
    )
    keeper = Keeper(url, folder / "dead", lambda batch: None, "home", Proofs(sealing(DERIVED)))
    calls = [call(at=NOW - number // 30 * DAY) for number in range(300)]
    keeper.store("j", [ended_of(one, []) for one in calls], 1)
    keeper.close()
    seal_hours(sql, sealing(DERIVED), NOW + DAY)
    return sql


def more(url, folder, calls):
    """Store *calls* besides."""
    keeper = Keeper(url, folder / "dead", lambda batch: None, "home", Proofs(sealing(DERIVED)))
    keeper.store("k", [ended_of(one, []) for one in calls], 1)
    keeper.close()


def left(sql, table, where="TRUE"):
    return sql.execute(f"SELECT COUNT(*) FROM {table} WHERE {where}").fetchone()[0]


def retention(url, archived=False, usual=USUAL):
    return Retention(url, "home", sealing(DERIVED), lambda sql: days_kept(sql, usual), lambda: archived)


async def test_what_stays_of_a_tenant_that_is_gone_is_kept_as_the_installation_says(url, tmp_path):
    sql = await asyncio.to_thread(prepared, url, tmp_path, '{"logging": {"retention_days": 8}}')
    calls = [call(at=NOW - number * DAY, tenant_id=id) for id in ("acme", "zeta") for number in range(10)]
    failed = {"status": "failure", "code": "upstream_error", "http_status": 502}
    calls.append(call(at=NOW - 9 * DAY, tenant_id="errs", **failed))
    await asyncio.to_thread(more, url, tmp_path, calls)
    usual = Days(records=3, minutes=2, hours=2, days=5)
    kept = await asyncio.to_thread(days_kept, sql, usual)
    assert kept == {
        "default": Days(records=8, minutes=2, hours=2, days=5),
        **dict.fromkeys(("acme", "errs", "zeta"), usual),
    }
    job = retention(url, usual=usual)
    assert await asyncio.to_thread(job.once) == 30 + 6 + 6 + 1
    for table, where, count in (
        ("records", "tenant_id = 'default'", 270),
        ("records", "tenant_id = 'acme'", 4),
        ("records", "tenant_id = 'zeta'", 4),
        ("records", "tenant_id = 'errs'", 0),
        ("rollups", "tenant_id = 'errs'", 0),
        ("rollups", "tenant_id = 'zeta' AND grain = 86400 AND cut = 'all'", 6),
        ("error_groups", "tenant_id = 'errs'", 0),
    ):
        assert await asyncio.to_thread(left, sql, table, where) == count, where
    told = await asyncio.to_thread(
        lambda: sql.execute("SELECT tenant_id FROM audit WHERE action = 'records:expire' ORDER BY 1").fetchall()
    )
    assert told == [("acme",), ("default",), ("errs",), ("zeta",)]
    assert await asyncio.to_thread(days_kept, sql, Days()) == {
        "default": Days(records=8), **dict.fromkeys(("acme", "zeta"), Days())
    }  # fmt: skip
    assert await asyncio.to_thread(job.once) == 0
    await asyncio.to_thread(sql.close)
    await asyncio.to_thread(job.stop)


async def test_by_policy_in_batches_and_vouched_for(url, tmp_path, monkeypatch):
    monkeypatch.setattr(expire, "AT_ONCE", 50)
    settings = '{"logging": {"retention_days": 4}}'
    sql = await asyncio.to_thread(prepared, url, tmp_path, settings)
    job = retention(url)
    assert await asyncio.to_thread(job.once) == 150
    assert await asyncio.to_thread(job.once) == 0
    assert await asyncio.to_thread(left, sql, "records") == 150
    assert await asyncio.to_thread(left, sql, "rollups", "grain = 60 AND cut = 'all'") == 8
    assert await asyncio.to_thread(left, sql, "rollups", "grain = 86400 AND cut = 'all'") == 10
    engine = keyed(open_engine(url), sealing_key(DERIVED))
    found = await verify(SqlAuditLog(engine), "default", sealing(DERIVED))
    await engine.dispose()
    assert found.faults == []
    told = await asyncio.to_thread(
        lambda: sql.execute("SELECT after FROM audit WHERE action = 'records:expire'").fetchall()
    )
    assert told == [('{"records":"150","days":"4"}',)]
    await asyncio.to_thread(sql.close)
    await asyncio.to_thread(job.stop)


@pytest.fixture
def embedded(database):
    return f"sqlite:///{database}"


def test_without_a_policy_records_stay(embedded, tmp_path):
    sql = prepared(embedded, tmp_path)
    assert retention(embedded).once() == 0
    assert retention(embedded, usual=Days(records=2)).once() == 210
    assert left(sql, "records") == 90


def test_what_is_not_archived_stays(embedded, tmp_path):
    sql = prepared(embedded, tmp_path)
    usual = Days(records=2)
    assert retention(embedded, archived=True, usual=usual).once() == 0
    hour = (NOW - 5 * DAY) // 3_600_000_000
    sql.transact(
        lambda sql: sql.execute(
            "INSERT INTO archives (tenant_id, kind, hour, rows, bytes, sha256, path, at)"
            " VALUES ('default', 'records', ?, 0, 0, '', '', 1)",
            (hour,),
        )
    )
    assert 0 < retention(embedded, archived=True, usual=usual).once() < 210
    assert left(sql, "records", "at > 0") >= 150


def test_only_one_home_does_it(embedded, tmp_path):
    prepared(embedded, tmp_path)
    first = retention(embedded, usual=Days(records=9))
    first.once()
    other = Retention(embedded, "other", sealing(DERIVED), lambda sql: {"default": Days(records=1)}, lambda: False)
    assert other.once() == 0
