"""Searching what was kept of prompts and answers, on SQLite and on PostgreSQL."""

import asyncio

import pytest

from headgate.ledger.batch import ended_of
from headgate.observe.log import LogFilter, SqlLogStore
from headgate.observe.words import SqlWords, phrases_of
from headgate.storage.engine import open_engine
from headgate.storage.payloads_sql import put
from headgate.storage.sql import open_sql
from tests.admin.records import NOW, call, keep

MINUTE = 60_000_000
TEXTS = (
    "Please refund order 66, I paid twice.",
    "The ORDER of the day is größer than before",
    'nothing to see here; 100% "quoted" (brackets) a\'b',
    "Refund me!",
)


@pytest.fixture
async def engine(url):
    made = open_engine(url)
    yield made
    await made.dispose()


@pytest.fixture
async def calls(url):
    made = [call(at=NOW - number * MINUTE, route=f"r{number % 2}") for number in range(len(TEXTS))]
    other = call(tenant_id="other")

    def write() -> None:
        keep(url, [ended_of(one, []) for one in (*made, other)])
        sql = open_sql(url)
        rows = [
            (one.id, one.tenant_id, one.at, one.key_id, None, "redacted", 0, b"", said)
            for one, said in zip((*made, other), (*TEXTS, "refund of another tenant"), strict=True)
        ]
        put(sql, rows)
        sql.close()

    await asyncio.to_thread(write)
    return made


async def found(engine, words: str, **where) -> list[int]:
    """The numbers of the texts that were found, the last stored first."""
    page = await SqlLogStore(engine).page("default", LogFilter(text=words, **where))
    return [round((NOW - record.at) / MINUTE) for record in page.records]


async def test_words_and_phrases(engine, calls):
    assert await found(engine, "refund") == [3, 0]
    assert await found(engine, "ORDER") == [1, 0]
    assert await found(engine, "refund order") == [0]
    assert await found(engine, '"paid twice"') == [0]
    assert await found(engine, '"twice paid"') == []
    assert await found(engine, "größer") == [1]
    assert await found(engine, "refund", route="r1") == [3]
    assert await found(engine, "refund", until=NOW - 2 * MINUTE) == [3]
    assert await found(engine, "absent") == []


@pytest.mark.parametrize(
    "words",
    ["100%", "a'b", '"', "* OR NEAR(", "refund) OR (x", "-order", "NOT", "text : x", "!!!", "\\", "'; DROP TABLE x"],
)
async def test_no_word_is_a_command(engine, calls, words):
    assert len(await found(engine, words)) < 3


async def test_pages_in_both_directions(engine, calls):
    store, where = SqlLogStore(engine), LogFilter(text="refund")
    first = await store.page("default", where, limit=1)
    second = await store.page("default", where, after=first.older, limit=1)
    back = await store.page("default", where, after=second.newer, back=True, limit=1)
    assert [page.records[0].id for page in (first, second, back)] == [calls[3].id, calls[0].id, calls[3].id]
    assert second.older is None or not (await store.page("default", where, after=second.older)).records


async def test_what_was_removed_is_found_no_more(engine, calls, url):
    def remove() -> None:
        sql = open_sql(url)
        sql.transact(lambda sql: sql.execute("UPDATE payloads SET text = 'changed' WHERE id = ?", (calls[3].id,)))
        sql.transact(lambda sql: sql.execute("DELETE FROM payloads WHERE id = ?", (calls[0].id,)))
        sql.close()

    await asyncio.to_thread(remove)
    assert await found(engine, "refund") == []
    assert await found(engine, "changed") == [3]
    assert await SqlWords(engine).find("other", "tenant") != []


def test_phrases():
    assert phrases_of('refund "order 66" -- ! "" "..."') == ["refund", "order 66"]
    assert len(phrases_of("a " * 99)) == 16
