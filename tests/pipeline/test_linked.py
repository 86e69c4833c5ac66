"""What a request only names is held for: pictures by a bound, files and what is kept elsewhere by the whole window."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from headgate.core.call import Call
from headgate.core.errors import BudgetSpent
from headgate.dialects import anthropic_messages, gemini, openai_chat, openai_completions, openai_responses
from headgate.dialects.base import Abilities
from headgate.faultlab.wall import Wall
from headgate.ledger.types import Ask, Hold
from headgate.pipeline.linked import named
from tests.pipeline.stage import Stage

WINDOW = 100_000
PICTURE = 16_384
TARGET: Any = SimpleNamespace(context=WINDOW, abilities=Abilities("m", "p/m"))
URL = "https://example.com/a"


def chat(*parts: dict[str, Any], **more: Any) -> tuple[Any, dict[str, Any]]:
    return openai_chat, {"model": "m", "messages": [{"role": "user", "content": list(parts)}], **more}


def messages(*parts: dict[str, Any], **more: Any) -> tuple[Any, dict[str, Any]]:
    return anthropic_messages, {"max_tokens": 5, **chat(*parts, **more)[1]}


def responses(*parts: dict[str, Any], **more: Any) -> tuple[Any, dict[str, Any]]:
    return openai_responses, {"model": "m", "input": [{"role": "user", "content": list(parts)}], **more}


def google(*parts: dict[str, Any], **more: Any) -> tuple[Any, dict[str, Any]]:
    return gemini, {"contents": [{"role": "user", "parts": list(parts)}], **more}


def held(asked: tuple[Any, dict[str, Any]], target: Any = TARGET, before: int | None = None) -> tuple[int, int, bool]:
    dialect, document = asked
    body = json.dumps(document).encode()
    call = Call(surface="s", operation="chat", dialect=dialect, link=None, headers=[], t0=0.0, body=body, before=before)
    call.envelope = dialect.envelope_at(body, "m", stream=False) if dialect is gemini else dialect.envelope(body)
    more, whole = named(call, target, len(body))
    return len(body), more, whole


SCHEMA = {"type": "object", "properties": {"image_url": {"type": "string"}, "file_id": {"type": "string"}}}


@pytest.mark.parametrize(
    "asked",
    [
        chat({"type": "text", "text": "what is at https://example.com, with file_id and url?"}),
        chat({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
        chat(
            {"type": "text", "text": "x"}, tools=[{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]
        ),
        messages({"type": "tool_use", "id": "t", "name": "f", "input": {"file_id": "a", "image_url": URL}}),
        messages({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}),
        responses(
            {"type": "output_text", "text": "x", "annotations": [{"type": "file_citation", "file_id": "file-1"}]}
        ),
        responses({"type": "input_file", "file_data": "data:application/pdf;base64,AAAA"}, conversation=None),
        google({"functionCall": {"name": "f", "args": {"fileUri": "x", "file_id": "y"}}}),
        chat({"type": {"file_id": []}, "\ud800": 10**30, "image_url": ["\ud800"]}),
        (openai_completions, {"model": "m", "prompt": "url"}),
    ],
)
def test_what_is_there_is_bounded_by_its_bytes(asked: tuple[Any, dict[str, Any]]) -> None:
    assert held(asked)[1:] == (0, False)


@pytest.mark.parametrize(
    ("asked", "pictures"),
    [
        (chat({"type": "image_url", "image_url": {"url": URL}}), 1),
        (chat(*[{"type": "image_url", "image_url": URL}] * 3), 3),
        (messages({"type": "image", "source": {"type": "url", "url": URL}}), 1),
        (messages({"type": "image", "source": {"type": "file", "file_id": "file_1"}}), 1),
        (messages({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": {"type": "url", "url": URL}}]}), 1),
        (responses({"type": "input_image", "image_url": URL}, {"type": "input_image", "file_id": "file-1"}), 2),
        (google({"fileData": {"mimeType": "image/png", "fileUri": URL}}), 1),
        (google({"file_data": {"mime_type": "image/png", "file_uri": URL}}), 1),
    ],
)  # fmt: skip
def test_a_picture_has_a_bound(asked: tuple[Any, dict[str, Any]], pictures: int) -> None:
    assert held(asked)[1:] == (pictures * PICTURE, False)


@pytest.mark.parametrize(
    "asked",
    [
        chat({"type": "file", "file": {"file_id": "file-1"}}),
        chat({"type": "document_url", "document_url": URL}),
        chat(*[{"type": "image_url", "image_url": {"url": URL}}] * 7),
        messages({"type": "document", "source": {"type": "url", "url": URL}}),
        messages({"type": "document", "source": {"type": "file", "file_id": "file_1"}}),
        responses({"type": "input_file", "file_url": URL}),
        responses({"type": "input_file", "file_id": "file-1"}),
        responses(previous_response_id="resp_1"),
        responses(conversation="conv_1"),
        responses(prompt={"id": "pmpt_1"}),
        (openai_responses, {"model": "m", "input": [{"type": "item_reference", "id": "msg_1"}]}),
        google({"fileData": {"mimeType": "application/pdf", "fileUri": URL}}),
        google({"text": "x"}, cachedContent="cachedContents/1"),
    ],
)
def test_anything_else_may_fill_the_window(asked: tuple[Any, dict[str, Any]]) -> None:
    size, more, whole = held(asked)
    assert size + more == WINDOW and whole


@pytest.mark.parametrize("ask", [chat, messages, responses])
@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": URL}},
        {"type": "image", "source": {"type": "url", "url": URL}},
        {"type": "input_image", "image_url": URL},
        {"fileData": {"mimeType": "image/png", "fileUri": URL}},
    ],
)
def test_a_large_body_is_looked_through_as_a_small_one_is(ask: Any, part: dict[str, Any]) -> None:
    """Whoever's words they are: what is relayed may go to a server that reads several dialects."""
    text = {"type": "text", "text": 'a "url", a file_id, _video and more, ' * 9_000}
    wide: Any = SimpleNamespace(context=1_000_000, abilities=TARGET.abilities)
    assert held(ask(text, part), wide)[1:] == held(ask(part), wide)[1:] == (PICTURE, False)
    assert held(ask(text), wide)[1:] == (0, False)


