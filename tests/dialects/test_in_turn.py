"""Calls of tools that a server tells in turns come to clients one after the other, and a stream begins with its head."""

import json
from typing import Any

import pytest

from headgate.core.chat import Chunk, Counted, End, Request, SignatureDelta, Start, Text, TextDelta, ToolCall, ToolDelta
from headgate.core.errors import UpstreamFailed
from headgate.core.fold import fold
from headgate.core.money import Usage
from headgate.dialects import anthropic_messages, gemini, in_turn, openai_chat
from headgate.dialects.cohere import CohereChat
from headgate.dialects.converse import BedrockConverse
from headgate.dialects.ollama import OllamaChat
from tests.dialects import vendor

ASKED = Request(model="asked", messages=[], stream=True)
ONE_BLOCK = [anthropic_messages, BedrockConverse(), CohereChat(), OllamaChat()]
"""Those whose clients take a call for whole once the next thing begins."""
MIXED: list[Chunk] = [
    Start("i", "m"),
    ToolDelta(0, "a", "f"),
    ToolDelta(1, "b", "g"),
    ToolDelta(2, "c", "h", '{"z":'),
    ToolDelta(0, arguments='{"x":'),
    ToolDelta(1, arguments='{"y":"}'),
    ToolDelta(0, arguments="1"),
    ToolDelta(2, arguments="[]}"),
    ToolDelta(1, arguments='\\"]"}'),
    ToolDelta(0, arguments="}"),
    End("tool_calls"),
]
CALLS = [("a", "f", {"x": 1}), ("b", "g", {"y": '}"]'}), ("c", "h", {"z": []})]


def sequence(stream: bytes) -> list[tuple[str, int]]:
    """What happens to each block, in order."""
    said = [one for one in vendor.documents(stream) if one["type"].startswith("content_block_")]
    return [(one["type"].removeprefix("content_block_"), one["index"]) for one in said]


def lawful(stream: bytes) -> bool:
    """Whether each block begins, is told and ends before the next."""
    at, open_ = -1, False
    for what, index in sequence(stream):
        if what == "start":
            lawful_ = not open_ and index == at + 1
            at, open_ = index, True
        else:
            lawful_ = open_ and index == at
            open_ = what == "delta"
        if not lawful_:
            return False
    return not open_


@pytest.mark.parametrize("dialect", ONE_BLOCK, ids=lambda one: one.name)
@pytest.mark.parametrize("step", [1, 3, 100])
def test_calls_in_turns_are_told_one_after_the_other(dialect: Any, step: int) -> None:
    writer = dialect.writer(ASKED)
    out = b"".join(writer.write(MIXED[at : at + step]) for at in range(0, len(MIXED), step)) + writer.close()
    reader = dialect.reader()
    parts = fold([*reader.feed(out), *reader.close()]).choices[0].parts
    calls = [(one.id, one.name, json.loads(one.arguments)) for one in parts if isinstance(one, ToolCall)]
    assert [(name, said) for _, name, said in calls] == [(name, said) for _, name, said in CALLS]
    if dialect is anthropic_messages:
        assert lawful(out) and calls == CALLS


def test_what_waits_is_told_as_soon_as_the_call_before_it_is_whole() -> None:
    writer = anthropic_messages.writer(ASKED)
    assert sequence(writer.write(MIXED[:-2])) == [("start", 0), ("delta", 0), ("delta", 0)]
    told = sequence(writer.write(MIXED[-2:-1]))
    assert told[:3] == [("delta", 0), ("stop", 0), ("start", 1)] and told[-1] == ("delta", 2)
    assert sequence(writer.write(MIXED[-1:])) == [("stop", 2)]


def test_a_call_at_a_time_waits_for_nothing() -> None:
    writer = anthropic_messages.writer(ASKED)
    for chunk, told in (
        (ToolDelta(0, "a", "f", '{"x":"\\'), [("start", 0), ("delta", 0)]),
        (ToolDelta(0, arguments='""}'), [("delta", 0)]),
        (ToolDelta(1, "b", "g", "{}"), [("stop", 0), ("start", 1), ("delta", 1)]),
        (TextDelta("t"), [("stop", 1), ("start", 2), ("delta", 2)]),
    ):
        assert sequence(writer.write([chunk])) == told


