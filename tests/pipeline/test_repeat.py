"""Calls that are made again under their ``Idempotency-Key``: nobody else waits while a large one is looked at."""

import asyncio
import threading
from pathlib import Path

import pytest

from headgate.access.envelope import Direct
from headgate.access.keyring import Keyring
from headgate.access.keys import derive
from headgate.core.call import Call
from headgate.faultlab.wall import Wall
from headgate.pipeline import repeat as module
from headgate.pipeline.repeat import HEADER, LARGE, digest_of
from headgate.storage.repeats import Repeats
from tests.pipeline.stage import Caller, Stage

CONFIG = """
providers:
  a: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-a, price: {input: 1, output: 2}}
"""


class Sealer(Direct):
    opened_in: threading.Thread | None = None

    def open(self, sealed: bytes, about: bytes) -> bytes:
        self.opened_in = threading.current_thread()
        return super().open(sealed, about)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("large", [False, True])
async def test_the_same_answer_and_the_loop_goes_on(
    wall: Wall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stream: bool, large: bool
) -> None:
    hashed_in: list[threading.Thread] = []

    def digest(call: Call) -> bytes:
        hashed_in.append(threading.current_thread())
        return digest_of(call)

    monkeypatch.setattr(module, "digest_of", digest)
    words = [{"role": "user", "content": "x" * LARGE if large else "x"}]
    async with Stage(wall, CONFIG) as stage:

        async def ask() -> Caller:
            return await stage.ask("a/good", messages=words, stream=stream, headers={HEADER: "word"})

        sealer = Sealer(Keyring(derive(b"\1" * 32)), b"answers")
        stage.parts.repeats = Repeats(tmp_path / "responses.db", sealer)
        first = await ask()
        while (again := await ask()).status == 409:
            await asyncio.sleep(0.01)
        stage.parts.repeats.close()
        assert again.headers["idempotency-replayed"] == "true" and again.body_sent == first.body_sent
        assert again.headers.get("x-headgate-cost") == (None if stream else "0")
        here = threading.current_thread()
        assert [one is not here for one in hashed_in] == [large] * len(hashed_in)
        assert sealer.opened_in not in (None, here)
