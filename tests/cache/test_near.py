"""What a call does with an index of near questions: asks it after the exact store, and tells it what was answered."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from headgate.cache.types import Counts, Entry, Match, NoVector, Question
from tests.cache.conftest import Kept
from tests.cache.test_calls import asks
from tests.pipeline.stage import WHO

CONFIG = """
providers:
  sandbox: {kind: sandbox, price: {input: 1, output: 1}}
caches:
  near: {kind: semantic, semantic: {embedding: sandbox/embed}}
routes:
  fast: {targets: [sandbox/mock], cache: near}
"""
Make = Callable[..., Kept]


class Index:
    """Finds whatever was added last, in the same scope of the same tenant."""

    def __init__(self, *, verify: bool = False, embed: str = "") -> None:
        self.verify = verify
        self.embed = embed
        self.known: dict[tuple[str, bytes], bytes] = {}
        self.asked: list[Question] = []
        self.compared: list[tuple[str, str]] = []
        self.forgotten: list[Any] = []

    async def find(self, question: Question) -> Match | None:
        self.asked.append(question)
        if self.embed:
            assert question.embed is not None
            question.vector = await question.embed(self.embed, [question.text])
        key = self.known.get((question.tenant_id, question.scope))
        return None if key is None else Match(key=key, similarity=0.97125, bound=0.02, verify=self.verify)

    async def add(self, question: Question, entry: Entry) -> None:
        self.known[question.tenant_id, question.scope] = question.key

    async def verified(self, question: Question, match: Match, stored: str, fresh: str) -> None:
        self.compared.append((stored, fresh))

    async def forget(self, tenant_id: str | None, keys: Sequence[bytes] | None = None) -> None:
        self.forgotten.append((tenant_id, keys))

    async def counts(self, tenant_id: str | None) -> Counts:
        return Counts()

    async def sweep(self) -> None:
        pass

    async def close(self) -> None:
        pass


def indexed(stage: Kept, **given: Any) -> Index:
    [cache] = list(stage.shelf)
    index = cache.nearest = Index(**given)
    return index


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_near_question_is_answered_and_says_so(kept: Make, stream: bool) -> None:
    async with kept(CONFIG) as stage:
        index = indexed(stage)
        first = await stage.ask("fast", **asks("Say one"))
        await asyncio.sleep(0.02)
        verdict, near = await stage.verdict("fast", stream=stream, **asks("Say two"))
        assert verdict == "hit" and near.text == first.text
        assert near.headers["x-headgate-cache-match"] == "semantic; similarity=0.9712; bound=0.02"
        cache = stage.record.cache
        assert cache is not None and (cache.kind, cache.similarity, cache.bound) == ("semantic", 0.97125, 0.02)
        assert [one.text for one in index.asked] == ["Say one", "Say two"]
        assert (await stage.verdict("fast", **asks("Say one")))[1].headers.get("x-headgate-cache-match") is None
        assert len(index.asked) == 2, "the same question needs no index"


@pytest.mark.parametrize(
    "other",
    [
        {"temperature": 0.1}, {"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "Say two"}]},
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "Say two"}]},
    ],
)  # fmt: skip
async def test_only_within_what_is_equal(kept: Make, other: dict[str, Any]) -> None:
    async with kept(CONFIG) as stage:
        index = indexed(stage)
        await stage.ask("fast", **asks("Say one"))
        await asyncio.sleep(0.02)
        assert (await stage.verdict("fast", **{**asks("Say two"), **other}))[0] == "stored"
        assert len(index.asked) == 2


async def test_tools_variety_and_who_does_not_want_it_are_left_alone(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        index = indexed(stage)
        tools = [{"type": "function", "function": {"name": "look"}}]
        for given in ({"tools": tools}, {"temperature": 1.4}, {"headers": {"x-headgate-cache": "exact"}}, {"n": 2}):
            await stage.ask("fast", **asks("Say one"), **given)
        assert not index.asked


async def test_some_hits_are_verified_and_not_served(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        index = indexed(stage, verify=True)
        await stage.ask("fast", **asks("Say one"))
        await asyncio.sleep(0.02)
        verdict, fresh = await stage.verdict("fast", **asks("Say two"))
        await asyncio.sleep(0.02)
        assert verdict == "stored" and fresh.text == "two" and index.compared == [("one", "two")]


async def test_what_leads_nowhere_is_forgotten(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        index = indexed(stage)
        await stage.ask("fast", **asks("Say one"))
        await asyncio.sleep(0.02)
        [cache] = list(stage.shelf)
        await cache.store.clear(None)
        assert (await stage.verdict("fast", **asks("Say two")))[0] == "stored"
        assert index.forgotten == [("tenant-1", [index.asked[0].key])]


async def test_an_embedding_is_paid_and_recorded_with_the_call(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        index = indexed(stage, embed="sandbox/embed")
        await stage.ask("fast", **asks("Say one"))
        asked, call = stage.books.records
        assert (asked.surface, asked.operation, asked.status) == ("cache", "embeddings", "success")
        assert asked.trace_id == call.trace_id and asked.key_id == call.key_id and asked.cost_nano
        assert len(index.asked[0].vector[0]) > 1 and all(isinstance(one, float) for one in index.asked[0].vector[0])


@pytest.mark.parametrize(
    ("owner", "given", "asked"), [("", {"fast"}, True), ("t", {"fast"}, False), ("t", {"fast", "sandbox/embed"}, True)]
)
async def test_a_tenant_s_own_cache_asks_no_model_that_the_tenant_was_not_given(
    kept: Make, owner: str, given: set[str], asked: bool
) -> None:
    async with kept(CONFIG) as stage:
        index = indexed(stage, embed="sandbox/embed")
        next(iter(stage.shelf)).owner = owner
        caller = await stage.ask(
            "fast", who=msgspec.structs.replace(WHO, catalogue=frozenset(given)), **asks("Say one")
        )
        assert caller.status == 200 and bool(index.asked[0].vector) is asked
        assert bool(stage.books.records[0].attempts) is asked


async def test_without_an_embedding_it_is_a_miss(kept: Make) -> None:
    async with kept(CONFIG) as stage:
        index = indexed(stage, embed="sandbox/none")
        given = {**asks("Say one"), "headers": {"x-headgate-timeout": "5"}}
        question = await stage.ask("fast", **given)
        assert question.status == 200
        with pytest.raises(NoVector):
            assert index.asked[0].embed is not None
            await index.asked[0].embed("nobody/none", ["x"])
