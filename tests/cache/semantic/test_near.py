"""The whole of it, as the pipeline uses it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from headgate.cache.semantic.build import nearest
from headgate.cache.semantic.calibrate import ENOUGH, Outcome
from headgate.cache.semantic.config import SemanticConfig
from headgate.cache.semantic.near import Semantic
from headgate.cache.types import Counts, Entry, Grounds, NoVector, Question
from headgate.core.ids import now
from headgate.storage.redis import Redis

SCOPE = b"s" * 32
ASKED = "How can I lose weight quickly?"
AGAIN = "How do I lose weight quickly?"
OTHER = "What is the best way to learn the piano?"


def question(text: str, key: bytes, tenant: str = "a", scope: bytes = SCOPE, **more: Any) -> Question:
    return Question(tenant_id=tenant, scope=scope, text=text, key=key * 32, at=now(), **more)


def entry(seconds: float = 60) -> Entry:
    at = now()
    return Entry(
        call_id="c",
        at=at,
        expires=at + int(seconds * 1e6),
        form="whole",
        body=b"{}",
        model="m",
        provider="p",
        route="r",
    )


class Makes:
    """Makes caches over one ground, and closes them."""

    def __init__(self, grounds: Grounds) -> None:
        self.grounds = grounds
        self.made: list[Semantic] = []

    def __call__(self, store: Any = "memory", *, draw: float = 1.0, **settings: Any) -> Semantic:
        config = SemanticConfig(**{"verify": 0.03, **settings})
        one = nearest("cache", config, entries=1000, grounds=self.grounds, store=store)
        one._parts = replace(one._parts, draw=lambda: draw)
        self.made.append(one)
        return one


@pytest.fixture
async def makes(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Makes]:
    asked = request.node.callspec.params.get("store") if hasattr(request.node, "callspec") else None
    redis = partial(Redis, request.getfixturevalue("redis_url")) if asked == "redis" else None
    found = Makes(Grounds(directory=tmp_path / "caches", secret=b"s" * 32, redis=redis, prefix="t:"))
    yield found
    for one in found.made:
        await one.close()


async def test_a_near_question_is_found_and_only_within_its_tenant_and_scope(makes: Makes) -> None:
    cache = makes()
    await cache.add(question(ASKED, b"1"), entry())
    await cache.add(question(OTHER, b"2"), entry())
    found = await cache.find(question(AGAIN, b"9"))
    assert found is not None and found.key == b"1" * 32 and not found.verify and found.bound == 0.02
    assert 0.8 < found.similarity <= 1
    assert await cache.find(question(AGAIN, b"9", tenant="b")) is None
    assert await cache.find(question(AGAIN, b"9", scope=b"t" * 32)) is None
    assert await cache.find(question(ASKED, b"1")) is None  # its own entry is gone, or the exact store had had it
    assert (await cache.counts("a")).entries == 2 and await cache.counts("b") == Counts()
    await cache.forget("a", [b"1" * 32])
    assert await cache.find(question(AGAIN, b"9")) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("How can I gain weight quickly?", "none_near"),
        ("How can I lose 5 kg quickly?", "none_near"),
        ("How can I lose weight quickly today?", "time"),
        ("What is a healthy breakfast?", "unlike"),
    ],
)
async def test_what_only_looks_near_is_a_miss(makes: Makes, text: str, why: str) -> None:
    cache = makes()
    await cache.add(question(ASKED, b"1"), entry())
    assert await cache.find(question(text, b"9")) is None and cache.misses == {why: 1}


async def test_expired_questions_and_unfit_ones_are_not_there(makes: Makes) -> None:
    cache = makes()
    await cache.add(question(ASKED, b"1"), entry(seconds=-1))
    await cache.add(question("What is the weather today?", b"2"), entry())
    assert await cache.find(question(AGAIN, b"9")) is None
    await cache.sweep()
    assert await cache.counts(None) == Counts()


async def test_what_was_drawn_is_verified_and_learned_from(makes: Makes) -> None:
    cache = makes(draw=0.0)
    await cache.add(question(ASKED, b"1"), entry())
    match = await cache.find(question(AGAIN, b"9"))
    assert match is not None and match.verify
    await cache.verified(
        question(AGAIN, b"9"), match, "Eat less and move more every day.", "The moon orbits the earth."
    )
    cache._parts = replace(cache._parts, draw=lambda: 1.0)
    assert await cache.find(question(AGAIN, b"9")) is None  # that answer was wrong for this question
    assert cache.misses["unsure"] == 1
    for _ in range(ENOUGH):
        cache._calibration("a").learn(Outcome(now(), 0.8, right=True))
    await cache.verified(question(AGAIN, b"9"), match, "Eat less.", "Eat less.")
    assert len(cache._calibration("a")) == ENOUGH + 2 and len(cache._calibration("b")) == 0


async def test_nothing_is_served_on_outcomes_that_are_too_old(makes: Makes) -> None:
    cache = makes(stale_after=100)
    await cache.add(question(ASKED, b"1"), entry(seconds=900))
    assert (found := await cache.find(question(AGAIN, b"9"))) is not None and not found.verify
    cache._parts = replace(cache._parts, now=lambda: now() + 200_000_000)
    assert (found := await cache.find(question(AGAIN, b"9"))) is not None and found.verify


@pytest.mark.parametrize("store", ["sqlite", "redis"])
async def test_processes_and_those_that_come_later_know_what_others_asked_and_learned(
    makes: Makes, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headgate.cache.semantic.near.EVERY", 0.01)
    one, other = makes(store), makes(store)
    assert await other.find(question(AGAIN, b"9")) is None
    await one.add(question(ASKED, b"1"), entry())
    await one.add(question(ASKED, b"3", tenant="b"), entry())
    async with asyncio.timeout(10):
        while (match := await other.find(question(AGAIN, b"9"))) is None:
            await asyncio.sleep(0.02)
    assert match.key == b"1" * 32
    later = makes(store)
    assert (await later.find(question(AGAIN, b"9", tenant="b"))).key == b"3" * 32  # type: ignore[union-attr]
    await later.verified(question(AGAIN, b"9"), match, "yes", "a very different answer")
    async with asyncio.timeout(10):
        while await other.find(question(AGAIN, b"9")) is not None:
            await asyncio.sleep(0.02)
    await one.forget(None)
    assert await makes(store).find(question(AGAIN, b"8")) is None


async def test_an_embeddings_model_is_asked_once_a_text_and_its_silence_is_a_miss(makes: Makes) -> None:
    asked: list[tuple[str, Sequence[str]]] = []

    async def embed(model: str, texts: Sequence[str]) -> list[list[float]]:
        asked.append((model, texts))
        if len(asked) > 3:
            raise NoVector("down")
        return [[3.0, 4.0, float("lose" in texts[0])]]

    cache = makes(embedding="local/embed", dimensions=3)
    await cache.add(question(ASKED, b"1", embed=embed), entry())
    found = await cache.find(question(AGAIN, b"9", embed=embed))
    assert found is not None and found.similarity == pytest.approx(1)
    assert await cache.find(question(AGAIN, b"9", embed=embed)) is not None
    assert asked == [("local/embed", [ASKED]), ("local/embed", [AGAIN])]
    assert await cache.find(question(OTHER, b"8", embed=embed)) is None
    assert await cache.find(question("Is tea good?", b"8", embed=embed)) is None and cache.misses["no_vector"] == 1
    assert await cache.find(question("Is tea bad?", b"8")) is None and cache.misses["no_vector"] == 2


async def test_what_is_missing_is_said_when_it_is_made(makes: Makes) -> None:
    with pytest.raises(ValueError, match=r"there is no model\.safetensors"):
        makes(embedding="minilm", model_path="/nowhere")
    with pytest.raises(ValueError, match="pgvector needs PostgreSQL"):
        makes(index="pgvector")
    with pytest.raises(ValueError, match="qdrant cannot be reached"):
        makes(index="qdrant", url="http://127.0.0.1:1")
    assert [field for field, _ in SemanticConfig(index="qdrant", model_path="x").faults()] == ["url", "model_path"]
    assert [field for field, _ in SemanticConfig(url="http://x", embedding="").faults()] == ["index", "embedding"]


async def test_a_cache_that_is_closed_meanwhile_is_a_miss(makes: Makes) -> None:
    cache = makes("sqlite")
    await cache.add(question(ASKED, b"1"), entry())
    match = await cache.find(question(AGAIN, b"9"))
    looking = [asyncio.create_task(cache.find(question(AGAIN, b"9"))) for _ in range(20)]
    await asyncio.sleep(0)
    await cache.close()
    await asyncio.wait_for(asyncio.gather(*looking), 10)
    assert match is not None and await cache.find(question(AGAIN, b"9")) is None
    await cache.verified(question(AGAIN, b"9"), match, "a", "b")
    await cache.add(question(OTHER, b"2"), entry())
