"""Token counts: exact where the vocabulary is public, bounded where it is not."""

import base64
import hashlib
import sys
import time
from importlib.util import find_spec
from typing import Any

import pytest

from headgate.core.chat import Audio, File, Format, Image, Message, Part, Request, Text, Tool, ToolCall, ToolResult
from headgate.models import tokens
from headgate.providers.sandbox.pieces import count as sandbox_count

PUBLISHED = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_shipped_vocabulary_is_the_published_one(name: str) -> None:
    lines = [base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens.vocabulary(name))]
    assert hashlib.sha256(b"".join(lines)).hexdigest() == PUBLISHED[name]


needs_tiktoken = pytest.mark.skipif(find_spec("tiktoken") is None, reason="tiktoken is not installed")


@needs_tiktoken
@pytest.mark.parametrize(
    ("text", "model", "expected"),
    [
        ("", "gpt-4o", 0),
        ("hello world", "gpt-4o", 2),
        ("hello world", "openai/gpt-4", 2),
        ("tiktoken is great!", "gpt-4", 6),
        ("antidisestablishmentarianism", "gpt-4", 6),
        ("antidisestablishmentarianism", "gpt-4o", 6),
        ("お誕生日おめでとう", "gpt-4", 9),
        ("お誕生日おめでとう", "gpt-4o", 8),
        ("2 + 2 = 4", "gpt-4", 7),
        ("<|endoftext|>", "gpt-4o", 7),
    ],
)
def test_counts_of_known_vocabularies(text: str, model: str, expected: int) -> None:
    """The figures are those of the vendor's cookbook, and special tokens in a prompt are plain text."""
    assert tokens.count(text, model) == expected


@needs_tiktoken
def test_other_families_are_counted_with_a_margin() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 10
    plain = tokens.count(text, "openai/gpt-5")
    assert tokens.count(text, "anthropic/claude-opus-5") == plain + -(-plain // 10)
    assert tokens.count(text, "groq/openai/gpt-oss-20b") == plain


def test_the_sandbox_is_counted_by_its_own_tokens() -> None:
    assert tokens.count("internationalization", "sandbox/chat") == sandbox_count("internationalization")


def test_odd_text_is_counted() -> None:
    assert tokens.count("\ud800 lone", "gpt-4o") > 0
    assert tokens.count("\0" * 10, "gpt-4o") > 0
    assert tokens.count("👩‍👩‍👧‍👦", "gpt-4o") > 0


def test_text_without_blanks_takes_no_time() -> None:
    tokens.count("warm", "gpt-4o")
    began = time.monotonic()
    for text in ("a" * 300_000, " " * 300_000, "數" * 300_000):
        assert tokens.count(text, "gpt-4o") > 0
    assert time.monotonic() - began < 5


def test_slices_change_a_count_by_next_to_nothing() -> None:
    text = "word and another, " * 4000
    one = tokens.count(text[: tokens.SLICE], "gpt-4o") / tokens.SLICE
    assert tokens.count(text, "gpt-4o") == pytest.approx(one * len(text), rel=0.01)


def test_an_estimate_is_rather_too_high() -> None:
    assert [tokens.estimate(n) for n in (0, 1, 3, 4, 300)] == [0, 1, 1, 2, 100]
    text = "An estimate of plain prose must not fall below what a tokenizer would count for it. " * 20
    assert tokens.estimate(len(text)) >= tokens.count(text, "gpt-4o")


def test_without_the_library_bytes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tiktoken", None)
    monkeypatch.setattr(tokens, "_loaded", tokens._loaded.__wrapped__)
    assert tokens.count("hello world!", "gpt-4o") == 4
    assert tokens.count("\ud800", "gpt-4o") == 1


def request(*messages: Message, **fields: Any) -> Request:
    return Request(model="gpt-4o", messages=list(messages), **fields)


@needs_tiktoken
def test_a_request_is_its_messages_and_tools() -> None:
    plain = tokens.count_request(request(Message("user", [Text("hello world")])))
    assert plain == 3 + 4 + 2
    tool = Tool("get_weather", "Current weather", {"type": "object", "properties": {"city": {"type": "string"}}})
    with_tool = tokens.count_request(request(Message("user", [Text("hello world")]), tools=[tool]))
    assert plain + 15 < with_tool < plain + 60
    form = Format("json_schema", schema={"type": "object", "properties": {"a": {"type": "string"}}})
    assert tokens.count_request(request(Message("user", [Text("hello world")]), format=form)) > plain + 8


def test_every_part_counts() -> None:
    base = tokens.count_request(request(Message("user", [])))
    parts: list[Part] = [
        ToolCall("call_1", "get_weather", '{"city":"Paris"}'),
        ToolResult("call_1", [Text("18 degrees"), Image(url="https://h/i.png")]),
        Image(data="AAAA", media_type="image/png"),
        Audio("A" * 1000, "wav"),
        File(data="A" * 1000, media_type="application/pdf"),
    ]
    costs = [tokens.count_request(request(Message("user", [part]))) - base for part in parts]
    assert costs[0] >= 6
    assert costs[1] > tokens.PER_IMAGE
    assert costs[2:] == [tokens.PER_IMAGE, 10, 50]


async def test_counting_leaves_the_loop_free() -> None:
    asked = request(Message("user", [Text("word " * 1000)]))
    assert await tokens.counted(asked) == tokens.count_request(asked)
