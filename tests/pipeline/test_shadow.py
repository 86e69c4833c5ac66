"""Copies of calls: nobody waits for them, and they are held, paid for and on record like any call."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from headgate.config.compile import compile_config
from headgate.config.known import known
from headgate.config.load import loads
from headgate.dialects import openai_responses
from headgate.faultlab.attempt import Attempt
from headgate.faultlab.faults import FAULTS
from headgate.faultlab.wall import Wall
from headgate.pipeline.aside import MOST
from headgate.storage.responses import KeptResponses
from tests.pipeline.stage import WHO, Stage

CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, price: {input: 1, output: 2}}
  b: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-b, price: {input: 10, output: 20}}
routes:
  copied: {targets: ['a/good:shadow'], shadow: {target: 'b/late:shadow', share: 1}}
  fails: {targets: ['a/good:fails'], shadow: {target: 'b/s500:fails', share: 1}}
  refused: {targets: ['a/s400:refused'], shadow: {target: 'b/good:refused', share: 1}}
  seldom: {targets: ['a/good:seldom'], shadow: {target: 'b/good:seldom', share: 0.1}}
"""


async def settled(stage: Stage, records: int) -> None:
    async with asyncio.timeout(10):
        while len(stage.books.records) < records:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_the_caller_does_not_wait_for_the_copy(wall: Wall, stream: bool) -> None:
    async with Stage(wall, CONFIG) as stage:
        caller = await stage.ask("copied", stream=stream, headers={"x-headgate-tags": "one"})
        assert caller.text == "fine" and caller.pieces[-1][0] < 0.8
        await settled(stage, 2)
        call, copy = stage.books.records
        assert copy.shadow_of == call.id and copy.id != call.id and (copy.surface, copy.route) == ("shadow", "copied")
        assert copy.model_used == "b/late:shadow" and copy.tenant_id == call.tenant_id and copy.key_id == call.key_id
        assert copy.cost_nano == 250_000 and stage.paid() == 250_000 and call.cost_nano == 25_000
        assert copy.tags == ("one",) and copy.stream is stream and copy.usage.total == 18
        assert wall.seen("late:shadow")[-1].body["messages"] == wall.seen("good:shadow")[-1].body["messages"]


