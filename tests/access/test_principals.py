"""Credentials to principals: what is cached, what is refused, and what a change of a key does."""

import asyncio
import logging
from functools import partial
from time import time_ns
from typing import Any

import msgspec
import pytest

from headgate.access import principals as module
from headgate.access.keys import Grant, derive, digest, mint, new_row
from headgate.access.principals import Principals
from headgate.access.types import Principal
from headgate.core.errors import Forbidden, NotAuthenticated, RateLimited, Unavailable
from headgate.core.secret import Secret
from headgate.storage.tenancy_rows import AppRow, Found, TeamRow, TenantRow, UserRow
from headgate.storage.types import Change, KeyRow
from tests.clock import Clock

DERIVED = derive(b"\7" * 32)
TENANT = TenantRow(id="default", name="default", created_at=1, updated_at=1)


TEAM = TeamRow(id="t1", tenant_id="default", name="search", created_at=1, updated_at=1)
APP = AppRow(id="a1", tenant_id="default", name="shop", team_id="t1", created_at=1, updated_at=1)
USER = UserRow(id="u1", tenant_id="default", email="u@x", name="U", created_at=1, updated_at=1)


class Feed:
    """A key store in memory. ``gate`` holds lookups back after they have read; ``down`` makes it fail."""

    def __init__(self) -> None:
        self.rows: dict[bytes, KeyRow] = {}
        self.above: dict[str, Any] = {"tenant": TENANT, "team": TEAM, "app": APP, "user": USER}
        self.log: list[Change] = []
        self.lookups = 0
        self.down = False
        self.gate: asyncio.Event | None = None

    async def lookup(self, digest: bytes) -> Found | None:
        self.lookups += 1
        if self.down:
            raise Unavailable("down", code="auth_unavailable")
        row = self.rows.get(digest)
        above = dict(self.above)
        if self.gate is not None:
            await self.gate.wait()
        if row is None:
            return None
        if row.app_id is None:
            del above["app"], above["team"]
        if row.user_id is None:
            del above["user"]
        return Found(key=row, **above)

    async def changes(self, after: int) -> list[Change]:
        if self.down:
            raise Unavailable("down", code="auth_unavailable")
        if after < 0:
            return self.log[-1:]
        return [change for change in self.log if change.seq > after][:1000]

    def tell(self, id: str, kind: str = "key") -> None:
        self.log.append(Change(len(self.log) + 1, kind, id, "default"))

    def add(self, **fields) -> tuple[Secret, KeyRow]:
        key = mint("key", DERIVED)
        row = new_row(key, DERIVED, name="app", now=1, grant=Grant(**fields))
        self.rows[row.key_hash] = row
        self.tell(row.id)
        return key, row

    def revoke(self, row: KeyRow) -> None:
        self.rows[row.key_hash] = msgspec.structs.replace(row, revoked_at=1, is_active=False)
        self.tell(row.id)


@pytest.fixture
def feed():
    return Feed()


@pytest.fixture
async def principals(feed):
    made = Principals(feed, DERIVED)
    await made.refresh()
    yield made
    made.close()


@pytest.fixture
def clock(monkeypatch):
    """Monotonic seconds that a test moves."""
    from headgate.access import bad

    clock = Clock(1_000_000.0)
    monkeypatch.setattr(module, "monotonic", clock)
    monkeypatch.setattr(bad, "monotonic", clock)
    return clock


def bearer(key: Secret | str | bytes, name: bytes = b"authorization") -> list[tuple[bytes, bytes]]:
    text = key.reveal() if isinstance(key, Secret) else key
    raw = text.encode() if isinstance(text, str) else text
    return [(b"host", b"x"), (name, b"Bearer " + raw if name == b"authorization" else raw)]


async def ask(principals, headers, query=b"", address="1.2.3.4"):
    who = principals.authenticate(headers, query, address)
    return who if isinstance(who, Principal) else await who


async def refused(principals, headers, query=b"", address="1.2.3.4") -> NotAuthenticated:
    with pytest.raises(NotAuthenticated) as caught:
        await ask(principals, headers, query, address)
    return caught.value


