"""Several keys of one account."""

import json
from typing import Any

import pytest

from headgate.core.errors import UpstreamFailed
from headgate.core.secret import Secret
from headgate.dialects.upstream import read_error
from headgate.providers import build
from headgate.providers.base import ProviderConfig
from headgate.providers.breaker import COOLDOWN, IN_A_ROW
from headgate.providers.keys import Keyed, Ring, breakers, inherit
from headgate.transport.base import Sender
from tests.clock import Clock
from tests.providers.conftest import NoSender, Senders


def answered(status: int, wait: float | None = None, said: str = "") -> UpstreamFailed:
    failure = read_error(status, [], json.dumps({"error": {"message": said}}).encode())
    failure.wait = wait
    return failure


def test_keys_are_taken_in_turn() -> None:
    ring = Ring(3, Clock(100.0))
    assert [ring.pick() for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_a_refused_key_rests_for_its_time() -> None:
    clock = Clock(100.0)
    ring = Ring(3, clock)
    assert ring.pick() == 0
    assert ring.rest(0, answered(429, 30.0)) is True
    assert [ring.pick() for _ in range(4)] == [1, 2, 1, 2]
    clock.now += 30
    assert {ring.pick() for _ in range(3)} == {0, 1, 2}


@pytest.mark.parametrize(("status", "seconds"), [(401, 300), (402, 600), (403, 60), (429, 10)])
def test_how_long_a_key_rests_where_nobody_says(status: int, seconds: int) -> None:
    clock = Clock(100.0)
    ring = Ring(2, clock)
    ring.rest(0, answered(status))
    clock.now += seconds - 1
    assert ring.resting() == 1
    clock.now += 1
    assert ring.resting() == 0


@pytest.mark.parametrize("status", [400, 404, 408, 413, 500, 503, 529])
def test_what_is_not_about_the_key_rests_none(status: int) -> None:
    ring = Ring(2, Clock(100.0))
    assert ring.rest(0, answered(status, 5.0)) is False
    assert ring.resting() == 0


def test_a_key_without_credit_rests_whatever_the_status_says() -> None:
    clock = Clock(100.0)
    ring = Ring(2, clock)
    assert ring.rest(0, answered(400, said="Your credit balance is too low")) is True
    assert [ring.pick() for _ in range(3)] == [1, 1, 1]
    assert ring.rest(1, answered(429, said="You exceeded your current quota")) is False
    clock.now += 599
    assert ring.resting() == 2, "a quota does not pass as soon as a limit"


def test_a_key_that_is_answered_faults_again_and_again_rests_and_is_tried_again() -> None:
    clock = Clock(100.0)
    ring = Ring(2, clock)
    for _ in range(IN_A_ROW):
        assert ring.resting() == 0
        assert ring.rest(0, answered(503)) is False
    assert ring.resting() == 1
    assert [ring.pick() for _ in range(3)] == [1, 1, 1]
    clock.now += COOLDOWN
    assert {ring.pick(), ring.pick()} == {0, 1}
    ring.rest(0, answered(500))
    assert ring.resting() == 1
    clock.now += COOLDOWN
    ring.rest(0, None)
    ring.rest(0, answered(500))
    assert ring.resting() == 0


def test_what_is_known_of_keys_outlives_a_reload_that_leaves_them() -> None:
    old, same, other = account_of("k1", "k2"), account_of("k1", "k2"), account_of("k1", "k3")
    inherit({"p": same}, {"p": old})
    inherit({"p": other}, {"p": old})
    inherit({"p": account_of("k1")}, {"p": old})
    assert same.ring is old.ring is not other.ring
    assert breakers({"p": same, "q": account_of("k1")}) == {"p": old.ring.breakers}


def account_of(*keys: str) -> Any:
    return account("openai", api_keys=[Secret(key) for key in keys])


ENTRA = ("azure", {"base_url": "https://h", "tenant": "t", "client_id": "c", "client_secret": Secret("s")})
ROLE = (
    "bedrock",
    {
        "region": "us-east-1",
        "access_key_id": "a",
        "secret_access_key": Secret("s"),
        "role_arn": "arn:aws:iam::1:role/x",
    },
)
KEY_FILE = {
    "type": "service_account",
    "client_email": "me@example.com",
    "private_key": "PRIVATE KEY",
    "project_id": "p",
}


@pytest.mark.parametrize(
    ("kind", "fields", "other"),
    [
        (*ENTRA, {"client_secret": Secret("s2")}),
        (*ENTRA, {"tenant": "t2"}),
        (*ENTRA, {"proxy": "http://127.0.0.1:9"}),
        (*ROLE, {"secret_access_key": Secret("s2")}),
        (*ROLE, {"role_arn": "arn:aws:iam::1:role/y"}),
        ("vertex", {"project": "p", "token_url": "https://h/t"}, {"token_url": "https://h/u"}),
        (
            "vertex",
            {"credentials": Secret(json.dumps(KEY_FILE))},
            {"credentials": Secret(json.dumps(KEY_FILE | {"private_key_id": "2"}))},
        ),
    ],
)
def test_what_was_fetched_outlives_a_reload_unless_something_else_would_be_fetched(
    kind: str, fields: dict[str, Any], other: dict[str, Any]
) -> None:
    ways = Kept()
    old, same, elsewhere = (
        build("p", ProviderConfig(kind=kind, **{**fields, **more}), ways)
        for more in ({}, {"headers": {"x-new": "1"}}, other)
    )
    made: list[Any] = [old, same, elsewhere]
    inherit({"p": same}, {"p": old})
    inherit({"p": elsewhere}, {"p": old})
    assert made[1].renewed is made[0].renewed is not made[2].renewed
    inherit({"p": account_of("k1")}, {"p": old})
    inherit({"p": old}, {})


class Kept(Senders):
    """One way out for all that ask for the same, as a process has."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[Any, Sender] = {}

    def get(self, *, proxy: str | None = None, http2: bool = False, ca: str | None = None) -> Sender:
        return self.made.setdefault((proxy, http2, ca), NoSender())


def test_with_all_at_rest_the_first_to_wake_is_used() -> None:
    clock = Clock(100.0)
    ring = Ring(2, clock)
    assert ring.rest(0, answered(429, 50.0)) is True
    assert ring.rest(1, answered(429, 20.0)) is False
    assert [ring.pick(), ring.pick()] == [1, 1]
    ring.rest(0, answered(429, 10**9))
    clock.now += 3600
    assert ring.resting() == 0


def account(kind: str, **fields: Any) -> Any:
    return build("p", ProviderConfig(kind=kind, **fields), Senders())


@pytest.mark.parametrize(
    ("kind", "header"),
    [("openai", b"authorization: bearer "), ("anthropic", b"x-api-key: "), ("gemini", b"x-goog-api-key: ")],
)
def test_every_kind_signs_with_each_of_its_keys(kind: str, header: bytes, target: Any) -> None:
    keys = [Secret("key-b"), Secret("key-c"), Secret("key-a")]
    provider = account(kind, api_key=Secret("key-a"), api_keys=keys)
    assert isinstance(provider, Keyed)
    assert (provider.name, provider.kind, provider.supports("chat")) == ("p", kind, True)
    at = target(provider, "m")
    seen = []
    for _ in range(4):
        out = provider.outbound("models", at, b"")
        assert out.rest is not None and "key-" not in repr(out)
        seen.append(next(line for line in out.head.split(b"\r\n") if line.lower().startswith(header)).split()[-1])
    assert seen == [b"key-a", b"key-b", b"key-c", b"key-a"]
    out = provider.raw("GET", "/models", b"", [], b"")
    assert out.rest is not None
    assert b"key-b" in out.head + out.extra


def test_one_key_needs_no_turns() -> None:
    assert not isinstance(account("openai", api_keys=[Secret("one")]), Keyed)
    assert not isinstance(account("openai", api_key=Secret("one"), api_keys=[Secret("one")]), Keyed)
    assert not isinstance(account("ollama"), Keyed)


def test_a_bad_key_is_told_without_being_shown() -> None:
    with pytest.raises(ValueError, match="api_key") as refused:
        account("openai", api_keys=[Secret("good"), Secret("ba\nd-secret")])
    assert "d-secret" not in str(refused.value)
