"""Passwords: which are refused, what is stored, and that checking them takes nobody else's time."""

import asyncio

import pytest

from headgate.access.passwords import MAX_WAITING, Cost, Passwords, weakness
from headgate.access.throttle import MAX_NAMES, Throttle
from headgate.core.errors import RateLimited, Unavailable
from headgate.core.secret import Secret

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


def test_a_throttle_counts_names_apart_and_has_a_bound():
    throttle = Throttle(3)
    for _ in range(3):
        throttle.check("a")
        throttle.count("a")
    with pytest.raises(RateLimited) as refused:
        throttle.check("a")
    assert 0 < int(refused.value.headers["retry-after"]) <= 900
    throttle.check("b")
    throttle.forget("a")
    throttle.check("a")
    for number in range(2 * MAX_NAMES):
        throttle.count(f"n{number}")
    assert len(throttle._counts) <= MAX_NAMES + 1
    with pytest.raises(RateLimited):
        throttle.check("somebody new")  # those for whom there is no room share a count
