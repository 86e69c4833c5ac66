"""A provider that takes only so many calls at once: who waits, whose turn it is, and who goes elsewhere."""

import asyncio
import json
from functools import partial
from typing import Any

import msgspec
import pytest

from headgate.core.call import Call
from headgate.faultlab.wall import Wall
from headgate.pipeline.capacity import Room, Rooms
from headgate.providers.base import Capacity
from headgate.transport.server_errors import Overloaded
from tests.pipeline.stage import WHO, Stage

CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, concurrency: {calls: 2, queue: 2, wait: 10}}
  b: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b}
  short: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-s, concurrency: {calls: 1, queue: 1, wait: 0.2}}
models:
  b/late:one: {concurrency: 1}
routes:
  spill: {targets: ['a/late:spill', 'b/good:spill']}
"""


async def under_way(stage: Stage, model: str, count: int, **given: Any) -> list[tuple[Any, "asyncio.Task[None]"]]:
    begun = [stage.begin(model, **given) for _ in range(count)]
    await asyncio.sleep(0.05)
    return begun


async def test_so_many_are_under_way_so_many_wait_and_the_next_is_told_to_come_back(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        begun = await under_way(stage, "a/late:cap", 4)
        await asyncio.sleep(0.3)
        assert len(wall.seen("late:cap")) == 2
        refused = await stage.ask("a/late:cap")
        error = json.loads(refused.body_sent)["error"]
        assert (refused.status, error["type"], error["code"]) == (503, "overloaded_error", "server_overloaded")
        assert refused.headers["retry-after"] == "1" and not stage.record.attempts
        await asyncio.gather(*(task for _, task in begun))
        assert [caller.status for caller, _ in begun] == [200] * 4
        assert stage.parts.rooms.told() == {"a": (0, 0)}


async def test_where_it_is_full_the_next_target_is_asked(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        begun = await under_way(stage, "spill", 4)
        caller = await stage.ask("spill")
        assert caller.headers["x-headgate-provider"] == "b" and stage.record.status == "fallback"
        await asyncio.gather(*(task for _, task in begun))


async def test_one_model_may_have_a_number_of_its_own(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        begun = await under_way(stage, "b/late:one", 2)
        assert (await stage.ask("b/good:other")).status == 200
        assert (await stage.ask("b/late:one")).status == 503
        await asyncio.gather(*(task for _, task in begun))


async def test_nobody_waits_longer_than_stated_or_than_it_has_time(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        (_, first), *_ = await under_way(stage, "short/late:w", 1)
        waited = await stage.ask("short/late:w")
        assert waited.status == 503 and 0.15 < waited.pieces[0][0] < 0.7
        begun = await under_way(stage, "a/late:d", 2)
        waited = await stage.ask("a/late:d", headers={"x-headgate-timeout": "0.3"})
        assert waited.status == 503 and waited.pieces[0][0] < 0.8
        assert len(wall.seen("late:d")) == 2, "a call past its time is never sent"
        await asyncio.gather(first, *(task for _, task in begun))


async def test_a_caller_who_leaves_gives_back_its_turn(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        begun = await under_way(stage, "a/late:l", 4)
        for caller, _ in begun[1:3]:
            caller.leave()
        await asyncio.gather(*(task for _, task in begun))
        assert [caller.status for caller, _ in begun] == [200, 0, 0, 200]
        assert stage.parts.rooms.told() == {"a": (0, 0)}


async def test_tenants_are_served_in_turn() -> None:
    room, served = Room("x"), []

    def note(tenant: str, _: object) -> None:
        served.append(tenant)

    room.follow(1, 100)
    room.take("loud")
    turns = [(tenant, room.take(tenant)) for tenant in ["loud"] * 5 + ["quiet"] * 2]
    for tenant, turn in turns:
        assert turn is not None
        turn.add_done_callback(partial(note, tenant))
    for _ in turns:
        room.give()
        await asyncio.sleep(0)
    assert served == ["loud", "quiet", "loud", "quiet", "loud", "loud", "loud"]
    assert (room.busy, room.waiting) == (1, 0)


async def test_a_changed_number_counts_at_once_and_workers_share_it() -> None:
    room = Room("x")
    room.follow(1, 5)
    room.take("t")
    waiting = [room.take("t") for _ in range(3)]
    room.follow(3, 5)
    assert [turn.done() for turn in waiting if turn] == [True, True, False]
    rooms = Rooms(workers=3)
    call = Call(surface="", operation="chat", dialect=None, link=None, headers=[], t0=0.0, who=WHO, deadline=1e9)
    target: Any = msgspec.defstruct("T", [("capacity", tuple)])((("p", Capacity(7, queue=2)),))
    for _ in range(2):
        await rooms.enter(call, target)
    with pytest.raises(Overloaded):
        await rooms.enter(call, target)
