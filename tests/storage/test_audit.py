"""The audit log: numbered, chained and sealed in the transaction of the change, and never changed."""

import asyncio
from itertools import pairwise

import msgspec
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from headgate.storage.audit import AuditEntry, keyed, note
from headgate.storage.audit_rows import FIRST, AuditRow, KeyedSealing, hash_of, redacted, row_of
from headgate.storage.engine import open_engine
from headgate.storage.keys import tell
from headgate.storage.schema.proofs import audit, audit_heads

KEY = b"k" * 32


def entry(tenant="t1", object_id="o1", **fields):
    told = {"actor_kind": "admin", "actor_id": "a1", "action": "keys:create", "object_kind": "key", **fields}
    return AuditEntry(tenant_id=tenant, object_id=object_id, **told)


@pytest.fixture
async def engine(url):
    made = keyed(open_engine(url), KEY)
    yield made
    await made.dispose()


async def rows_of(engine, tenant="t1"):
    async with engine.connect() as con:
        found = await con.execute(select(audit).where(audit.c.tenant_id == tenant).order_by(audit.c.seq))
        return [AuditRow(**row._mapping) for row in found]


async def test_entries_are_numbered_chained_and_sealed(engine):
    async with engine.begin() as con:
        await note(con, entry(after={"name": "x", "secret": "hush", "url": "https://u:p@h/?key=abcdef"}))
        await note(con, entry(object_id="o2", before={"a": 1}, address="127.0.0.1", request_id="r"))
        await note(con, entry("t2"))
    rows = await rows_of(engine)
    assert [row.seq for row in rows] == [1, 2]
    assert rows[0].previous == FIRST
    assert rows[1].previous == rows[0].hash
    for row in rows:
        assert row.hash == hash_of(row)
        assert row.seal == KeyedSealing(KEY).seal(row.hash)
    assert msgspec.json.decode(rows[0].after) == {"name": "x", "secret": "***", "url": "https://***@h/?key=***"}
    assert [row.seq for row in await rows_of(engine, "t2")] == [1]
    async with engine.connect() as con:
        heads = {row.tenant_id: (row.seq, row.hash) for row in await con.execute(select(audit_heads))}
    assert heads["t1"] == (2, rows[1].hash)


async def test_what_is_rolled_back_leaves_no_entry_and_no_gap(engine):
    with pytest.raises(ZeroDivisionError):
        async with engine.begin() as con:
            await note(con, entry())
            raise ZeroDivisionError
    async with engine.begin() as con:
        await note(con, entry())
    assert [row.seq for row in await rows_of(engine)] == [1]


async def test_many_at_once_in_either_order_leave_one_chain(engine):
    async def change(number):
        async with engine.begin() as con:
            if number % 2:
                await tell(con, "o", "t1")
                await note(con, entry(object_id=str(number)))
            else:
                await note(con, entry(object_id=str(number)))
                await tell(con, "o", "t1")

    await asyncio.gather(*(change(n) for n in range(20)))
    rows = await rows_of(engine)
    assert [row.seq for row in rows] == list(range(1, 21))
    assert all(row.previous == before.hash for before, row in pairwise(rows))


@pytest.mark.parametrize("statement", ["UPDATE audit SET action = 'x'", "DELETE FROM audit"])
async def test_the_database_itself_refuses_to_change_it(engine, statement):
    async with engine.begin() as con:
        await note(con, entry())
    with pytest.raises(DBAPIError, match="only grows"):
        async with engine.begin() as con:
            await con.execute(text(statement))


async def test_without_a_key_there_is_no_seal(url):
    engine = open_engine(url)
    async with engine.begin() as con:
        await note(con, entry())
    assert [row.seal for row in await rows_of(engine)] == [b""]
    await engine.dispose()


def test_secrets_are_hidden_by_name_and_by_looks():
    shown = redacted(
        {"password": "p", "list": ["sk-abcdefgh12345"], "max_tokens": 5, "refresh_token": "x", "deep": {"api_key": "k"}}
    )
    assert shown == {
        "password": "***",
        "list": ["***"],
        "max_tokens": 5,
        "refresh_token": "***",
        "deep": {"api_key": "***"},
    }


def test_texts_that_no_database_holds_and_texts_too_long_are_kept_in_another_form():
    row = row_of(entry(object_id="a\0b\ud800", after={"x": "\0", "y": "\\u0000"}), 1, FIRST, None)
    assert row.object_id == "a\ufffdb\ufffd"
    assert msgspec.json.decode(row.after or "") == {"x": "\ufffd", "y": "\\u0000"}
    long = row_of(entry(after={"x": "y" * 50_000}), 1, FIRST, None)
    assert msgspec.json.decode(long.after or "")["too_long"] > 50_000
