"""What a response goes on from: expanded here, left to its provider, or refused by name."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from headgate.core.call import Call
from headgate.core.errors import BadRequest, NotFound, TooLarge
from headgate.core.money import Usage
from headgate.dialects import openai_chat, openai_responses
from headgate.dialects.base import Abilities
from headgate.pipeline.stored import Keeper, recall
from headgate.storage.responses import KeptResponses

OUTPUT = [
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"},
    {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
]  # fmt: skip
KEPT = json.dumps({"id": "resp_1", "output": OUTPUT}).encode()
INPUT = b'[{"type":"message","role":"user","content":"hi"}]'


def target(name: str, *, native: bool) -> Any:
    dialects = (openai_chat, openai_responses) if native else (openai_chat,)
    provider = SimpleNamespace(name=name, stores=native, dialects=lambda operation: dialects)
    return SimpleNamespace(name=f"{name}/m", provider=provider, abilities=Abilities("m", f"{name}/m"))


NATIVE, PLAIN = target("openai", native=True), target("plain", native=False)


def call(plan: tuple[Any, ...] = (PLAIN,), **fields: Any) -> Call:
    body = json.dumps({"model": "m", **({"input": "more"} | fields)}).encode()
    made = Call(surface="openai", operation="chat", dialect=openai_responses, link=None, headers=[], t0=0.0, body=body)
    made.envelope, made.plan = openai_responses.envelope(body), plan
    made.who = SimpleNamespace(tenant_id="t", id="k", mapped={})
    return made


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[KeptResponses]:
    store = KeptResponses(tmp_path / "responses.db", 60)
    store.put("t", "k", "resp_1", KEPT, INPUT)
    store.claim("t", "k", ["resp_native"], "openai")
    store.put("t", "other", "resp_others", KEPT, INPUT)
    yield store
    await asyncio.to_thread(store.close)


def parts(kept: KeptResponses | None, most: int = 10_000, *, open_: bool = False) -> Any:
    passing = {"openai": "open"} if open_ else {}
    return SimpleNamespace(responses=kept, max_body=most, snapshot=SimpleNamespace(passing=passing))


async def go(made: Call, given: Any) -> Call:
    waiting = recall(made, given)
    if waiting is not None:
        await waiting
    return made


async def test_what_was_said_stands_before_the_new_input(kept):
    made = await go(call(previous_response_id="resp_1", instructions="be"), parts(kept))
    sent = json.loads(made.body)
    assert "previous_response_id" not in sent and sent["instructions"] == "be"
    assert sent["input"] == [
        {"type": "message", "role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]},
        {"type": "message", "role": "user", "content": "more"},
    ]
    assert made.request is not None and made.request.extra is not None
    assert made.request.extra.form["previous"] == "resp_1" and made.keeper is not None


async def test_what_grows_past_the_limit_of_a_body_is_refused(kept):
    with pytest.raises(TooLarge):
        await go(call(previous_response_id="resp_1"), parts(kept, 100))


@pytest.mark.parametrize("previous", ["resp_others", "resp_unknown", f"resp_{'0' * 32}"])
async def test_what_is_not_the_keys_is_not_found(kept, previous):
    with pytest.raises(NotFound) as refused:
        await go(call(previous_response_id=previous), parts(kept))
    assert refused.value.code == "previous_response_not_found" and refused.value.param == "previous_response_id"


async def test_anothers_is_not_found_even_where_the_provider_would_know_it(kept):
    with pytest.raises(NotFound):
        await go(call((NATIVE,), previous_response_id="resp_others"), parts(kept))


async def test_a_providers_own_goes_to_that_provider_as_it_came(kept):
    for previous, open_ in (("resp_native", False), ("resp_made_elsewhere", True)):
        made = await go(call((PLAIN, NATIVE), previous_response_id=previous), parts(kept, open_=open_))
        assert made.plan == (NATIVE,) and json.loads(made.body)["previous_response_id"] == previous
    for plan in ((PLAIN, NATIVE), (NATIVE,)):
        with pytest.raises(NotFound):
            await go(call(plan, previous_response_id="resp_made_elsewhere"), parts(kept))
    with pytest.raises(BadRequest) as refused:
        await go(call((PLAIN,), previous_response_id="resp_native"), parts(kept))
    assert refused.value.param == "previous_response_id" and "'openai'" in refused.value.message


@pytest.mark.parametrize("store", [None, "off"])
async def test_where_nothing_is_kept_it_is_refused_by_name(tmp_path, store):
    given = parts(None if store is None else KeptResponses(tmp_path / "r.db", 0), open_=True)
    for fields in ({"previous_response_id": "resp_1"}, {"store": True}):
        with pytest.raises(BadRequest) as refused:
            await go(call((PLAIN,), **fields), given)
        assert refused.value.param in fields and refused.value.code == "unsupported_parameter"
        made = await go(call((PLAIN, NATIVE), **fields), given)
        assert made.plan == (NATIVE,)
    made = await go(call(), given)  # kept by default only where anything is
    assert made.keeper is None and made.plan == (PLAIN,)


async def test_another_workers_write_is_waited_for(kept):
    previous = f"resp_{'a' * 32}"
    waiting = asyncio.ensure_future(go(call(previous_response_id=previous), parts(kept)))
    await asyncio.sleep(0.05)
    kept.put("t", "k", previous, KEPT, INPUT)
    assert "previous_response_id" not in json.loads((await waiting).body)


async def test_an_answer_is_kept_with_all_that_led_to_it_or_claimed_for_its_provider(kept):
    made = await go(call(previous_response_id="resp_1"), parts(kept))
    made.target, made.spoken = PLAIN, openai_chat
    made.keeper.keep(made, b'{"id":"resp_2","output":[]}')
    found: Any = await kept.find("t", "k", "resp_2")
    assert found.response == b'{"id":"resp_2","output":[]}' and len(json.loads(found.input)) == 4
    made.target, made.spoken = NATIVE, openai_responses
    made.keeper.keep(made, b'{"id":"resp_3","output":[]}')
    found = await kept.find("t", "k", "resp_3")
    assert found.provider == "openai" and not found.response
    for nothing in (None, b"", b"{}", b"<html>"):
        Keeper(kept).keep(made, nothing)


async def test_a_providers_own_path_is_left_alone_but_for_what_is_anothers(kept):
    made = call(previous_response_id="resp_1")
    made.pinned = "plain"
    before = made.body
    await go(made, parts(kept))
    assert made.body is before and made.plan == (PLAIN,)
    made.target = PLAIN
    made.keeper.keep(made, b'{"id":"resp_4","output":[]}')
    found: Any = await kept.find("t", "k", "resp_4")
    assert found.provider == "plain"
    others = call(previous_response_id="resp_others")
    others.pinned = "plain"
    with pytest.raises(NotFound):
        await go(others, parts(kept))


async def test_nothing_is_kept_that_was_not_to_be_or_of_other_surfaces(kept):
    assert (await go(call(store=False), parts(kept))).keeper is None
    chat = call()
    chat.dialect = openai_chat
    assert recall(chat, parts(kept)) is None and chat.keeper is None


async def test_how_long_a_response_was_is_remembered_with_whose_it_is(kept):
    made = call(plan=(NATIVE,))
    made.target, made.usage, made.billed = NATIVE, Usage(input=30, output=12), "usage"
    Keeper(kept).keep(made, b'{"id":"resp_long","output":[]}')
    assert (await go(call(plan=(NATIVE,), previous_response_id="resp_long"), parts(kept))).before == 42
    assert (await go(call(plan=(NATIVE,), previous_response_id="resp_native"), parts(kept))).before is None
