"""One contract, over every store."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
from msgspec.structs import replace

from headgate.cache import front
from headgate.cache.config import CacheConfig
from headgate.cache.front import Fronted
from headgate.cache.memory import NoStore
from headgate.cache.redis import RedisStore
from headgate.cache.seal import Sealer
from headgate.cache.shelf import Shelf, store_of
from headgate.cache.types import Counts, Entry, Exact, Grounds, Matching
from headgate.core.ids import now
from headgate.core.money import Usage
from headgate.storage.redis import Redis
from tests.cache.conftest import STORES

pytestmark = pytest.mark.parametrize("store", STORES)
Open = Callable[..., Exact]
ONE, TWO = b"1" * 32, b"2" * 32


def entry(body: bytes = b"{}", *, seconds: float = 60, **more: object) -> Entry:
    at = now()
    made = Entry(
        call_id="call-1", at=at, expires=at + int(seconds * 1e6), form="stream", body=body, frames=((1, 2), (3, 4)),
        model="a/b", provider="a", route="fast", key_id="key-1", usage=Usage(input=1, output=2), cost_nano=5,
    )  # fmt: skip
    return replace(made, **more)


@pytest.fixture
async def opened(store: str, grounds: Grounds) -> AsyncIterator[Open]:
    made: list[Exact] = []

    def make(name: str = "answers", **settings: int) -> Exact:
        made.append(store_of("", name, CacheConfig(store=store, **settings), grounds))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        await one.close()


async def test_what_is_put_is_there_whole_for_its_tenant_alone(opened: Open) -> None:
    cache = opened()
    put = entry(b"\x00\xffwords")
    assert await cache.get("one", ONE) is None
    assert await cache.put("one", ONE, put)
    assert await cache.get("one", ONE) == put
    assert await cache.get("two", ONE) is None and await cache.get("one", TWO) is None
    assert await cache.get("", ONE) is None and await cache.get("one:", ONE) is None
    assert await cache.put("one", ONE, replace(put, body=b"new")) and await cache.get("one", ONE) == replace(
        put, body=b"new"
    )
    await cache.drop("one", ONE)
    assert await cache.get("one", ONE) is None


async def test_it_ends_with_its_time(opened: Open) -> None:
    cache = opened()
    await cache.put("one", ONE, entry(seconds=0.05))
    await cache.put("one", TWO, entry(seconds=60))
    await asyncio.sleep(0.08)
    assert await cache.get("one", ONE) is None and await cache.get("one", TWO) is not None
    await cache.sweep()
    assert await cache.counts("one") == Counts(entries=1, bytes=entry().size)


@pytest.mark.parametrize("by", ["bytes", "entries"])
async def test_what_was_used_longest_ago_goes_first(opened: Open, by: str) -> None:
    size = entry(b"x" * 1000).size
    cache = opened(**({"max_bytes": size * 3} if by == "bytes" else {"max_entries": 3}))
    keys = [bytes([i]) * 32 for i in range(6)]
    for key in keys[:3]:
        await cache.put("one", key, entry(b"x" * 1000))
        await asyncio.sleep(0.003)
    if not hasattr(cache, "_desk"):  # in the file a use is noted once a minute
        await cache.get("one", keys[0])
        await asyncio.sleep(0.003)
    for key in keys[3:5]:
        await cache.put("one", key, entry(b"x" * 1000))
        await asyncio.sleep(0.003)
    await cache.sweep()
    counts = await cache.counts("one")
    assert counts == Counts(entries=3, bytes=size * 3)
    assert await cache.get("one", keys[1]) is None and await cache.get("one", keys[4]) is not None
    assert (await cache.get("one", keys[0]) is None) == hasattr(cache, "_desk")
    assert not await cache.put("one", keys[5], entry(b"x" * size * 4)) or by == "entries"


async def test_what_is_asked_often_stays_at_hand_for_a_moment(
    store: str, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = opened()
    cache, other = Fronted(behind, 10_000, 10), Fronted(behind, 10_000, 10)
    await cache.put("one", ONE, entry(b"old"))
    await other.put("one", ONE, entry(b"new"))
    assert (await cache.get("one", ONE) or entry()).body == b"old" and await cache.get("two", ONE) is None
    monkeypatch.setattr(front, "monotonic", lambda: time.monotonic() + front.FRESH)
    assert (await cache.get("one", ONE) or entry()).body == b"new", "what another process has put there"
    assert await cache.clear("one") == 1 and await cache.get("one", ONE) is None
    await cache.put("one", TWO, entry())
    await cache.drop("one", TWO)
    await asyncio.sleep(0.05)
    assert await cache.get("one", TWO) is None and await cache.counts("one") == Counts()


async def test_some_are_cleared(opened: Open) -> None:
    cache = opened()
    for tenant in ("one", "two"):
        await cache.put(tenant, ONE, entry())
        await cache.put(tenant, TWO, entry(model="a/c", route="slow", key_id="key-2"))
    assert await cache.clear("one", Matching(model="a/c")) == 1
    assert await cache.get("one", TWO) is None and await cache.get("one", ONE) is not None
    assert await cache.clear("one", Matching(model="fast", key_id="key-2")) == 0
    assert await cache.clear("one", Matching(model="fast", key_id="key-1")) == 1
    assert await cache.counts("one") == Counts() and (await cache.counts(None)).entries == 2
    assert await cache.clear(None) == 2 and await cache.counts(None) == Counts()


async def test_caches_of_other_names_are_others(opened: Open) -> None:
    first, second = opened("one"), opened("two")
    await first.put("one", ONE, entry())
    assert await second.get("one", ONE) is None and await second.clear(None) == 0
    assert await first.get("one", ONE) is not None


async def test_many_at_once(opened: Open) -> None:
    cache = opened()
    keys = [i.to_bytes(32, "big") for i in range(200)]
    await asyncio.gather(*[cache.put("one", key, entry(key)) for key in keys])
    found = await asyncio.gather(*[cache.get("one", key) for key in keys])
    assert [one.body for one in found if one is not None] == keys


async def test_what_was_swapped_or_damaged_is_a_miss(store: str, opened: Open, grounds: Grounds) -> None:
    if store == "memory":
        return
    sealer = Sealer(grounds.secret, "answers")
    kept = sealer.close("one", ONE, entry())
    assert sealer.open("one", ONE, kept) is not None
    other = Sealer(b"t" * 32, "answers")
    for tenant, key, data, by in (
        ("two", ONE, kept, sealer), ("one", TWO, kept, sealer), ("one", ONE, kept[:-1], sealer), ("one", ONE, b"", sealer),
        ("one", ONE, b"garbage", sealer), ("one", ONE, kept, other), ("one", ONE, kept, Sealer(grounds.secret, "more")),
    ):  # fmt: skip
        assert by.open(tenant, key, data) is None
    assert sealer.broken == 5
    cache = opened()
    await cache.put("one", ONE, entry())
    if isinstance(cache, RedisStore):
        redis = grounds.redis()  # type: ignore[misc]
        start = f"{grounds.prefix}cache:answers:"
        [value] = await redis.call([("GET", f"{start}3:one:v:{ONE.hex()}")], 5)
        await redis.call([("SET", f"{start}3:two:v:{ONE.hex()}", value)], 5)
        redis.drop()
    else:
        await cache._desk.ask(  # type: ignore[attr-defined]
            lambda sql: sql.execute("UPDATE entries SET tenant_id = 'two'")
        )
    assert await cache.get("two", ONE) is None, "another tenant's does not open"


async def test_a_store_that_is_away_is_a_miss(store: str, grounds: Grounds) -> None:
    if store == "redis":
        cache: Exact = RedisStore(partial(Redis, "redis://127.0.0.1:1"), "x:", Sealer(b"", "x"), 10_000, 10)
    elif store == "sqlite":
        grounds.directory.mkdir()
        (grounds.directory / "answers.db").mkdir()
        cache = store_of("", "answers", CacheConfig(store="sqlite"), grounds)
    else:
        cache = NoStore()
    assert not await cache.put("one", ONE, entry()) and await cache.get("one", ONE) is None
    assert await cache.counts("one") == Counts()
    await cache.sweep()
    await cache.close()


async def test_a_cache_without_its_server_is_left_out(store: str, grounds: Grounds) -> None:
    shelf = Shelf(replace(grounds, redis=None))
    problems = shelf.follow({"": {"answers": CacheConfig(store=store)}})  # type: ignore[arg-type]
    assert bool(problems) == (store == "redis") and (shelf.of("one", "answers") is None) == (store == "redis")
    await shelf.close()
