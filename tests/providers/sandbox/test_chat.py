"""What the sandbox answers, in OpenAI's form, whole and streamed."""

import json
from typing import Any

import pytest

from headgate.providers.sandbox.pieces import count, pieces
from tests.providers.sandbox.conftest import SUM, WEATHER, Ask, tool, user


async def test_a_whole_answer_has_openais_shape(ask: Ask) -> None:
    status, reply = await ask(messages=user("What is the capital of France?"))
    assert status == 200
    assert list(reply) == ["id", "created", "model", "object", "choices", "usage", "system_fingerprint"]
    assert reply["id"].startswith("chatcmpl-")
    assert (reply["object"], reply["created"], reply["model"]) == ("chat.completion", 1_800_000_000, "chat")
    (choice,) = reply["choices"]
    assert (choice["index"], choice["finish_reason"], choice["message"]["role"]) == (0, "stop", "assistant")
    text = choice["message"]["content"]
    assert "What is the capital of France?" in text
    usage = reply["usage"]
    assert usage["completion_tokens"] == count(text)
    assert usage["prompt_tokens"] == 3 + 4 + count("What is the capital of France?")
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


async def test_the_same_request_gets_the_same_answer_and_another_seed_another_id(ask: Ask) -> None:
    one, two = await ask(seed=7), await ask(seed=7)
    assert one == two
    assert (await ask(seed=8))[1]["id"] != one[1]["id"]
    assert (await ask())[1] == (await ask())[1]
    assert (await ask(messages=user("Hi")))[1]["id"] != (await ask())[1]["id"]
    texts = {(await ask(seed=seed))[1]["choices"][0]["message"]["content"] for seed in range(40)}
    assert len(texts) > 3


