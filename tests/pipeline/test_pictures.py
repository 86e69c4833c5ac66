"""Pictures in answers on their way to callers: shown, or left out and told, or a clear end of the stream."""

import json
from typing import Any

import pytest

from headgate.dialects import anthropic_messages, openai_chat, openai_responses
from tests.answering import Answer, Answering, Asked
from tests.pipeline.stage import Stage

CONFIG = """
providers:
  g: {kind: gemini, base_url: "WALL/v1beta", api_key: g}
  o: {kind: openai-compatible, base_url: "WALL/v1", api_key: o}
"""
PNG = "iVBORw0KGgo="
STREAM = {"content-type": "text/event-stream"}


def answered(asked: Asked) -> Answer:
    """As Google and as OpenRouter answer: a text, and a picture."""
    if "generateContent" in asked.path or "streamGenerateContent" in asked.path:
        parts = [{"text": "here"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}]
        one: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
        usage = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}
        whole = {"candidates": [one], "usageMetadata": usage, "modelVersion": "g", "responseId": "r"}
        if "stream" not in asked.path:
            return 200, whole
        first = {**whole, "candidates": [{"content": {"role": "model", "parts": parts[:1]}, "index": 0}]}
        second = {**whole, "candidates": [{**one, "content": {"role": "model", "parts": parts[1:]}}]}
        return 200, events(first, second), STREAM
    images = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    if not asked.json.get("stream"):
        message = {"role": "assistant", "content": "here", "images": images}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return 200, {**head, "choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    deltas = [{"content": "here"}, {"images": images}]
    told = [{**head, "choices": [{"index": 0, "delta": one, "finish_reason": None}]} for one in deltas]
    last = {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    return 200, events(*told, last) + b"data: [DONE]\n\n", STREAM


def events(*documents: dict[str, Any]) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(one).encode() for one in documents)


ROOM = [("g/m", openai_chat), ("g/m", openai_responses), ("o/m", openai_responses), ("o/m", openai_chat)]


def question(dialect: Any) -> dict[str, Any]:
    """What a caller of *dialect* asks beside the messages."""
    if dialect is openai_responses:
        return {"dialect": dialect, "messages": ..., "input": "hi", "store": False}
    return {"dialect": dialect} | ({"max_tokens": 50} if dialect is anthropic_messages else {})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("model", "dialect"), ROOM)
async def test_a_picture_reaches_who_has_room_for_it(model: str, dialect: Any, stream: bool) -> None:
    with Answering(answered) as upstream:
        async with Stage(upstream, CONFIG) as stage:  # type: ignore[arg-type]  # it has a port
            caller = await stage.ask(model, stream=stream, **question(dialect))
            assert caller.status == 200 and PNG.encode() in caller.body_sent
            assert stage.record.dropped == () and "x-headgate-dropped" not in caller.headers


@pytest.mark.parametrize("model", ["g/m", "o/m"])
async def test_who_has_no_room_for_a_picture_is_told(model: str) -> None:
    with Answering(answered) as upstream:
        async with Stage(upstream, CONFIG) as stage:  # type: ignore[arg-type]
            caller = await stage.ask(model, **question(anthropic_messages))
            assert caller.status == 200 and PNG.encode() not in caller.body_sent
            assert caller.headers["x-headgate-dropped"] == "answer.image"
            assert stage.record.dropped == ("answer.image",)


@pytest.mark.parametrize("model", ["g/m", "o/m"])
async def test_a_stream_without_room_for_a_picture_never_ends_as_if_it_were_whole(model: str) -> None:
    with Answering(answered) as upstream:
        async with Stage(upstream, CONFIG) as stage:  # type: ignore[arg-type]
            caller = await stage.ask(model, stream=True, **question(anthropic_messages))
            assert b"message_stop" not in caller.body_sent and b"no room for" in caller.body_sent
            assert stage.record.code == "upstream_answer_failed"