def test_escaped_names_are_names() -> None:
    dialect, document = chat({"type": "image_url", "image_url": {"url": URL}})
    body = json.dumps(document).replace("url", "u\\u0072l").encode()
    call = Call(surface="s", operation="chat", dialect=dialect, link=None, headers=[], t0=0.0, body=body)
    call.envelope = dialect.envelope(body)
    assert named(call, TARGET, len(body)) == (PICTURE, False)


def test_what_was_counted_before_stands_for_what_is_gone_on_from() -> None:
    assert held(responses(previous_response_id="resp_1"), before=700)[1:] == (700, False)
    assert held(responses(previous_response_id="resp_1", conversation="c"), before=700)[2]


CONFIG = """
providers:
  o: {kind: openai, base_url: "WALL/v1", api_key: sk-o, price: {input: 1, output: 2}}
models:
  o/good: {context: 100000}
"""


async def test_it_is_held_for_and_never_counted_away(wall: Wall) -> None:
    async with Stage(wall, CONFIG) as stage:
        parts = [{"type": "image_url", "image_url": {"url": URL}}]
        await stage.ask("o/good", messages=[{"role": "user", "content": parts}])
        assert stage.books.asked[-1].input_tokens > PICTURE
        await stage.ask("o/good")
        assert stage.books.asked[-1].input_tokens < 200


async def test_counting_leaves_what_is_named_in(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Stage(wall, CONFIG) as stage:
        asked: list[int] = []
        grant = stage.books.hold

        def poor(ask: Ask) -> Hold:
            asked.append(ask.input_tokens)
            if len(asked) % 2:
                raise BudgetSpent("too little")
            return grant(ask)

        monkeypatch.setattr(stage.books, "hold", poor)
        words = {"type": "text", "text": "many words " * 400}
        shown = {"type": "image_url", "image_url": {"url": URL}}
        await stage.ask("o/good", messages=[{"role": "user", "content": [words, shown]}])
        assert asked[0] > asked[1] > PICTURE
        stage.parts.snapshot.passing = {"o": "open"}  # what it names is anybody's
        caller = await stage.ask("o/good", dialect=openai_responses, messages=..., input="hi", conversation="conv_1")
        assert caller.status == 429 and asked[2:] == [WINDOW], "what nobody can count is not counted"
