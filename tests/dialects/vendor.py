"""What the vendors' own SDKs make of replies and streams: a second opinion that nobody here wrote."""

import json
from typing import Any

from anthropic import types as anthropic_types
from anthropic.lib.streaming._messages import accumulate_event
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types import chat as openai_types
from pydantic import TypeAdapter

_EVENT: TypeAdapter[Any] = TypeAdapter(anthropic_types.RawMessageStreamEvent)


def documents(stream: bytes) -> list[dict[str, Any]]:
    """Return the documents of an event stream that is spelt in the usual way."""
    lines = [line[6:] for line in stream.decode().split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def whole_chat(stream: bytes) -> dict[str, Any]:
    """Return the reply that OpenAI's SDK makes of a stream."""
    state = ChatCompletionStreamState()
    for document in documents(stream):
        state.handle_chunk(openai_types.ChatCompletionChunk.model_validate(document))
    return state.current_completion_snapshot.model_dump(mode="json", warnings=False)


def whole_message(stream: bytes) -> dict[str, Any]:
    """Return the reply that Anthropic's SDK makes of a stream."""
    snapshot: Any = None
    buffers: dict[int, bytes] = {}
    for document in documents(stream):
        if document["type"] == "ping":
            continue
        event = _EVENT.validate_python(document)
        snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=buffers)
    whole: dict[str, Any] = snapshot.model_dump(mode="json", warnings=False)
    return whole


def check_chat(body: bytes) -> None:
    """Validate a whole reply by OpenAI's own types."""
    openai_types.ChatCompletion.model_validate_json(body, strict=False)


def check_message(body: bytes) -> None:
    """Validate a whole reply by Anthropic's own types."""
    anthropic_types.Message.model_validate_json(body)
