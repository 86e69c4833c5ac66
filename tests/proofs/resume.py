"""An answer that breaks off is the same text to its caller, wherever it did: at every byte of the stream."""

import asyncio
from pathlib import Path
from typing import Any

from headgate.dialects import anthropic_messages, openai_chat
from headgate.faultlab.prefill import ANSWER
from headgate.faultlab.wall import Wall
from tests.pipeline.stage import Stage
from tests.pipeline.test_resume import config, size, told
from tests.proofs import Progress

THEN = ("goes_on", "goes_on_echoing", "goes_on_overlapping")
BATCH = 500  # routes in one configuration
BY_PATH = {"a": "/v1/chat/completions", "claude": "/v1/messages"}


def prove(scale: float, folder: Path, progress: Progress) -> str:
    wall = Wall()
    step = max(round(1 / scale), 1)
    places = [(first, at) for first, path in BY_PATH.items() for at in range(0, size(path), step)]
    resumed = asyncio.run(played(wall, places, progress))
    return f"{len(places)} places where it broke off, {resumed} of them gone on with: the same text each time, all paid for"


def configured(places: list[tuple[str, int]]) -> str:
    return config(
        *(
            f"{first}-{at}: {{targets: ['{first}/breaks_off:{at}', b/{THEN[at % 3]}], resume: true, ping: 0}}"
            for first, at in places
        )
    )


async def played(wall: Wall, places: list[tuple[str, int]], progress: Progress) -> int:
    resumed = 0
    async with Stage(wall, configured(places[:1])) as stage:
        for number, (first, at) in enumerate(places):
            if number % BATCH == 0:
                stage.reconfigure(configured(places[number : number + BATCH]))
            dialect: Any = (openai_chat, anthropic_messages)[number % 2]
            caller = await stage.ask(f"{first}-{at}", stream=True, dialect=dialect, max_tokens=500)
            assert told(caller, dialect) == ANSWER, f"{first} broken off at byte {at}, told in {dialect.name}"
            stage.paid()
            resumed += stage.record.resumed > 0
            if number % 100 == 0:
                progress(number, len(places))
    return resumed