async def test_a_copy_that_fails_is_one_try_and_nobodys_trouble(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        assert (await stage.ask("fails")).status == 200
        await settled(stage, 2)
        assert stage.record.status == "failure" and len(stage.record.attempts) == 1


@pytest.mark.parametrize(("given", "copies"), [({"fails", "a/*"}, 0), ({"fails", "a/*", "b/*"}, 1)])
async def test_a_tenant_s_own_route_copies_calls_no_further_than_it_may_go(
    wall: Wall, given: set[str], copies: int
) -> None:
    async with Stage(wall, CONFIG) as stage:
        config = loads(CONFIG.replace("WALL", f"http://127.0.0.1:{wall.port}").encode(), {}, known({}))
        shared, own = msgspec.structs.replace(config, routes={}), msgspec.structs.replace(config, providers={})
        stage.parts.snapshot = compile_config(shared, {}, stage.senders, own={WHO.tenant_id: own}).snapshot
        caller = await stage.ask("fails", who=msgspec.structs.replace(WHO, catalogue=frozenset(given)))
        assert caller.status == 200
        await settled(stage, 1 + copies)
        await asyncio.sleep(0.1)
        assert len(stage.books.records) == 1 + copies


async def test_what_failed_is_not_copied(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        await stage.ask("refused")
        await asyncio.sleep(0.1)
        assert len(stage.books.records) == 1


FILE = [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-a1"}}]}]
KEEPING = """
providers:
  a: {kind: openai, base_url: "WALL/v1", api_key: sk-a, price: {input: 1, output: 2}, passthrough: PASSING}
  b: {kind: openai, base_url: "WALL/v1", api_key: sk-b, price: {input: 1, output: 2}, passthrough: PASSING}
routes:
  away: {targets: ['a/MODEL:bound'], shadow: {target: 'b/MODEL:away', share: 1}}
  here: {targets: ['a/MODEL:bound'], shadow: {target: 'a/MODEL:here', share: 1}}
"""


async def copied(stage: Stage, route: str, **given: Any) -> bool:
    """Ask for *route*; return whether a copy was made, and see that one that was not is counted as left out."""
    before, left = len(stage.books.records), stage.parts.aside.left_out.count
    caller, task = stage.begin(route, **given)
    await asyncio.wait_for(task, 30)
    assert caller.status == 200, caller.body_sent
    out: int = stage.parts.aside.left_out.count - left
    await settled(stage, before + 2 - out)
    await asyncio.sleep(0.1)
    assert [one.status for one in stage.books.records[before:]] == ["success"] * (2 - out)
    return out == 0


@pytest.mark.parametrize("passing", ["open", "owned"])
async def test_what_names_an_account_s_objects_is_not_copied_to_another(
    wall: Wall, passing: str, tmp_path: Path
) -> None:
    config = KEEPING.replace("PASSING", passing).replace("MODEL", "good")
    kept = KeptResponses(tmp_path / "responses.db", 0)
    await kept.own(WHO.tenant_id, "k", ["file-a1"], "a")
    try:
        async with Stage(wall, config) as stage:
            stage.parts.responses = kept
            assert not await copied(stage, "away", messages=FILE)
            assert await copied(stage, "here", messages=FILE)
            assert wall.seen("good:here")[-1].body["messages"] == FILE
            assert await copied(stage, "away")
            assert all(a.body["messages"] != FILE for a in wall.seen("good:away"))
    finally:
        await asyncio.to_thread(kept.close)


@pytest.mark.parametrize(
    "named",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"prompt": {"id": "pmpt_1"}},
        {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
        {"input": [{"type": "item_reference", "id": "msg_1"}]},
    ],
    ids=lambda named: next(iter(named)),
)
async def test_nor_is_what_goes_on_from_what_an_account_keeps(
    wall: Wall, named: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def responds(a: Attempt) -> None:
        content = [{"type": "output_text", "text": "fine", "annotations": []}]
        output = [{"type": "message", "id": "msg_2", "role": "assistant", "status": "completed", "content": content}]
        usage = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
        about = {"id": "resp_2", "object": "response", "created_at": 1, "model": "wall", "status": "completed"}
        await a.whole(200, {**about, "output": output, "usage": usage})

    monkeypatch.setitem(FAULTS, "responds", responds)
    async with Stage(wall, KEEPING.replace("PASSING", "open").replace("MODEL", "responds")) as stage:
        given = {"dialect": openai_responses, "messages": ..., "input": "hi", **named}
        assert not await copied(stage, "away", **given)
        assert await copied(stage, "here", **given)
        assert await copied(stage, "away", **{**given, **dict.fromkeys(named, ...), "input": "hi"})


async def test_so_many_are_under_way_at_most_and_all_end_when_the_process_does(
    wall: Wall, caplog: pytest.LogCaptureFixture
) -> None:
    async with Stage(wall, CONFIG) as stage:
        await asyncio.gather(*(stage.begin("copied")[1] for _ in range(MOST + 5)))
        await asyncio.sleep(0.05)
        assert stage.parts.aside.left_out.count == 5
        told = [line for line in caplog.messages if "left out" in line]
        assert told == [
            "copies of calls (shadow) were left out, as there was no room or no way for them: 1 so far in this process"
        ]
        await stage.parts.aside.close()
        copies = [record for record in stage.books.records if record.shadow_of]
        assert len(copies) == MOST and all(record.attempts[0].outcome == "cancelled" for record in copies)


async def test_only_the_stated_share_is_copied(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        for _ in range(10):
            await asyncio.gather(*(stage.begin("seldom")[1] for _ in range(10)))
            await asyncio.sleep(0.05)
        copies = sum(record.shadow_of is not None for record in stage.books.records)
        assert 0 < copies < 35


async def test_a_copy_goes_nowhere_that_its_call_may_not_go(wall: Wall) -> None:
    routes = """
  granted: {targets: ['a/good:granted'], shadow: {target: 'b/good:ungranted', share: 1}}
  confined:
    targets: [{model: 'a/good:confined', tags: [hipaa]}, 'b/good:unconfined']
    strategy: [{kind: compliance, require: [hipaa]}]
    shadow: {target: 'b/good:unconfined', share: 1}
"""
    async with Stage(wall, CONFIG + routes.removeprefix("\n")) as stage:
        who = msgspec.structs.replace(WHO, providers=frozenset({"a"}))
        assert (await stage.ask("granted", who=who)).status == 200
        assert (await stage.ask("confined", who=WHO)).status == 200
        await asyncio.sleep(0.2)
        assert not wall.seen("good:ungranted") and not wall.seen("good:unconfined")
        assert not [record for record in stage.books.records if record.shadow_of]
