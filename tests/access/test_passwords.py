"""Passwords: which are refused, what is stored, and that checking them takes nobody else's time."""

import asyncio

import pytest
from sqlalchemy import select, update

from headgate.access.passwords import MAX_WAITING, Cost, Passwords, weakness
from headgate.access.throttle import MAX_NAMES, WINDOW, LocalCounts, Throttle
from headgate.core.errors import RateLimited, Unavailable
from headgate.core.secret import Secret
from headgate.storage.engine import open_engine
from headgate.storage.failures import SqlCounts
from headgate.storage.schema.entry import failures

CHEAP = Cost(passes=1, memory=64, lanes=1)


@pytest.mark.parametrize(
    "bad",
    ["", "short", "elevenchars", "x" * 257, "aaaaaaaaaaaaaaaa", "abababababab", "passwordpassword", "Password12345",
     "ada.lovelace@corp.test", "Ada Lovelace1", "Lovelace12345", "changeme12345"],
)  # fmt: skip
def test_passwords_that_are_guessed_first(bad):
    assert weakness(bad, "ada.lovelace@corp.test", "Ada Lovelace")


@pytest.mark.parametrize("good", ["seven wooden horses", "nine paper lanterns", "kZ8$wq1!vR4x", "päßwörter sind alt"])
def test_passwords_that_are_not(good):
    assert weakness(good, "ada.lovelace@corp.test", "Ada Lovelace") is None


async def test_only_the_right_one_is_right():
    passwords = Passwords(CHEAP)
    hashed = await passwords.hash(Secret("seven wooden horses"))
    assert hashed.startswith("$argon2id$v=19$m=64,t=1,p=1$") and "wooden" not in hashed
    assert hashed != await passwords.hash(Secret("seven wooden horses"))
    for given, stored, right in (
        ("seven wooden horses", hashed, True),
        ("Seven wooden horses", hashed, False),
        ("seven wooden horses", None, False),
        ("a password that nobody has", None, False),
        ("seven wooden horses", "$argon2id$nonsense", False),
        ("\ud800\0", hashed, False),
    ):
        assert (await passwords.check(stored, Secret(given))).right is right
    dearer = Passwords(Cost(passes=2, memory=64, lanes=1))
    assert (await dearer.check(hashed, Secret("seven wooden horses"))).outdated
    assert not (await passwords.check(hashed, Secret("seven wooden horses"))).outdated
    passwords.close()
    dearer.close()


async def test_nobody_takes_as_much_work_as_somebody(monkeypatch):
    """Counted, as a busy machine's clock tells nothing."""
    import argon2

    passwords, costs = Passwords(CHEAP), []
    hashed = await passwords.hash(Secret("seven wooden horses"))
    verify = argon2.PasswordHasher.verify

    def counted(self, hash, password):
        costs.append(argon2.extract_parameters(hash))
        return verify(self, hash, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counted)
    for stored in (hashed, None):
        await passwords.check(stored, Secret("wrong"))
    assert len(costs) == 2 and costs[0] == costs[1]
    passwords.close()


async def test_the_loop_goes_on_meanwhile():
    passwords = Passwords(Cost(passes=4, memory=32 * 1024, lanes=1))
    hashing = asyncio.create_task(passwords.hash(Secret("seven wooden horses")))
    turns = 0
    while not hashing.done():
        turns += 1
        await asyncio.sleep(0.001)
    assert turns > 5
    passwords.close()


async def test_the_line_has_an_end():
    passwords = Passwords(CHEAP)
    many = [asyncio.create_task(passwords.hash(Secret("x"))) for _ in range(MAX_WAITING + 10)]
    done = await asyncio.gather(*many, return_exceptions=True)
    assert sum(isinstance(one, Unavailable) for one in done) == 10
    passwords.close()


async def failing(throttle, name, times):
    for _ in range(times):
        await throttle.check(name)
        await throttle.count(name)


async def test_a_throttle_has_a_bound():
    counts = LocalCounts()
    throttle = Throttle(3, counts)
    for number in range(2 * MAX_NAMES):
        await counts.add(f"n{number}")
    assert len(counts._counts) <= MAX_NAMES + 1
    with pytest.raises(RateLimited):
        await throttle.check("somebody new")  # those for whom there is no room share a count


async def test_machines_that_share_a_database_count_together(url):
    engine = open_engine(url)
    one, other = (Throttle(3, SqlCounts(engine, "a", WINDOW)) for _ in range(2))
    local = Throttle(3, LocalCounts())
    for first, second in ((one, other), (local, local)):
        await failing(first, "a", 3)
        with pytest.raises(RateLimited) as refused:
            await second.check("a")
        assert 0 < int(refused.value.headers["retry-after"]) <= WINDOW
        with pytest.raises(RateLimited):
            await second.count("a")  # who tried at the same time is not told that he was wrong
        await second.check("b")
        await second.forget("a")
        await first.check("a")
    await Throttle(1, SqlCounts(engine, "b", WINDOW)).check("a")  # names of another kind
    await engine.dispose()


async def test_what_failed_long_ago_is_forgotten(url):
    engine, throttles = open_engine(url), []
    for window in (WINDOW, 1):
        throttles.append(Throttle(1, SqlCounts(engine, "a", window)))
    await failing(throttles[1], "a", 1)
    await asyncio.sleep(1.1)
    await throttles[1].check("a")
    async with engine.begin() as con:
        await con.execute(update(failures).values(since=failures.c.since - WINDOW * 1_000_000))
    await failing(throttles[0], "b", 1)
    async with engine.connect() as con:
        assert len((await con.execute(select(failures))).all()) == 1
    await engine.dispose()
