"""The log and the usage, as the drainer would have left them, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from headgate.core.ids import new_id
from headgate.core.money import Usage
from headgate.core.record import Attempt, Cached, Record
from headgate.ledger.batch import RECORD, ended_of, record_row
from headgate.observe.log import LogFilter, SqlLogStore
from headgate.observe.ring import fits
from headgate.storage.engine import open_engine
from headgate.storage.sql import open_sql

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 20_000 * DAY


def call(number: int, **fields) -> Record:
    values: dict[str, Any] = {
        "id": new_id(),
        "at": START + number * HOUR,
        "tenant_id": "t1",
        "key_id": f"k{number % 2}",
        "surface": "openai",
        "operation": "chat",
        "model_requested": "fast",
        "model_used": "local/mock" if number % 3 else "claude/x",
        "provider_used": "local" if number % 3 else "claude",
        "status": "failure" if number == 4 else "success",
        "http_status": 200,
        "cost_nano": number * 1000 if number else None,
        "billed": "usage",
        "usage": Usage(input=10, output=number, cached=1, reasoning=1),
    }
    values |= fields
    values.setdefault("trace_id", values["id"].replace("-", ""))
    return Record(**values)


@pytest.fixture
async def engine(url: str) -> AsyncIterator[AsyncEngine]:
    made = open_engine(url)
    yield made
    await made.dispose()


@pytest.fixture
async def calls(url) -> list[Record]:
    made = [call(number) for number in range(10)]
    made += [
        call(3, tenant_id="t2", trace_id="0af7651916cd43dd8448eb211c80319c"),
        call(11, trace_id="0af7651916cd43dd8448eb211c80319c"),
        call(12, trace_id="0af7651916cd43dd8448eb211c80319c"),
    ]
    ended = [ended_of(each, []) for each in made]
    rows = [record_row(facts, raw) for facts, raw, _ in ended]
    await asyncio.to_thread(write, url, rows)
    return made


def write(url: str, rows: list[tuple[object, ...]]) -> None:
    sql = open_sql(url)
    assert sql.transact(lambda sql: sql.insert(RECORD, rows)) == len(rows)
    sql.close()


async def ids(engine, **where) -> list[str]:
    return [each.id for each in await SqlLogStore(engine).list("t1", LogFilter(**where))]


async def test_newest_first_and_own_tenant_only(engine, calls):
    mine = sorted((c for c in calls if c.tenant_id == "t1"), key=lambda c: -c.at)
    assert await SqlLogStore(engine).list("t1", LogFilter()) == mine
    assert len(await SqlLogStore(engine).list("t2", LogFilter())) == 1
    assert await SqlLogStore(engine).list("t3", LogFilter()) == []


async def test_filters(engine, calls):
    assert await ids(engine, since=START + 3 * HOUR, until=START + 5 * HOUR) == [calls[4].id, calls[3].id]
    assert await ids(engine, status="failure") == [calls[4].id]
    assert await ids(engine, provider="claude", until=START + 9 * HOUR) == [calls[n].id for n in (6, 3, 0)]
    assert await ids(engine, model="claude/x", key_id="k0", until=START + 9 * HOUR) == [calls[6].id, calls[0].id]
    assert await ids(engine, min_cost=9000, until=START + 10 * HOUR) == [calls[9].id]


async def test_pages(engine, calls):
    store = SqlLogStore(engine)
    found, after = [], None
    while page := await store.list("t1", LogFilter(), after=after, limit=5):
        found += page
        after = (page[-1].at, page[-1].id)
    assert found == await store.list("t1", LogFilter())


async def test_one_call_by_id_by_its_own_trace_and_by_the_callers(engine, calls):
    store = SqlLogStore(engine)
    assert await store.get("t1", calls[5].id) == calls[5]
    assert await store.get("t1", calls[5].trace_id) == calls[5]
    assert await store.get("t1", "0af7651916cd43dd8448eb211c80319c") == calls[12], "the newest of the trace"
    assert await store.get("t2", "0af7651916cd43dd8448eb211c80319c") == calls[10]
    assert await store.get("t2", calls[5].id) is None
    assert await store.get("t1", "nothing") is None


TRIED = (
    Attempt(
        provider="down", model="m:1", started_ms=0.1, outcome="upstream_connect_error", cost_nano=3, billed="uncertain"
    ),
    Attempt(provider="up", model="n", started_ms=0.1, headers_ms=1.0, status=200),
)


@pytest.mark.parametrize(
    ("fields", "where", "fits_it"),
    [
        ({"code": "a"}, {"code": "a"}, True),
        ({}, {"code": "a"}, False),
        ({"tags": ("a", "b")}, {"tags": ("a",)}, True),
        ({"tags": ("a",)}, {"tags": ("a", "b")}, False),
        ({"total_ms": 5.0}, {"min_ms": 5.0, "max_ms": 5.0}, True),
        ({"total_ms": 5.0}, {"min_ms": 5.1}, False),
        ({"cost_nano": None}, {"max_cost": 5}, False),
        ({"guardrails": ({"act": "block"}, {"act": "mask"})}, {"guard": "block"}, True),
        ({"guardrails": ({"act": "block", "shadow": True},)}, {"guard": "block"}, False),
        ({"cache": Cached(cache="c", verdict="hit")}, {"cache": "hit"}, True),
        ({}, {"cache": "miss"}, False),
        ({"team_id": "t"}, {"team_id": "t", "asked": "fast"}, True),
        ({"end_user": "u"}, {"end_user": "v"}, False),
        ({"attempts": TRIED}, {"tried": "down"}, True),
        ({"attempts": TRIED}, {"tried": "down/m:1"}, True),
        ({"attempts": TRIED}, {"tried": "down/m"}, False),
        ({"attempts": TRIED}, {"tried": "dow"}, False),
        ({"attempts": TRIED}, {"outcome": "upstream_connect_error"}, True),
        ({"code": "a"}, {"outcome": "a"}, True),
        ({"attempts": TRIED}, {"outcome": "upstream"}, False),
        ({"attempts": TRIED}, {"billed": "uncertain"}, True),
        ({"attempts": TRIED}, {"billed": "estimated"}, False),
    ],
)
async def test_a_call_that_ends_now_is_chosen_as_one_on_record(database, fields, where, fits_it):
    made = call(1, **fields)
    assert fits(made, "t1", LogFilter(**where)) == fits_it
    await asyncio.to_thread(write, f"sqlite:///{database}", [record_row(*ended_of(made, [])[:2])])
    engine = open_engine(f"sqlite:///{database}")
    page = await SqlLogStore(engine).page("t1", LogFilter(**where))
    await engine.dispose()
    assert bool(page.records) == fits_it