@pytest.mark.parametrize("name", [b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"])
async def test_a_key_is_found_in_every_header_and_then_known(feed, principals, name):
    key, row = feed.add(models=("fast",))
    who = await ask(principals, bearer(key, name))
    assert (who.id, who.kind, who.models) == (row.id, "key", frozenset({"fast"}))
    assert principals.authenticate(bearer(key, name), b"", None) is who
    assert feed.lookups == 1


async def test_bearer_in_any_case_and_the_same_key_twice(feed, principals):
    key, row = feed.add()
    raw = key.reveal().encode()
    headers = [(b"authorization", b"bEaReR  " + raw), (b"x-api-key", raw)]
    assert (await ask(principals, headers, b"beta=true")).id == row.id


async def test_every_refusal_has_the_same_words(feed, principals):
    key, _ = feed.add()
    other, _ = feed.add()
    gone, gone_row = feed.add()
    feed.revoke(gone_row)
    old, _ = feed.add(expires_at=time_ns() // 1000 - 1)
    raw = key.reveal().encode()
    cases = [
        [],
        [(b"authorization", b"Basic " + raw)],
        [(b"authorization", raw)],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer " + raw), (b"x-api-key", other.reveal().encode())],
        [(b"authorization", b"Basic x"), (b"x-api-key", raw)],
        bearer("hg_unknown"),
        bearer("' OR 1=1 --"),
        bearer(b"\xff\x00\xfe"),
        bearer("x" * 10_000),
        bearer(raw + b" "[:0] + b"x"),
        bearer(gone),
        bearer(old),
    ]
    errors = [await refused(principals, headers) for headers in cases]
    errors += [await refused(principals, headers) for headers in cases]  # as negative entries
    assert {(e.message, e.code, e.status, tuple(e.headers.items())) for e in errors} == {
        (NotAuthenticated().message, "invalid_api_key", 401, (("www-authenticate", 'Bearer realm="headgate"'),))
    }


@pytest.mark.parametrize(
    "query", [b"key=%s", b"api_key=%s", b"a=b&API-KEY=%s", b"x=%s", b"access_token=", b"%%6bey=1", b"token=1"]
)
async def test_a_key_in_the_url_is_refused_even_beside_a_good_one(feed, principals, query):
    key, _ = feed.add()
    await ask(principals, bearer(key))
    query = query.replace(b"%s", key.reveal().encode()).replace(b"%%", b"%")
    await refused(principals, bearer(key), query)
    await refused(principals, [], query)


async def test_a_key_of_ten_kilobytes_is_not_looked_for(feed, principals):
    await refused(principals, bearer("y" * 10_240))
    await refused(principals, bearer("z" * 10_240))
    assert feed.lookups == 1  # both stand for the same nobody


async def test_an_unknown_key_is_not_looked_for_again_within_a_second(feed, principals, clock):
    await principals.refresh()
    await refused(principals, bearer("hg_nobody"))
    await refused(principals, bearer("hg_nobody"))
    assert feed.lookups == 1
    clock.now += 1.1
    await refused(principals, bearer("hg_nobody"))
    assert feed.lookups == 2


async def test_a_key_created_a_moment_after_it_was_refused(feed, principals):
    key, row = feed.add()
    feed.rows.clear()
    await refused(principals, bearer(key))
    feed.rows[row.key_hash] = row
    feed.tell(row.id)
    await principals.refresh()
    assert (await ask(principals, bearer(key))).id == row.id


async def test_a_revoked_key_is_refused_after_the_next_poll(feed, principals):
    key, row = feed.add()
    await ask(principals, bearer(key))
    feed.revoke(row)
    await principals.refresh()
    await refused(principals, bearer(key))


async def test_what_is_kept_of_headers_keeps_nobody_in(feed, principals):
    key, row = feed.add()
    memo: dict[str, object] = {}
    assert (await ask(principals, bearer(key))).id == row.id
    who = principals.authenticate(bearer(key), b"", None, memo)
    assert who.id == row.id and memo and principals.authenticate([], b"", None, memo) is who
    feed.revoke(row)
    await principals.refresh()
    with pytest.raises(NotAuthenticated):
        await principals.authenticate([], b"", None, memo)


async def test_both_secrets_of_a_rotated_key_are_forgotten(feed, principals):
    key, row = feed.add()
    newer = mint("key", DERIVED)
    feed.rows[digest(newer, DERIVED)] = row
    for secret in (key, newer):
        await ask(principals, bearer(secret))
    feed.rows.clear()
    feed.tell(row.id)
    await principals.refresh()
    for secret in (key, newer):
        await refused(principals, bearer(secret))


@pytest.mark.parametrize(
    ("kind", "id", "forgets"),
    [
        ("tenant", "default", True),
        ("user", "u1", True),
        ("team", "t1", True),
        ("app", "a1", True),
        ("budget", "b1", True),
        ("role", "r1", True),
        ("user", "u2", False),
        ("app", "u1", False),
        ("object", "route", False),
    ],
)
async def test_a_change_above_the_key_forgets_it_too(feed, principals, kind, id, forgets):
    key, _ = feed.add(user_id="u1", app_id="a1")
    other, _ = feed.add()
    await principals.refresh()
    for each in (key, other):
        await ask(principals, bearer(each))
    feed.tell(id, kind)
    await principals.refresh()
    await ask(principals, bearer(key))
    assert feed.lookups == 2 + forgets


@pytest.mark.parametrize("level", ["tenant", "team", "app", "user"])
async def test_what_is_switched_off_above_the_key_refuses_it(feed, principals, level):
    key, _ = feed.add(user_id="u1", app_id="a1")
    await ask(principals, bearer(key))
    feed.above[level] = msgspec.structs.replace(feed.above[level], is_active=False)
    feed.tell(feed.above[level].id, level)
    await principals.refresh()
    await refused(principals, bearer(key))
    feed.above[level] = msgspec.structs.replace(feed.above[level], is_active=True)
    feed.tell(feed.above[level].id, level)
    await principals.refresh()
    await ask(principals, bearer(key))


async def test_a_key_whose_app_is_gone_is_refused(feed, principals):
    key, _ = feed.add(app_id="a1")
    feed.above["app"] = None
    await refused(principals, bearer(key))


@pytest.mark.parametrize("kind", ["tenant", "team", "app", "user"])
async def test_a_lookup_that_a_change_above_overtook_is_done_again(feed, principals, kind):
    key, _ = feed.add(user_id="u1", app_id="a1")
    await principals.refresh()
    feed.gate = asyncio.Event()
    asked = asyncio.ensure_future(principals.authenticate(bearer(key), b"", None))
    await asyncio.sleep(0.01)
    feed.above[kind] = msgspec.structs.replace(feed.above[kind], is_active=False)
    feed.tell(feed.above[kind].id, kind)
    await principals.refresh()
    feed.gate.set()
    with pytest.raises(NotAuthenticated):
        await asked


async def test_a_key_is_good_from_its_networks_alone(feed, principals):
    key, _ = feed.add(addresses=("10.0.0.0/8", "2001:db8::/32"))
    for _ in range(2):  # as it is looked up, and as it is known
        with pytest.raises(Forbidden, match="this address"):
            await ask(principals, bearer(key), address="11.0.0.1")
    for good in ("10.1.2.3", "2001:db8::1", "::ffff:10.9.9.9"):
        await ask(principals, bearer(key), address=good)
    for bad in (None, "::1", "unix", "10.0.0.0.1"):
        with pytest.raises(Forbidden):
            await ask(principals, bearer(key), address=bad)


async def test_a_key_expires_while_it_is_cached(feed, principals, monkeypatch):
    now = time_ns()
    key, _ = feed.add(expires_at=now // 1000 + 1_000_000)
    await ask(principals, bearer(key))
    monkeypatch.setattr(module, "time_ns", lambda: now + 1_100_000_000)
    await refused(principals, bearer(key))


async def test_a_lookup_that_a_revocation_overtook_does_not_bring_the_key_back(feed, principals):
    key, row = feed.add()
    await principals.refresh()
    feed.gate = asyncio.Event()
    asked = asyncio.ensure_future(principals.authenticate(bearer(key), b"", None))
    await asyncio.sleep(0.01)  # the row has been read; its answer is still on the way
    feed.revoke(row)
    await principals.refresh()
    feed.gate.set()
    with pytest.raises(NotAuthenticated):
        await asked
    await refused(principals, bearer(key))


async def test_a_refusal_that_a_creation_overtook_is_not_kept(feed, principals):
    key, row = feed.add()
    feed.rows.clear()
    await principals.refresh()
    feed.gate = asyncio.Event()
    asked = asyncio.ensure_future(principals.authenticate(bearer(key), b"", None))
    await asyncio.sleep(0.01)
    feed.rows[row.key_hash] = row
    feed.tell(row.id)
    await principals.refresh()
    feed.gate.set()
    assert (await asked).id == row.id


async def test_many_callers_with_one_new_key_cost_one_lookup(feed, principals):
    key, row = feed.add()
    found = await asyncio.gather(*(ask(principals, bearer(key)) for _ in range(200)))
    assert {who.id for who in found} == {row.id}
    assert feed.lookups == 1


async def test_a_caller_who_leaves_does_not_take_the_others_along(feed, principals):
    key, row = feed.add()
    feed.gate = asyncio.Event()
    first = asyncio.ensure_future(ask(principals, bearer(key)))
    second = asyncio.ensure_future(ask(principals, bearer(key)))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    feed.gate.set()
    assert (await second).id == row.id
    assert first.cancelled()


async def test_lookups_are_bounded(feed, principals, monkeypatch):
    monkeypatch.setattr(module, "MAX_LOOKUPS", 3)
    feed.gate = asyncio.Event()
    asked = [asyncio.ensure_future(ask(principals, bearer(f"hg_{i}"))) for i in range(5)]
    await asyncio.sleep(0.01)
    feed.gate.set()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(r) for r in results] == [NotAuthenticated] * 3 + [Unavailable] * 2


async def test_the_store_is_down(feed, principals, clock):
    known, row = feed.add()
    new, _ = feed.add()
    await principals.refresh()
    await ask(principals, bearer(known))
    feed.down = True
    with pytest.raises(Unavailable):
        await principals.refresh()
    for key in (new, "hg_unknown"):
        with pytest.raises(Unavailable) as caught:
            await ask(principals, bearer(key))
        assert (caught.value.status, caught.value.code) == (503, "auth_unavailable")
    clock.now += 59
    assert (await ask(principals, bearer(known))).id == row.id
    assert principals.degraded
    clock.now += 2
    with pytest.raises(Unavailable):
        await ask(principals, bearer(known))
    feed.down = False
    await principals.refresh()
    assert not principals.degraded
    assert (await ask(principals, bearer(known))).id == row.id


async def test_followers_look_where_the_feed_begins_and_after_an_hour_of_silence(feed, clock):
    """What they knew before is of a store that may not have answered then."""
    told: list[str] = []
    principals = Principals(feed, DERIVED)
    for kind in ("object", "switch"):
        principals.follow(kind, partial(told.append, kind))
    feed.down = True
    with pytest.raises(Unavailable):
        await principals.refresh()
    assert not told
    feed.down = False
    feed.tell("before", "object")
    await principals.refresh()
    assert sorted(told) == ["object", "switch"]
    feed.tell("now", "object")
    await principals.refresh()
    assert sorted(told) == ["object", "object", "switch"]
    feed.tell("meanwhile", "switch")
    clock.now += 3 * 3600
    await principals.refresh()
    assert sorted(told) == ["object", "object", "object", "switch", "switch"]


async def test_a_slow_store_is_not_waited_for_long(feed, principals, monkeypatch):
    monkeypatch.setattr(module, "LOOKUP_TIMEOUT", 0.01)
    key, _ = feed.add()
    feed.gate = asyncio.Event()
    with pytest.raises(Unavailable, match="cannot be checked now"):
        await ask(principals, bearer(key))


async def test_a_row_that_cannot_be_read_is_ours_to_mend(feed, principals, caplog):
    key, row = feed.add()
    feed.rows[row.key_hash] = msgspec.structs.replace(row, limits="{broken")
    with pytest.raises(Unavailable):
        await ask(principals, bearer(key))
    assert row.id in caplog.text


async def test_before_the_feed_has_answered_nothing_is_cached(feed):
    principals = Principals(feed, DERIVED)
    key, _ = feed.add()
    assert not principals.ready
    await ask(principals, bearer(key))
    await ask(principals, bearer(key))
    assert feed.lookups == 2
    await principals.refresh()
    assert principals.ready


async def test_a_thousand_bad_keys_a_minute_then_429_while_good_keys_go_on(feed, principals, clock):
    known, _ = feed.add()
    fresh, fresh_row = feed.add()
    await principals.refresh()
    await ask(principals, bearer(known))
    for i in range(1000):
        await refused(principals, bearer(f"hg_guess{i}"))
    lookups = feed.lookups
    for headers in (bearer("hg_guess-again"), bearer("hg_guess1"), []):
        with pytest.raises(RateLimited) as caught:
            await ask(principals, headers)
        assert caught.value.status == 429
        assert 0 < int(caught.value.headers["retry-after"]) <= 60
    assert feed.lookups == lookups
    assert isinstance(principals.authenticate(bearer(known), b"", "1.2.3.4"), Principal)
    assert (await ask(principals, bearer(fresh))).id == fresh_row.id
    await refused(principals, bearer("hg_guess-elsewhere"), address="5.6.7.8")
    clock.now += 60
    await principals.refresh()
    await refused(principals, bearer("hg_guess-later"))


async def test_hosts_of_one_ipv6_network_share_a_count(feed):
    principals = Principals(feed, DERIVED, bad_per_minute=2)
    await principals.refresh()
    await refused(principals, bearer("hg_1"), address="2001:db8:1:2::1")
    await refused(principals, bearer("hg_2"), address="2001:db8:1:2:ffff::9")
    with pytest.raises(RateLimited):
        await ask(principals, bearer("hg_3"), address="2001:db8:1:2::77")
    await refused(principals, bearer("hg_3"), address="2001:db8:1:3::1")


async def test_a_fixed_admin_key_stands_whatever_the_store_says(feed):
    admin = Principal(kind="admin", id="admin", tenant_id="default", name="env")
    key = Secret("hga_chosen-by-the-operator")
    principals = Principals(feed, DERIVED, fixed={digest(key, DERIVED): admin})
    feed.down = True
    assert principals.authenticate(bearer(key), b"", None) is admin


async def test_refused_keys_are_logged_by_their_digest_alone(feed, principals, caplog):
    caplog.set_level(logging.DEBUG)
    await refused(principals, bearer("hg_canary-canary"))
    assert digest(Secret("hg_canary-canary"), DERIVED)[:4].hex() in caplog.text
    assert "canary" not in caplog.text


async def test_it_follows_the_feed_within_a_second_and_survives_its_failures(feed):
    principals = Principals(feed, DERIVED)
    task = asyncio.create_task(principals.run())
    try:
        key, row = feed.add()
        await asyncio.sleep(0.05)
        await ask(principals, bearer(key))
        feed.down = True
        await asyncio.sleep(0.3)
        feed.down = False
        feed.revoke(row)
        began = asyncio.get_running_loop().time()
        while True:
            try:
                await ask(principals, bearer(key))
            except NotAuthenticated:
                break
            await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - began < 5
    finally:
        task.cancel()


async def test_more_changes_than_a_page(feed, principals):
    key, row = feed.add()
    await principals.refresh()
    await ask(principals, bearer(key))
    for i in range(2500):
        feed.tell(f"other{i}")
    feed.revoke(row)
    await principals.refresh()
    await refused(principals, bearer(key))
