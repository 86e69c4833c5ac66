"""Proofs of thoughts for callers who drop them: whose they are, where they stand, and how long they are kept."""

from types import SimpleNamespace
from typing import Any

import pytest

from headgate.core.chat import (
    Choice,
    Message,
    Part,
    Request,
    SignatureDelta,
    Text,
    TextDelta,
    Thinking,
    ToolCall,
    ToolDelta,
)
from headgate.dialects import anthropic_messages, gemini, openai_chat
from headgate.pipeline import thoughts as module
from headgate.pipeline.thoughts import LIFE, Listener, Thoughts
from tests.clock import Clock

NAME = "anthropic-messages"
FIRST = Thinking("Ask.", "proof", source=NAME)
HIDDEN = Thinking(redacted="data", source=NAME)
LATER = Thinking("And that.", "proof 2", source=NAME)
ANSWER: list[Part] = [HIDDEN, FIRST, Text("Let me see."), ToolCall("a", "f", "{}"), LATER, ToolCall("b", "f", "{}")]


@pytest.fixture
def clock() -> Clock[float]:
    return Clock(100.0)


@pytest.fixture
def kept(clock: Clock[float]) -> Thoughts:
    kept = Thoughts(clock)
    kept.keep(call(), [Choice(0, list(ANSWER))])
    return kept


def call(tenant: str = "t", target: str = "p/m", spoken: Any = anthropic_messages, **more: Any) -> Any:
    return SimpleNamespace(
        who=SimpleNamespace(tenant_id=tenant),
        target=SimpleNamespace(name=target),
        spoken=spoken,
        dialect=openai_chat,
        **more,
    )


def told(kept: Thoughts, *parts: Any, **of: Any) -> list[Any]:
    sent: Any = parts or [part for part in ANSWER if not isinstance(part, Thinking)]
    request = Request(model="m", messages=[Message("user", [Text("hi")]), Message("assistant", list(sent))])
    one = call(**of)
    before = list(request.messages[1].parts)
    found = kept.put_back(one, one.target, request)
    assert request.messages[1].parts == before, "another target may be told otherwise"
    return found.messages[1].parts


def test_they_are_put_back_in_their_places(kept: Thoughts) -> None:
    assert told(kept) == ANSWER
    assert told(kept, Thinking("Ask."), *ANSWER[2:4]) == ANSWER[:4], (
        "its text alone is no proof, and would be told twice"
    )


@pytest.mark.parametrize("of", [{"tenant": "other"}, {"target": "p/other"}, {"target": "q/m"}, {"spoken": gemini}])
def test_nobody_else_gets_them(kept: Thoughts, of: dict[str, Any]) -> None:
    assert not any(isinstance(part, Thinking) for part in told(kept, **of))


def test_what_a_caller_sends_back_is_left_alone(kept: Thoughts) -> None:
    own = [Thinking("Mine.", "other proof", source=NAME), ToolCall("a", "f", "{}")]
    assert told(kept, *own) == own
    assert told(kept, Text("no call")) == [Text("no call")]


def test_they_live_as_long_as_they_are_used(kept: Thoughts, clock: Clock[float]) -> None:
    for _ in range(3):
        clock.now += LIFE - 1
        assert told(kept) == ANSWER
    clock.now += LIFE + 1
    assert not any(isinstance(part, Thinking) for part in told(kept))


def test_their_room_is_bounded(kept: Thoughts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 20_000)
    for number in range(100):
        one = Thinking("x" * 1000, "proof", source=NAME)
        kept.keep(call(), [Choice(0, [one, ToolCall(f"n{number}", "f", "{}")])])
    assert kept._size <= 20_000 and len(kept._kept) < 20
    assert len(told(kept, ToolCall("n99", "f", "{}"))) == 2 and len(told(kept, ToolCall("n0", "f", "{}"))) == 1
    kept.keep(call(), [Choice(0, [Thinking("x" * 2_000_000, "proof", source=NAME), ToolCall("big", "f", "{}")])])
    assert len(told(kept, ToolCall("big", "f", "{}"))) == 1


def test_what_is_not_proven_is_not_kept(clock: Clock[float]) -> None:
    kept = Thoughts(clock)
    kept.keep(call(), [Choice(0, [Thinking("Just words."), ToolCall("a", "f", "{}"), FIRST, Text("no call")])])
    assert not kept._kept and not kept._size


def test_a_stream_is_heard(clock: Clock[float]) -> None:
    kept = Thoughts(clock)
    listener = Listener(call(thoughts=kept))
    listener.hear([TextDelta("As", kind="thinking"), TextDelta("k.", kind="thinking")])
    listener.hear([SignatureDelta("proof", source=NAME), TextDelta("Let me see."), ToolDelta(0, "a", "f")])
    listener.hear([ToolDelta(0, arguments="{}")])
    listener.end()
    assert told(kept, ToolCall("a", "f", "{}")) == [FIRST, ToolCall("a", "f", "{}")]


@pytest.mark.parametrize("text", ["x" * 1000, ""])
def test_no_more_of_a_stream_is_heard_than_could_be_kept(
    clock: Clock[float], monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(module, "LARGEST", 5000)
    kept = Thoughts(clock)
    proven: list[Any] = [SignatureDelta("proof", source=NAME), ToolDelta(0, "a", "f")]
    for long in (False, True):
        listener = Listener(call(thoughts=kept))
        for _ in range(6000 if long else 3):
            listener.hear([TextDelta(text, kind="thinking"), TextDelta("an answer is not held " * 1000)])
            assert listener._heard is None or len(listener._heard) <= 5001
        listener.hear(proven)
        listener.end()
        assert bool(kept._kept) is not long
        kept = Thoughts(clock)
