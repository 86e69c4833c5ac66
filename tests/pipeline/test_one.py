"""Whom a failure is held against: the deployment, one key of several, or nobody but its caller."""

import pytest
from msgspec.structs import replace

from headgate.core.secret import Secret
from headgate.faultlab.attempt import Attempt
from headgate.faultlab.faults import FAULTS
from headgate.faultlab.streams import begin
from headgate.faultlab.wall import Wall
from tests.pipeline.stage import WHO, Stage

HASTY = {"x-headgate-timeout": "1"}
CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, price: {input: 1, output: 2}}
  b: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b, price: {input: 1, output: 2}}
  two: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-empty, api_keys: [sk-full], price: {input: 1, output: 2}}
routes:
  items: {targets: ['a/s404_item', 'b/good:items']}
"""


async def test_what_a_request_names_and_nobody_has_is_its_callers_mistake(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("items")
        assert caller.status == 404 and b"rs_model" in caller.body_sent
        assert not wall.seen("good:items") and stage.parts.health.shut("a/s404_item") is None


@pytest.mark.parametrize("fault", ["s401", "s403", "s404", "s429_wait900", "credit", "quota"])
async def test_a_callers_own_key_benches_nobody_and_alarms_nobody(wall: Wall, fault: str) -> None:
    async with Stage(wall, CONFIG) as stage:
        met: list[str] = []
        stage.parts.alarms.listener = lambda provider, code, message: met.append(code)
        for _ in range(2):
            await stage.ask(f"a/{fault}", headers=HASTY, who=replace(WHO, mapped={"a": Secret("sk-mine")}))
        assert len(wall.seen(fault)) >= 2 and b"sk-mine" in wall.seen(fault)[-1].head
        assert stage.parts.health.shut(f"a/{fault}") is None and not met
        await stage.ask(f"a/{fault}", headers=HASTY, who=WHO)
        assert stage.parts.health.shut(f"a/{fault}") is not None, "with the gateway's own it is the operator's matter"
        assert bool(met) is (fault in ("s401", "s403", "credit", "quota"))


async def test_nor_does_one_that_runs_out_of_money_in_mid_stream(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    async def quota_later(a: Attempt) -> None:
        await begin(a)
        await a.event(error={"message": "You exceeded your current quota.", "code": "insufficient_quota"})
        await a.send(b"0\r\n\r\n")

    monkeypatch.setitem(FAULTS, "quota_later", quota_later)
    async with Stage(wall, CONFIG) as stage:
        await stage.ask("a/quota_later", stream=True, who=replace(WHO, mapped={"a": Secret("sk-mine")}))
        assert stage.record.code == "upstream_quota_exhausted" and stage.parts.health.shut("a/m") is None
        await stage.ask("a/quota_later", stream=True, who=WHO)
        assert stage.parts.health.shut("a/m") is not None


async def test_a_key_without_credit_rests_and_the_account_goes_on(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    async def by_key(a: Attempt) -> None:
        await FAULTS["credit" if b"sk-empty" in a.head else "good"](a)

    monkeypatch.setitem(FAULTS, "by_key", by_key)
    async with Stage(wall, CONFIG) as stage:
        assert [(await stage.ask("two/by_key")).status for _ in range(4)] == [200] * 4
        assert len([a for a in wall.seen("by_key") if b"sk-empty" in a.head]) == 1
        assert stage.parts.health.shut("two/by_key") is None
