"""The rarer kinds of usage, as providers tell them and as they are told on."""

import json
from typing import Any

import pytest

from headgate.core.money import Usage
from headgate.dialects import anthropic_messages, openai_chat, openai_responses
from headgate.dialects.anthropic_usage import printed as for_messages
from headgate.dialects.openai_usage import printed as for_chat
from headgate.dialects.watch import believable

MESSAGE = {"id": "m", "type": "message", "role": "assistant", "model": "c", "content": [], "stop_reason": "end_turn"}


def test_what_anthropic_writes_for_an_hour_and_searches() -> None:
    said = {
        "input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 7,
        "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 5},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
    }  # fmt: skip
    usage = anthropic_messages.sniff(json.dumps({**MESSAGE, "usage": said}).encode()).usage
    assert usage == Usage(20, 5, 3, 7, cache_write_1h=5, searches=2)
    told = for_messages(usage)
    assert told["cache_creation"] == said["cache_creation"]
    assert told["server_tool_use"] == {"web_search_requests": 2}
    assert "cache_creation" not in for_messages(Usage(1, 1, 0, 1))


def test_a_stream_of_anthropics_tells_them_at_its_start() -> None:
    tap = anthropic_messages.tap(hide_usage=False)
    start = {
        "type": "message_start",
        "message": {**MESSAGE, "usage": {
            "input_tokens": 1, "output_tokens": 1, "cache_creation_input_tokens": 4,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 4},
        }},
    }  # fmt: skip
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}}
    for event in (start, end, {"type": "message_stop"}):
        tap.feed(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
    assert tap.usage == Usage(5, 9, 0, 4, cache_write_1h=4)


def test_sound_in_chat_and_responses() -> None:
    parts: dict[str, Any] = {
        "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 6},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 8},
    }
    said = {"prompt_tokens": 10, "completion_tokens": 9, "total_tokens": 19, **parts}
    usage = openai_chat.sniff(json.dumps({"id": "c", "choices": [], "usage": said}).encode()).usage
    assert usage == Usage(10, 9, 2, audio_input=6, audio_output=8)
    assert for_chat(usage)["prompt_tokens_details"] == {"cached_tokens": 2, "cache_write_tokens": 0, "audio_tokens": 6}
    reply = {
        "id": "r", "object": "response", "status": "completed", "output": [],
        "usage": {
            "input_tokens": 10, "output_tokens": 9,
            "input_tokens_details": {"cached_tokens": 2, "audio_tokens": 6},
            "output_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 8},
        },
    }  # fmt: skip
    assert openai_responses.sniff(json.dumps(reply).encode()).usage == Usage(
        10, 9, 2, 0, 1, audio_input=6, audio_output=8
    )


@pytest.mark.parametrize("kind", [field for field in Usage.__struct_fields__])
def test_no_kind_can_be_absurd(kind: str) -> None:
    assert believable(Usage(**{kind: 5}))
    assert not believable(Usage(**{kind: -1}))
    assert not believable(Usage(**{kind: 2**62}))


def test_what_a_response_searched_for() -> None:
    calls: list[dict[str, Any]] = [
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "a"}},
        {"type": "web_search_call", "id": "ws_2", "status": "completed", "action": {"type": "find_in_page"}},
        {"type": "web_search_call", "id": "ws_3", "status": "completed"},
    ]
    said = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    response = {"id": "r", "object": "response", "status": "completed", "output": calls, "usage": said}
    for odd in ({}, {"model": 5}):
        body = json.dumps({**response, **odd})
        event = f'event: response.completed\ndata: {{"type":"response.completed","response":{body}}}\n\n'.encode()
        tap, reader = openai_responses.tap(hide_usage=False), openai_responses.reader()
        tap.feed(event)
        reader.feed(event)
        found = [openai_responses.sniff(body.encode()).usage, openai_responses.read_reply(body.encode()).usage]
        assert [*found, tap.usage, reader.usage] == [Usage(1, 2, searches=2)] * 4
