"""Two tenants ask near questions at once of every index there is: neither is ever led to an entry of the other.

A key says whose entry it is. Half of the requests put a question there, half look for one; both tenants ask the same
questions in the same scopes, so what one finds the other would find too if anything but the tenant kept them apart.
Qdrant is the tests' stand-in for its API.
"""

import asyncio
import random
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from headgate.cache.semantic.config import SemanticConfig
from headgate.cache.semantic.embed import Lexical
from headgate.cache.semantic.log import Signer
from headgate.cache.semantic.memory import MemoryIndex
from headgate.cache.semantic.near import Parts, Semantic
from headgate.cache.semantic.pgvector import PgvectorIndex
from headgate.cache.semantic.qdrant import QdrantIndex
from headgate.cache.semantic.tables import Graph, Matrix, Plain
from headgate.cache.semantic.threads import Threads
from headgate.cache.semantic.types import Index
from headgate.cache.types import Entry, Question
from headgate.core.ids import now
from headgate.core.secret import Secret
from headgate.transport.client import Http1Sender
from tests.cache.semantic.qdrant import KEY, Stand
from tests.proofs import Progress
from tests.proofs.cache_canaries import TENANTS, prompts
from tests.servers import Postgres

REQUESTS = 100_000
"""Of each index."""
AT_ONCE = 8
PROMPTS = 300
SCOPES = (b"1" * 32, b"2" * 32)
KINDS = ("without numpy", "numpy", "usearch", "pgvector", "qdrant")
HOUR = 3_600_000_000


async def opened(kind: str, server: Postgres, threads: Threads, stack: AsyncExitStack) -> Index:
    """Return the index of a *kind*, empty."""
    signer = Signer(b"c" * 32, "canaries")
    tables = {"without numpy": Plain, "numpy": Matrix, "usearch": Graph}
    if kind in tables:
        return MemoryIndex(10_000, tables[kind], threads)  # type: ignore[arg-type]
    if kind == "pgvector":
        index = PgvectorIndex(server.url, "canaries", 10.0, signer)
        stack.push_async_callback(index.close)
        return index
    stand, sender = Stand(), Http1Sender()
    stack.callback(stand.close)
    stack.push_async_callback(sender.close)
    return QdrantIndex(sender, stand.url, Secret(KEY), "canaries", 10.0, signer)


async def run(kind: str, server: Postgres, requests: int, told: Progress) -> int:
    """Return how many of the lookups found something."""
    chance, texts = random.Random(kind), prompts(max(min(PROMPTS, requests // 10), 10))
    found = done = 0
    async with AsyncExitStack() as stack:
        threads = stack.enter_context(Threads(2))
        index = await opened(kind, server, threads, stack)
        cache = Semantic(
            Parts(SemanticConfig(bound=0.2, verify=0), index, Lexical(threads), threads, shared=True), 10_000
        )

        async def caller() -> None:
            nonlocal found, done
            while done < requests:
                done += 1
                tenant, number = chance.choice(TENANTS), chance.randrange(len(texts))
                key = f"{tenant}-{number}".encode().ljust(32)
                asked = Question(
                    tenant_id=tenant, scope=chance.choice(SCOPES), text=texts[number], key=key + b"?", at=now()
                )
                if done % 2:
                    asked.key = key
                    await cache.add(asked, entry(chance.random() < 0.05))
                elif (match := await cache.find(asked)) is not None:
                    assert match.key.startswith(f"{tenant}-".encode()), f"{kind}: {tenant} was led to {match.key!r}"
                    found += 1
                told(done, requests)

        await asyncio.gather(*[caller() for _ in range(AT_ONCE)])
        one, other = TENANTS
        held = await cache.counts(other)
        await cache.forget(one)
        assert (await cache.counts(one)).entries == 0 and await cache.counts(other) == held
        assert not set(cache.misses) & {"index_down", "no_vector"}, cache.misses
    return found


def entry(expired: bool) -> Entry:
    """Return an entry; no answer of it is ever looked at here."""
    at = now()
    return Entry(
        call_id="c", at=at, expires=at - 1 if expired else at + HOUR, form="whole", body=b"", model="m", provider="p", route="r"
    )  # fmt: skip


def prove(scale: float, folder: Path, progress: Progress) -> str:
    """See the module."""
    requests = max(int(REQUESTS * scale), 100)
    figures = []
    server = Postgres().start()
    try:
        for number, kind in enumerate(KINDS):
            told = partial(_part, progress, number * requests, len(KINDS) * requests)
            found = asyncio.run(run(kind, server, requests, told))
            assert found > requests // 20, (kind, found)
            figures.append(f"{kind} {found / (requests / 2):.0%} found")
    finally:
        server.close()
    return f"0 of {requests * len(KINDS):,} requests led from one tenant to the other: {', '.join(figures)}"


def _part(progress: Progress, before: int, of: int, done: int, _: int) -> None:
    if done % 1000 == 0:
        progress(before + done, of)
