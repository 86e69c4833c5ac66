"""The pipeline in this process with caches, over the stores that there are."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from headgate.access.types import Principal
from headgate.cache.shelf import Shelf
from headgate.cache.types import Grounds
from headgate.config.known import known
from headgate.config.load import loads
from headgate.core.call import Call
from headgate.dialects import gemini, openai_chat
from headgate.faultlab.wall import Wall
from headgate.guardrails.types import Guards
from headgate.pipeline.run import run
from headgate.storage.redis import Redis
from tests.pipeline.conftest import wall
from tests.pipeline.stage import Caller, Stage

__all__ = ["wall"]
STORES = ["memory", "sqlite", "redis"]


class Kept(Stage):
    """A stage whose configuration has caches; ``STORE`` in it stands for the store under test."""

    def __init__(self, wall: Wall, config: str, grounds: Grounds, store: str = "memory") -> None:
        text = config.replace("STORE", store)
        super().__init__(wall, text)
        self.parts.guards = Guards(b"s" * 32)
        self.parts.caches = self.shelf = Shelf(grounds)
        self.follow(text)

    def follow(self, config: str) -> None:
        text = config.replace("WALL", f"http://127.0.0.1:{self.wall.port}").encode()
        assert not self.shelf.follow({"": loads(text, {}, known({})).caches})

    async def __aenter__(self) -> "Kept":
        return self

    async def __aexit__(self, *given: Any) -> None:
        await self.shelf.close()
        await super().__aexit__(*given)

    def begin(
        self, model: str, *, stream: bool = False, dialect: Any = openai_chat, headers: dict[str, str] | None = None,
        who: Principal | None = None, operation: Any = "chat", **more: Any,
    ) -> tuple[Caller, "asyncio.Task[None]"]:  # fmt: skip
        """As a stage's own, on any surface."""
        path: dict[str, Any] = {"path_model": model, "path_stream": stream} if dialect is gemini else {}
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream, **more}
        if path:
            del body["model"], body["stream"]
        caller = Caller(json.dumps({name: value for name, value in body.items() if value is not ...}).encode())
        if who is not None:
            self.principals.who = who
        told = {"content-type": "application/json", **(headers or {})}
        lines = [(name.encode(), value.encode()) for name, value in told.items()]
        call = Call(
            surface=dialect.name,
            operation=operation,
            dialect=dialect,
            link=caller,
            t0=monotonic(),
            headers=lines,
            **path,
        )

        async def answer() -> None:
            caller.task = asyncio.current_task()
            await run(call, self.parts)

        return caller, asyncio.create_task(answer())

    async def verdict(self, model: str, **given: Any) -> tuple[str, Caller]:
        """Ask, and return what the cache did."""
        caller = await self.ask(model, **given)
        assert self.record.cache is not None
        return self.record.cache.verdict, caller


@pytest.fixture
def grounds(tmp_path: Path, request: pytest.FixtureRequest) -> Grounds:
    """What stores are made of; a Redis is started where the test is about one."""
    redis: Callable[[], Redis] | None = None
    asked = request.node.callspec.params.get("store") if hasattr(request.node, "callspec") else None
    if asked == "redis":
        redis = partial(Redis, request.getfixturevalue("redis_url"))
    return Grounds(directory=tmp_path / "caches", secret=b"s" * 32, redis=redis, prefix=f"{{{tmp_path.name}}}:")


@pytest.fixture
async def kept(wall: Wall, grounds: Grounds) -> AsyncIterator[Callable[..., Kept]]:
    """Makes stages."""

    def make(config: str, store: str = "memory") -> Kept:
        return Kept(wall, config, grounds, store)

    yield make
