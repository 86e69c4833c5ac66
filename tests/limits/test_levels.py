"""Limits of every level at once: all are taken or none, and a refusal names whose limit it was."""

import asyncio
from collections.abc import Awaitable

import msgspec
import pytest

from headgate.access.types import Limits, Principal, Subject
from headgate.core.errors import NotNow, RateLimited
from headgate.limits.bound import bound_by, bound_for
from headgate.limits.gate import FREE, LocalGate
from headgate.limits.shared import SharedGate
from headgate.limits.store import SqlRates
from headgate.limits.types import Gate, Slot, Standing
from headgate.storage.desk import Desk

NONE = Standing(user=Limits(), end_user=Limits())


def who(id: str = "k1", **fields) -> Principal:
    limits = {kind: Limits(**fields.pop(kind)) for kind in ("tenant", "team", "app", "user", "key") if kind in fields}
    subjects = tuple(Subject(kind, f"{kind}-1", kind, limits[kind]) for kind in limits if kind != "key")
    own = limits.get("key", Limits())
    return Principal(kind="key", id=id, tenant_id="t1", name=id, subjects=subjects, limits=own, **fields)


async def admit(gate: Gate, caller: Principal, end_user: str | None = None) -> Slot:
    slot = gate.admit(caller, end_user)
    return await slot if isinstance(slot, Awaitable) else slot


async def admitted(gate: Gate, caller: Principal, tries: int, end_user: str | None = None) -> list[Slot]:
    found = []
    for _ in range(tries):
        try:
            found.append(await admit(gate, caller, end_user))
        except RateLimited:
            pass
    return found


@pytest.fixture(params=["local", "shared"])
async def gate(request, clock, database):
    if request.param == "local":
        yield LocalGate(clock, NONE)
        return
    desk = Desk(database)
    made = SharedGate(SqlRates(desk, "p", 2, clock), clock, NONE)
    yield made
    made.close()
    desk.close()


@pytest.mark.parametrize("kind", ["tenant", "team", "app", "user", "key"])
async def test_every_level_binds(gate, kind):
    assert len(await admitted(gate, who("k1", **{kind: {"rpm": 3}}), 6)) == 3


async def test_the_scarcest_level_decides_and_a_refusal_takes_nothing_of_any(gate, clock):
    caller = who(tenant={"rpm": 100}, team={"rpm": 50, "concurrency": 4}, key={"rpm": 10})
    slots = await admitted(gate, caller, 20)
    assert len(slots) == 4, "the team's places"
    for slot in slots:
        slot.release()
    await asyncio.sleep(0.1)  # places come back by way of the store
    clock.advance(0.05)
    other = who("k2", tenant={"rpm": 100}, team={"rpm": 50, "concurrency": 4}, key={"rpm": 10})
    let_in = 0
    for one in (caller, other) * 12:
        for slot in await admitted(gate, one, 1):
            let_in += 1
            slot.release()
        await asyncio.sleep(0.02)
        clock.advance(0.03)
    assert let_in == 6 + 10, "sixteen were refused at the team and cost their keys nothing"


async def test_callers_of_a_team_share_its_limit(gate):
    team = {"rpm": 5}
    let_in = [len(await admitted(gate, who(f"k{n}", team=team), 3)) for n in range(3)]
    assert sum(let_in) == 5
    assert let_in[0] == 3


async def test_the_refusal_names_whose_limit_it_was_and_others_amounts_are_not_told(gate):
    caller = who(team={"rpm": 1}, key={"rpm": 7})
    await admit(gate, caller)
    with pytest.raises(
        RateLimited, match=r"^The team 'team' has reached its limit of requests per minute\.$"
    ) as caught:
        await admit(gate, caller)
    assert caught.value.headers["retry-after"] == "60"
    assert caught.value.headers["x-ratelimit-remaining-requests"] == "0"
    own = who("k9", key={"rpm": 1})
    await admit(gate, own)
    with pytest.raises(RateLimited, match=r"^The key 'k9' has reached its limit of 1 requests per minute\.$"):
        await admit(gate, own)


async def test_headers_are_of_the_scarcest_limit_of_any_level(gate):
    slot = await admit(gate, who(tenant={"rpm": 60}, app={"rpm": 6}, key={"rpm": 600}))
    assert slot.lines().startswith("x-ratelimit-limit-requests: 6\r\nx-ratelimit-remaining-requests: 5\r\n")


async def test_end_users_have_the_tenants_default_each(gate):
    caller = who(end_user_limits=Limits(rpm=2))
    assert len(await admitted(gate, caller, 5, "ann")) == 2
    assert len(await admitted(gate, caller, 5, "bob")) == 2
    assert len(await admitted(gate, who("k2", end_user_limits=Limits(rpm=2)), 5, "ann")) == 0, "by whichever key"
    assert len(await admitted(gate, caller, 5)) == 5
    with pytest.raises(RateLimited, match="end user 'ann'"):
        await admit(gate, caller, "ann")


async def test_users_and_end_users_without_limits_have_ten_a_second(gate):
    gate.follow(Standing())
    assert len(await admitted(gate, who(user_id="u1"), 15)) == 10
    assert len(await admitted(gate, who("k2"), 15)) == 15, "a key without a user has what it was given"
    assert len(await admitted(gate, who("k2"), 15, "ann")) == 10
    assert len(await admitted(gate, who("k3", user={"rpm": 12}, user_id="user-1"), 15)) == 12, "limits of its own"


async def test_the_installation_binds_all(gate):
    gate.follow(msgspec.structs.replace(NONE, installation=Limits(rpm=3)))
    assert len(await admitted(gate, who("a"), 2) + await admitted(gate, who("b"), 2)) == 3
    with pytest.raises(RateLimited, match="The installation has"):
        await admit(gate, who("c"))


async def test_models_and_providers_are_limited_by_the_try(gate):
    async def enter(target: str) -> Slot:
        slot: Slot | Awaitable[Slot] = gate.enter(target)
        return await slot if isinstance(slot, Awaitable) else slot

    assert gate.enter("a/m") is FREE
    gate.follow(msgspec.structs.replace(NONE, models={"a/m": Limits(rpm=1)}, providers={"b": Limits(concurrency=1)}))
    await enter("a/m")
    with pytest.raises(NotNow, match="model 'a/m'"):
        await enter("a/m")
    await enter("a/n")
    slot = await enter("b/x")
    with pytest.raises(NotNow, match="provider 'b'"):
        await enter("b/y")
    slot.release()
    await asyncio.sleep(0.1)
    (await enter("b/y")).release()
    await enter("c/z")


async def test_a_change_at_a_level_above_holds_for_keys_that_were_seen_before(gate):
    assert len(await admitted(gate, who("a", team={"rpm": 100}), 5)) == 5
    assert len(await admitted(gate, who("b", team={"rpm": 2}), 5)) == 0, "five are used"
    assert len(await admitted(gate, who("a", team={"rpm": 8}), 9)) in (3, 6), (
        "what a lowered limit owed over its burst may be forgotten"
    )


def test_who_is_bound():
    caller = who(tenant={"rpm": 1}, team={"rpm": 2}, key={"rpm": 3}, user_id="u")
    assert [one.scope for one in bound_by(caller, Standing(installation=Limits(rps=1)))] == [
        "installation",
        "tenant:tenant-1",
        "team:team-1",
        "user:u",
        "k1",
    ]
    assert bound_for(caller, "ann", NONE) is None