@pytest.mark.parametrize("ends", [True, False])
def test_arguments_that_never_become_whole_lose_nothing(ends: bool) -> None:
    chunks: list[Chunk] = [
        *(Start("i", "m"), ToolDelta(0, "a", "f", '{"x": '), TextDelta("t"), ToolDelta(1, "b", "g")),
        *(
            SignatureDelta("s", source="gemini"),
            TextDelta("u"),
            ToolDelta(0, arguments="?"),
            ToolDelta(1, arguments="no"),
        ),
    ]
    writer = anthropic_messages.writer(ASKED)
    out = writer.write(chunks) + (writer.write([End("stop")]) if ends else b"") + writer.close()
    assert lawful(out)
    reader = anthropic_messages.reader()
    parts = fold([*reader.feed(out), *reader.close()]).choices[0].parts
    assert [one for one in parts if isinstance(one, Text | ToolCall)] == [
        *(ToolCall("a", "f", '{"x": ?'), Text("t"), ToolCall("b", "g", "no"), Text("u")),
    ]


def test_what_waits_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_turn, "LIMIT", 2**20)
    writer = anthropic_messages.writer(ASKED)
    writer.write([ToolDelta(0, "a", "f", "{"), ToolDelta(1, "b", "g", "x" * (2**20 - 400)), TextDelta("x" * 50)])
    with pytest.raises(UpstreamFailed) as failed:
        writer.write([TextDelta("x" * 100)])
    assert failed.value.code == "upstream_stream_interrupted"
    freed = anthropic_messages.writer(ASKED)
    for index in range(0, 8, 2):  # what was told waits no longer
        freed.write([ToolDelta(index, "a", "f", "{"), ToolDelta(index + 1, "b", "g", '{"x":"%s"}' % ("x" * 2**19))])
        freed.write([ToolDelta(index, arguments="}")])


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [End("content_filter")],
        [Counted(Usage(3, 4)), TextDelta("t"), End("stop")],
        [TextDelta("t"), Start("i", "m")],
    ],
)
def test_a_message_begins_once_and_first(chunks: list[Chunk]) -> None:
    writer = anthropic_messages.writer(ASKED)
    writer.id = "own"
    documents = vendor.documents(writer.write(chunks) + writer.close())
    assert [one["type"] for one in documents].count("message_start") == 1
    assert documents[0]["type"] == "message_start"
    assert (documents[0]["message"]["id"], documents[0]["message"]["model"]) == ("own", "asked")
    assert documents[-1]["type"] == "message_stop"


@pytest.mark.parametrize(
    ("dialect", "head"), [(CohereChat(), b'"message-start"'), (BedrockConverse(), b"messageStart")]
)
@pytest.mark.parametrize(
    "chunks", [[], [TextDelta("t")], [ToolDelta(0, "a", "f", "{}")], [Start("i", "m"), TextDelta("t")]]
)
def test_others_begin_so_too(dialect: Any, head: bytes, chunks: list[Chunk]) -> None:
    writer = dialect.writer(ASKED)
    out = writer.write(chunks) + writer.close()
    assert out.count(head) == 1 and head in out[:120]


def test_a_prompt_that_gemini_blocks_is_an_answer_with_a_head() -> None:
    reader = gemini.reader()
    blocked = {
        "promptFeedback": {"blockReason": "SAFETY"},
        "usageMetadata": {"promptTokenCount": 5},
        "modelVersion": "g",
    }
    chunks = [*reader.feed(b"data: %b\n\n" % json.dumps(blocked).encode()), *reader.close()]
    assert reader.failure is None and chunks[0] == Start("", "g")
    message = vendor.whole_message(anthropic_messages.writer(ASKED).write(chunks))
    assert (message["model"], message["content"]) == ("g", [])


def test_a_chat_stream_of_nothing_is_a_failure() -> None:
    reader = openai_chat.reader()
    assert reader.feed(b"data: [DONE]\n\n") == []
    assert reader.failure is not None and reader.failure.code == "upstream_invalid_response"
