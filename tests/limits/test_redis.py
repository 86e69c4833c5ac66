"""Redis that is down, paused, full, read-only, spoiled or emptied: limits hold, callers wait for nobody."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from time import monotonic

import pytest
import redis as client

from headgate.limits import redis_rates
from headgate.limits.gcra import Rule
from headgate.limits.rates import SLOTS, Claim, Granted, Places, Refused
from headgate.limits.redis_rates import RedisRates
from headgate.storage.redis import Redis
from tests.limits.redis_clock import Running

MINUTE = Rule.of(60, 60)


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    made = Running()
    yield made
    await made.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_rates, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(redis_rates, "SETTLE_SECONDS", 0.5)
    monkeypatch.setattr(redis_rates, "BEAT_SECONDS", 0.2)


async def take(store: RedisRates, units: int = 1, *, scope: str = "k1", cap: int | None = None) -> Granted | Refused:
    places = [Places(scope, cap, 1)] if cap is not None else []
    claims = [Claim(scope, "rpm", MINUTE, units, units)] if units else []
    return await asyncio.wait_for(store.take(claims, places, lambda found: None), 5)


async def count(stores: list[RedisRates], tries: int) -> int:
    """Try one unit at each store in turn; return how many were had."""
    return sum([isinstance(await take(stores[n % len(stores)]), Granted) for n in range(tries)])


async def until(holds: object, seconds: float = 10.0) -> None:
    end = monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert monotonic() < end
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", ["paused", "killed"])
async def test_without_redis_each_keeps_to_its_part_and_waits_for_nobody(own_redis, running, caplog, how):
    stores = [await running.start(Redis(own_redis.url), f"p{n}", 3) for n in range(3)]
    await until(lambda: all(store.processes == 3 for store in stores))
    assert await count(stores, 30) == 30
    with caplog.at_level(logging.INFO, logger="headgate.limits"):
        if how == "paused":
            own_redis.send(signal.SIGSTOP)
        else:
            own_redis.send(signal.SIGKILL)
        begun = monotonic()
        first = await take(stores[0])
        assert monotonic() - begun < 5
        assert isinstance(first, Granted)
        had = 1 + await count(stores, 90)
        assert 24 <= had <= 30, "what was left of sixty, cut into three"
        await asyncio.sleep(1.0)
        assert [r.levelname for r in caplog.records] == ["WARNING"] * 3, "one line each, however often it is looked at"
    if how == "paused":
        own_redis.send(signal.SIGCONT)
    else:
        own_redis._process.wait()
        own_redis.start()
    await until(lambda: all(store.up for store in stores))
    assert await count(stores, 90) <= 6, "no burst on return, also where Redis lost everything"


async def test_emptied_it_gives_no_second_burst(own_redis, running):
    stores = [await running.start(Redis(own_redis.url), f"p{n}", 2) for n in range(2)]
    await until(lambda: all(store.processes == 2 for store in stores))
    assert await count(stores, 90) == 60
    client.Redis.from_url(own_redis.url).flushall()
    assert await count(stores, 60) <= 2
    await until(lambda: all(store.up for store in stores))
    assert await count(stores, 60) <= 4


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r.config_set("maxmemory", "1"),
        lambda r: r.replicaof("127.0.0.1", "1"),
        lambda r: [r.config_set("requirepass", "secret"), r.client_kill_filter(_type="normal", skipme=True)],
    ],
    ids=["full", "read-only", "locked"],
)
async def test_a_redis_that_takes_nothing_is_not_used(own_redis, running, spoil):
    store = await running.start(Redis(own_redis.url), "p", 2)
    spoil(client.Redis.from_url(own_redis.url))
    assert isinstance(await take(store, cap=4), Granted)
    await until(lambda: not store.up)
    assert isinstance(await take(store), Granted)


@pytest.mark.parametrize("value", ["nonsense", "-5/1/1/1", "0/0/0/0", "9" * 400, b"\xff\x00", ["a", "list"]])
async def test_a_value_that_makes_no_sense_counts_as_full(own_redis, running, value):
    store = await running.start(Redis(own_redis.url), "p", 2)
    con = client.Redis.from_url(own_redis.url)
    if isinstance(value, list):
        con.rpush("t:r:k1:rpm", *value)
    else:
        con.set("t:r:k1:rpm", value)
    con.set("t:p:k2", "no hash")
    found = await take(store)
    assert isinstance(found, Refused) and found.name == "rpm"
    assert isinstance(await take(store, 0, scope="k2", cap=1), Granted)
    assert store.up


async def test_places_of_a_process_that_died_come_back(own_redis, running, monkeypatch):
    monkeypatch.setattr(redis_rates, "LEASE", 400_000)
    dead = await running.start(Redis(own_redis.url), "dead", 2)
    alive = await running.start(Redis(own_redis.url), "alive", 2)
    assert isinstance(await take(dead, 0, cap=1), Granted)
    found = await take(alive, 0, cap=1)
    assert isinstance(found, Refused) and found.name == SLOTS
    running.tasks[0].cancel()
    await until(lambda: alive.processes == 1)
    assert isinstance(await take(alive, 0, cap=1), Granted)


async def test_places_held_through_an_outage_are_told_on_return(own_redis, running):
    one, two = [await running.start(Redis(own_redis.url), f"p{n}", 2) for n in range(2)]
    await until(lambda: one.processes == two.processes == 2)
    for _ in range(2):
        assert isinstance(await take(one, 0, cap=4), Granted)
    client.Redis.from_url(own_redis.url).flushall()
    await until(lambda: one._down_at and two._down_at)
    one.give([], [("k1", 1)])
    await until(lambda: one.up and two.up)
    assert [isinstance(await take(two, 0, cap=4), Granted) for _ in range(4)] == [True, True, True, False]
    one.give([], [("k1", 1)])
    await until(lambda: not one._jobs)
    assert isinstance(await take(two, 0, cap=4), Granted)


async def test_who_leaves_before_the_answer_takes_nothing(own_redis, running):
    store = await running.start(Redis(own_redis.url), "p", 2)
    store.take([Claim("k1", "rpm", MINUTE, 50, 50)], [Places("k1", 1, 1)], lambda found: None).cancel()
    await asyncio.sleep(0.3)
    assert isinstance(await take(store, 60, cap=1), Granted)


async def test_without_redis_at_the_start_it_serves_and_says_so_once(caplog):
    store = RedisRates(Redis("redis://127.0.0.1:1"), "t:", "p", 2)
    with caplog.at_level(logging.INFO, logger="headgate.limits"):
        task = asyncio.create_task(store.run())
        await asyncio.sleep(0.6)
        assert isinstance(await take(store), Granted)
        task.cancel()
    assert len(caplog.records) == 1
    await store.close()


def test_an_url_says_all():
    made = Redis("rediss://me:s%40ys@host:1234/3")
    assert made._greeting == [("AUTH", "me", "s@ys"), ("SELECT", "3")]
    assert (made._host, made._port, made._tls is not None) == ("host", 1234, True)
    assert Redis("redis://:pw@h")._greeting == [("AUTH", "pw")]
    made = Redis("unix:///run/redis.sock?db=2")
    assert (made._path, made._greeting) == ("/run/redis.sock", [("SELECT", "2")])
