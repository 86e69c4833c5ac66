"""Answers that a provider goes on with while nobody waits: nobody knows what they cost, so their holds stay."""

from typing import Any

import pytest

from headgate.dialects import openai_responses
from headgate.faultlab.attempt import Attempt
from headgate.faultlab.faults import FAULTS
from headgate.faultlab.wall import Wall
from headgate.storage.responses import Note
from tests.pipeline.stage import Stage

CONFIG = """
providers:
  o: {kind: openai, base_url: "WALL/v1", api_key: sk-o, price: {input: 1, output: 2}}
"""
QUEUED = {
    "id": "resp_1",
    "object": "response",
    "status": "queued",
    "model": "m",
    "created_at": 1,
    "output": [],
    "usage": None,
}


@pytest.fixture(autouse=True)
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    async def queued(a: Attempt) -> None:
        if not a.stream:
            await a.whole(200, QUEUED)
            return
        await a.head_of_stream()
        await a.event(type="response.created", response=QUEUED)
        await a.event(type="response.output_text.delta", delta="one word")
        a.writer.close()

    monkeypatch.setitem(FAULTS, "queued", queued)


@pytest.mark.parametrize("stream", [False, True])
async def test_the_whole_hold_stays(wall: Wall, stream: bool) -> None:
    kept: list[tuple[Any, ...]] = []
    async with Stage(wall, CONFIG) as stage:
        stage.parts.responses = Responses(kept)
        caller = await stage.ask(
            "o/queued", dialect=openai_responses, messages=..., input="hi", background=True, stream=stream
        )
        assert caller.status == 200 and stage.record.billed == "uncertain"
        assert stage.paid() == stage.record.held_nano > 0
    assert kept[0] == ("tenant-1", "key-1", ["resp_1"], "o", Note()), (
        "who asked can fetch it, even where the stream broke off"
    )


async def test_a_stream_that_nobody_works_on_any_more_costs_what_came(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        await stage.ask("o/queued", dialect=openai_responses, messages=..., input="hi", stream=True)
        assert stage.record.billed == "estimated"


class Responses:
    keep = 60

    def __init__(self, kept: list[tuple[Any, ...]]) -> None:
        self._kept = kept

    def claim(self, *named: Any) -> None:
        self._kept.append(named)