async def test_a_stream_says_the_same_as_a_whole_answer(ask: Ask) -> None:
    _, whole = await ask()
    _, stream = await ask(stream=True, stream_options={"include_usage": True})
    *chunks, last, done = stream
    assert done == "[DONE]"
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert all(chunk["object"] == "chat.completion.chunk" and chunk["usage"] is None for chunk in chunks)
    assert {chunk["id"] for chunk in stream[:-1]} == {whole["id"]}
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert text == whole["choices"][0]["message"]["content"]
    assert [c["choices"][0]["finish_reason"] for c in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert (last["choices"], last["usage"]) == ([], whole["usage"])
    assert len(chunks) == 2 + whole["usage"]["completion_tokens"]


async def test_a_stream_without_usage_has_none(ask: Ask) -> None:
    _, stream = await ask(stream=True)
    assert stream[-1] == "[DONE]"
    assert all("usage" not in chunk and chunk["choices"] for chunk in stream[:-1])


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_the_output_limit_is_kept(ask: Ask, field: str) -> None:
    _, reply = await ask(**{field: 3})
    _, full = await ask()
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 3
    assert full["choices"][0]["message"]["content"].startswith(reply["choices"][0]["message"]["content"])
    _, stream = await ask(stream=True, **{field: 3})
    assert len(stream) == 1 + 3 + 1 + 1
    assert stream[-2]["choices"][0]["finish_reason"] == "length"


async def test_stop_ends_the_text(ask: Ask) -> None:
    _, reply = await ask(metadata={"sandbox_text": "one two three"}, stop=["three", "two"])
    assert reply["choices"][0]["message"]["content"] == "one "
    assert reply["choices"][0]["finish_reason"] == "stop"
    assert reply["usage"]["completion_tokens"] == 2


async def test_several_choices(ask: Ask) -> None:
    _, reply = await ask(n=3)
    assert [choice["index"] for choice in reply["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in reply["choices"]}) > 1
    _, stream = await ask(n=3, stream=True)
    ends = [c["choices"][0]["index"] for c in stream[:-1] if c["choices"][0]["finish_reason"]]
    assert ends == [0, 1, 2]


async def test_it_says_what_it_is_told_to(ask: Ask) -> None:
    for prompt in ("Say pong", 'Reply with "pong"', "echo pong"):
        assert (await ask(messages=user(prompt)))[1]["choices"][0]["message"]["content"] == "pong"


async def test_parts_and_odd_text_are_read(ask: Ask) -> None:
    parts = [
        {"type": "text", "text": "Look: 数\u0000😀"},
        {"type": "image_url", "image_url": {"url": "https://h/i.png"}},
    ]
    status, reply = await ask(messages=[{"role": "user", "content": parts}])
    assert status == 200
    assert "Look: 数" in reply["choices"][0]["message"]["content"]
    for text in ("Be brief.", "half a pair: \ud800"):
        assert (await ask(messages=[{"role": "system", "content": text}]))[0] == 200


async def test_a_long_prompt_is_counted_and_not_repeated(ask: Ask) -> None:
    text = "word " * 50_000
    _, reply = await ask(messages=user(text))
    assert len(reply["choices"][0]["message"]["content"]) < 500
    assert len(text) / 6 < reply["usage"]["prompt_tokens"] < len(text) / 3


def test_pieces_are_the_whole_text() -> None:
    for text in ("", " ", "a  b\n\n c_d", "internationalization", "数字123 — «x»!?", "\u0000\u2028_"):
        assert "".join(pieces(text)) == text


async def calls_for(ask: Ask, text: str, **body: Any) -> list[tuple[str, Any]]:
    _, reply = await ask(messages=user(text), **{"tools": [SUM, WEATHER], **body})
    (choice,) = reply["choices"]
    calls = choice["message"].get("tool_calls")
    if calls is None:
        return []
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert len({call["id"] for call in calls}) == len(calls)
    assert all(call["type"] == "function" and call["id"].startswith("call_") for call in calls)
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


async def test_the_tool_that_fits_is_called(ask: Ask) -> None:
    ((name, arguments),) = await calls_for(ask, "What is the weather in Paris in fahrenheit?")
    assert (name, arguments) == ("get_weather", {"city": "Paris", "unit": "fahrenheit"})
    assert await calls_for(ask, "Please calculate 12*(3+4)") == [("calculate", {"expression": "12*(3+4)"})]


async def test_several_are_called_at_once_where_the_text_asks(ask: Ask) -> None:
    two = await calls_for(ask, "What is the weather in Paris and in New York?")
    assert [arguments["city"] for _, arguments in two] == ["Paris", "New York"]
    both = await calls_for(ask, "Use get_weather for Rome, then calculate 1+1.")
    assert {name for name, _ in both} == {"get_weather", "calculate"}
    one = await calls_for(ask, "What is the weather in Paris and in New York?", parallel_tool_calls=False)
    assert len(one) == 1


async def test_the_tool_choice_is_honoured(ask: Ask) -> None:
    text = "What is the weather in Paris?"
    assert await calls_for(ask, text, tool_choice="none") == []
    assert (await calls_for(ask, "Hello", tool_choice="required"))[0][0] in ("calculate", "get_weather")
    named = {"type": "function", "function": {"name": "calculate"}}
    assert [name for name, _ in await calls_for(ask, text, tool_choice=named)] == ["calculate"]
    status, reply = await ask(tools=[SUM], tool_choice={"type": "function", "function": {"name": "nope"}})
    assert (status, reply["error"]["param"]) == (400, "tool_choice")


async def test_results_are_answered_in_words(ask: Ask) -> None:
    called = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
    messages = [
        *user("Weather in Paris and Rome?"),
        {"role": "assistant", "content": None, "tool_calls": [called, {**called, "id": "call_2"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "18 degrees"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "24 degrees"}]},
    ]
    _, reply = await ask(messages=messages, tools=[WEATHER])
    (choice,) = reply["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == "Here is what the tools returned: 18 degrees; 24 degrees."


async def test_tool_calls_stream_in_pieces(ask: Ask) -> None:
    text = "What is the weather in Paris and in New York?"
    _, whole = await ask(messages=user(text), tools=[WEATHER])
    _, stream = await ask(messages=user(text), tools=[WEATHER], stream=True)
    made: dict[int, dict[str, str]] = {}
    for chunk in stream[:-1]:
        for delta in chunk["choices"][0]["delta"].get("tool_calls", ()):
            call = made.setdefault(delta["index"], {"id": delta.get("id", ""), "arguments": ""})
            call["arguments"] += delta["function"]["arguments"]
    expected = whole["choices"][0]["message"]["tool_calls"]
    assert [made[0], made[1]] == [{"id": c["id"], "arguments": c["function"]["arguments"]} for c in expected]
    assert stream[-2]["choices"][0]["finish_reason"] == "tool_calls"


async def test_arguments_may_be_cut_by_the_limit(ask: Ask) -> None:
    _, reply = await ask(messages=user("Weather in Paris"), tools=[WEATHER], max_tokens=6)
    (choice,) = reply["choices"]
    assert (choice["finish_reason"], reply["usage"]["completion_tokens"]) == ("length", 6)
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])


async def test_a_tool_without_parameters_is_called_with_none(ask: Ask) -> None:
    assert await calls_for(ask, "ping", tools=[tool("ping")]) == [("ping", {})]


async def test_json_is_made_where_it_is_asked_for(ask: Ask) -> None:
    _, reply = await ask(response_format={"type": "json_object"})
    assert isinstance(json.loads(reply["choices"][0]["message"]["content"]), dict)
    schema = {"type": "object", "properties": {"age": {"type": "integer"}, "name": {"type": "string"}}}
    form = {"type": "json_schema", "json_schema": {"name": "person", "strict": True, "schema": schema}}
    _, reply = await ask(messages=user("Describe Ada Lovelace, aged 36."), response_format=form)
    assert json.loads(reply["choices"][0]["message"]["content"]) == {"age": 36, "name": "Ada Lovelace"}


async def test_a_schema_that_nothing_fits_is_refused(ask: Ask) -> None:
    form = {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "integer", "minimum": 2, "maximum": 1}},
    }
    status, reply = await ask(response_format=form)
    assert status == 400
    assert reply["error"]["param"] == "response_format.json_schema.schema"
    status, reply = await ask(tools=[tool("t", {"properties": 5})])
    assert (status, reply["error"]["param"]) == (400, "tools")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": -1}, "max_completion_tokens"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
    ],
)
async def test_a_bad_request_is_400_and_names_the_field(ask: Ask, body: dict[str, Any], param: str) -> None:
    status, reply = await ask(**body)
    assert status == 400
    assert (reply["error"]["type"], reply["error"]["param"]) == ("invalid_request_error", param)
    assert reply["error"]["message"]
