"""Two tenants ask the same questions through the same caches, and each has secrets in its answers: none crosses over.

The upstream plants a canary of the tenant in every answer; whose call it is it learns from `user`, which is no part of
a cache's key. Prompts are drawn as traffic goes, whole and streamed, by many callers at once, through exact and through
semantic caches, on every store.
"""

import asyncio
import json
import random
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from headgate.access.types import Principal
from headgate.cache.types import Grounds
from headgate.storage.redis import Redis
from tests.cache.conftest import Kept
from tests.pipeline.stage import WHO
from tests.proofs import Progress
from tests.servers import RedisServer

REQUESTS = 100_000
"""Of each kind of cache on each store."""
AT_ONCE = 32
PROMPTS = 3_000
STORES = ("memory", "sqlite", "redis")
KINDS = ("exact", "semantic")
TENANTS = ("north", "south")
CONFIG = """
providers:
  up: {kind: openai-compatible, base_url: "WALL/v1", api_key: sk-up, price: {input: 1, output: 2}}
caches:
  exact: {store: STORE}
  semantic: {kind: semantic, store: STORE, semantic: {bound: 0.2}}
routes:
  exact: {targets: [up/mock], cache: exact}
  semantic: {targets: [up/mock], cache: semantic}
"""
THINGS = ("harbour", "lighthouse", "ferry", "lantern", "anchor", "compass", "tide", "rope", "sail", "chart", "beacon")
ASKED = (
    "What is the {} of the {} at pier {} for?",
    "what is the {} of the {} at pier {} for",
    "Tell me what the {} of the {} at pier {} is for.",
)


class Doors:
    """Knows callers by their tenants' names."""

    def authenticate(self, headers: list[tuple[bytes, bytes]], *_: Any) -> Principal:
        tenant, key = dict(headers)[b"authorization"].decode().split(" ")
        return replace(WHO, tenant_id=tenant, id=f"key-{tenant}-{key}")


class Upstream:
    """Answers with the canary of whoever is named as the user."""

    port = 0
    calls = 0

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:")
                body = json.loads(await reader.readexactly(length))
                self.calls += 1
                data, kind = answered(body, self.calls)
                lines = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n"
                writer.write(lines.encode() + data)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()


def answered(body: dict[str, Any], number: int) -> tuple[bytes, str]:
    """Return an answer with a canary, whole or as a stream."""
    text = f"canary-{body['user']} is how it is, number {number}"
    usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
    said = {"id": f"chatcmpl-{number}", "created": 1, "model": "mock"}
    if not body.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        whole = {**said, "object": "chat.completion", "choices": [choice], "usage": usage}
        return json.dumps(whole).encode(), "application/json"
    events: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": usage},
    ]
    chunks = [json.dumps({**said, "object": "chat.completion.chunk", **event}) for event in events]
    return "".join(f"data: {one}\n\n" for one in (*chunks, "[DONE]")).encode(), "text/event-stream"


def prompts(count: int) -> list[str]:
    """Return so many questions; many of them are near to others."""
    chance = random.Random(5)
    return [chance.choice(ASKED).format(*chance.sample(THINGS, 2), chance.randrange(1, 30)) for _ in range(count)]


async def run(kind: str, store: str, grounds: Grounds, requests: int, told: Progress) -> tuple[int, int]:
    """Return how many calls were answered from the cache, and how many reached the upstream."""
    upstream = Upstream()
    server = await upstream.start()
    chance, texts = random.Random(f"{kind} {store}"), prompts(max(min(PROMPTS, requests // 6), 10))
    weights = [1 / rank for rank in range(1, len(texts) + 1)]
    hits = done = 0
    async with Kept(upstream, CONFIG, grounds, store) as stage:  # type: ignore[arg-type]
        before, stage.parts.principals = stage.books.records, Doors()

        async def caller() -> None:
            nonlocal done
            while done < requests:
                done += 1
                tenant = chance.choice(TENANTS)
                asked: dict[str, Any] = {
                    "messages": [{"role": "user", "content": chance.choices(texts, weights)[0]}],
                    "user": tenant,
                }
                who = {"authorization": f"{tenant} {chance.randrange(4)}"}
                answer, task = stage.begin(kind, headers=who, stream=chance.random() < 0.2, **asked)
                await task
                assert answer.status == 200, answer.body_sent
                found = [other for other in TENANTS if f"canary-{other}".encode() in answer.body_sent]
                assert found == [tenant], f"{kind} cache, {store}: {tenant} was answered {answer.body_sent[:300]!r}"
                told(done, requests)

        await asyncio.gather(*[caller() for _ in range(AT_ONCE)])
        told_hits = [one.cache.kind for one in before if one.cache is not None and one.cache.verdict == "hit"]
        hits = len(told_hits)
        assert all(one.cache is not None for one in before if one.surface != "cache")
        if kind == "exact":
            assert "exact" in told_hits
    server.close()
    return hits, upstream.calls


def prove(scale: float, folder: Path, progress: Progress) -> str:
    """See the module."""
    requests = max(int(REQUESTS * scale), 100)
    redis = RedisServer().start()
    figures = []
    runs = [(kind, store) for kind in KINDS for store in STORES]
    try:
        for number, (kind, store) in enumerate(runs):
            grounds = Grounds(
                directory=folder / f"{kind}-{store}",
                secret=b"c" * 32,
                redis=partial(Redis, redis.url),
                prefix=f"{{canaries-{kind}}}:",
            )
            told = partial(_part, progress, number * requests, len(runs) * requests)
            hits, calls = asyncio.run(run(kind, store, grounds, requests, told))
            assert hits + calls >= requests and hits > requests // 4, (kind, store, hits, calls)
            figures.append(f"{kind} on {store} {hits / requests:.0%} hits")
    finally:
        redis.close()
    return f"0 of {requests * len(runs):,} answers crossed between two tenants: {', '.join(figures)}"


def _part(progress: Progress, before: int, of: int, done: int, _: int) -> None:
    if done % 1000 == 0:
        progress(before + done, of)
