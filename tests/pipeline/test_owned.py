"""Objects at an account that tenants share: which targets are left, and what happens where nobody can tell."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import pytest

from headgate.core.call import Call
from headgate.core.errors import BadRequest, NotFound, Unavailable
from headgate.dialects import openai_chat
from headgate.pipeline.owned import MAX_NAMED, Passage, own
from headgate.storage.responses import KeptResponses


@pytest.fixture(params=["a file", "postgresql"])
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[KeptResponses]:
    where = tmp_path / "responses.db" if request.param == "a file" else request.getfixturevalue("migrated")
    store = KeptResponses(where, 0)
    await store.own("t", "k", ["file-a"], "up")
    yield store
    await asyncio.to_thread(store.close)


def target(name: str) -> Any:
    return SimpleNamespace(name=f"{name}/m", provider=SimpleNamespace(name=name))


def call(*ids: str, plan: tuple[str, ...] = ("up", "other"), mapped: tuple[str, ...] = (), tenant: str = "t") -> Call:
    parts = [{"type": "file", "file": {"file_id": one}} for one in ids]
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": parts or "x"}]}).encode()
    made = Call(surface="openai", operation="chat", dialect=openai_chat, link=None, headers=[], t0=0.0, body=body)
    made.envelope, made.plan = openai_chat.envelope(body), tuple(map(target, plan))
    made.who = SimpleNamespace(tenant_id=tenant, id="another key", mapped=dict.fromkeys(mapped, "secret"))
    return made


def parts(kept: KeptResponses | None, **passing: str) -> Any:
    return SimpleNamespace(responses=kept, snapshot=SimpleNamespace(passing=passing))


async def left(made: Call, given: Any) -> list[str]:
    waiting = own(made, given)
    if waiting is not None:
        await waiting
    return [one.provider.name for one in made.plan]


async def test_a_call_that_names_nothing_asks_nobody(kept: KeptResponses) -> None:
    assert own(call(), parts(None)) is None


async def test_only_targets_that_hold_it_are_left(kept: KeptResponses) -> None:
    assert await left(call("file-a"), parts(kept)) == ["up"]
    assert await left(call("file-a"), parts(kept, other="open")) == ["up", "other"]
    assert await left(call("file-b"), parts(kept, other="open")) == ["other"]
    assert await left(call("file-b", mapped=("up",)), parts(kept)) == ["up"], "an account of its own"
    for made in (
        call("file-a", tenant="another"),
        call("file-b"),
        call("file-a", "file-b"),
        call("file-a", plan=("other",)),
    ):
        with pytest.raises(NotFound):
            await left(made, parts(kept))
    with pytest.raises(BadRequest):
        await left(call(*[f"file-{n}" for n in range(MAX_NAMED + 1)]), parts(kept))


async def test_what_another_worker_is_about_to_write_is_waited_for(kept: KeptResponses) -> None:
    waiting = asyncio.ensure_future(left(call("file-c"), parts(kept)))
    await asyncio.sleep(0.01)
    await kept.own("t", "k", ["file-c"], "up")
    assert await waiting == ["up"]


async def test_what_is_disowned_is_nobodys(kept: KeptResponses) -> None:
    await kept.disown("t", "up", ["file-a"])
    assert await kept.owned("t", "up", ["file-a"]) == set()


async def test_where_nobody_can_tell_nothing_goes_on(tmp_path: Path) -> None:
    store = KeptResponses(tmp_path / "absent" / "responses.db", 0)
    for given in (parts(store), parts(None)):
        with pytest.raises(Unavailable):
            await left(call("file-a"), given)
        for path in ("/files/file-a", "/files/file-a/content"):
            with pytest.raises(Unavailable):
                await Passage(call(), given, "up", "GET", path).check()
    await asyncio.to_thread(store.close)


class Page:
    """An answer with a list in it."""

    status = 200
    headers: tuple[tuple[bytes, bytes], ...] = ()

    def __init__(self, *ids: str, more: bool = False, kind: bytes = b"application/json") -> None:
        self.kind = kind
        self.body = json.dumps({"data": [{"id": one} for one in ids], "has_more": more}).encode()

    def header(self, name: bytes) -> bytes:
        return self.kind

    async def read_all(self, timeout: float, limit: int, whole: float) -> bytes:
        self.patience = timeout, whole
        return self.body


@pytest.mark.parametrize(("limit", "left"), [("2", 2), ("0", 3), ("x", 3), ("9" * 5000, 3)])
async def test_a_list_is_gone_on_with_as_long_as_was_asked_for(kept: KeptResponses, limit: str, left: int) -> None:
    await kept.own("t", "k", ["file-b", "file-c"], "up")

    async def page(query: bytes) -> bytes:
        return Page("file-a", "file-b", "file-x", "file-c", more=False).body

    made = call()
    made.query = f"limit={limit}".encode()
    passage = Passage(made, parts(kept), "up", "GET", "/files")
    answer = await passage.seen(cast(Any, Page("file-x", more=True)), page, 9.0)
    assert len(json.loads(await answer.read(1))["data"]) == left


@pytest.mark.parametrize("kind", [b"application/x-ndjson", b"application/jsonl; charset=utf-8", b"text/event-stream"])
async def test_lines_are_passed_on_as_they_come(kept: KeptResponses, kind: bytes) -> None:
    async def page(query: bytes) -> bytes:
        raise AssertionError

    answer = cast(Any, Page("file-x", kind=kind))
    assert await Passage(call(), parts(kept), "up", "POST", "/api/pull").seen(answer, page, 9.0) is answer
    if b"json" in kind:
        cut = await Passage(call(), parts(kept), "up", "GET", "/files").seen(answer, page, 9.0)
        assert json.loads(await cut.read(1))["data"] == [], "but no list is"


async def test_an_answer_may_take_as_long_as_its_call(kept: KeptResponses) -> None:
    async def page(query: bytes) -> bytes:
        raise AssertionError

    made, answer = call(), Page("file-x")
    made.deadline = monotonic() + 500
    await Passage(made, parts(kept), "up", "POST", "/odd").seen(cast(Any, answer), page, 300.0)
    idle, whole = answer.patience
    assert idle == 300 and 499 < whole <= 500
