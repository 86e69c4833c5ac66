"""The official OpenAI SDK, unchanged but for base URL and key, against every kind of upstream."""

import json
from typing import Any

import openai
import pytest

from tests.e2e.processes import Gateway
from tests.e2e.test_responses_sdk import PNG

pytestmark = pytest.mark.xdist_group("e2e")

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
PERSON: Any = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
            "required": ["name", "age"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture
def client(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.first_key, max_retries=0)


def ask(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def test_plain(client: openai.OpenAI, gateway: Gateway, model: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model=model, messages=ask("hello"), max_tokens=50)
    answer = raw.parse()
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage and answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0
    assert raw.headers["x-headgate-model"] == model
    assert float(raw.headers["x-headgate-cost"]) > 0
    record = gateway.trace(raw.headers["x-request-id"])
    assert json.dumps(record).count(raw.headers["x-request-id"]) >= 1


def test_stream(client: openai.OpenAI, model: str) -> None:
    stream = client.chat.completions.create(
        model=model, messages=ask("hello"), stream=True, stream_options={"include_usage": True}, max_tokens=50
    )
    text, finish, usage = "", None, None
    for chunk in stream:
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
        usage = chunk.usage or usage
    assert text and finish == "stop" and usage and usage.completion_tokens > 0


def test_a_stream_without_asking_for_usage_shows_none(client: openai.OpenAI, model: str) -> None:
    chunks = list(client.chat.completions.create(model=model, messages=ask("hello"), stream=True, max_tokens=50))
    assert all(chunk.choices for chunk in chunks), "a usage-only chunk the caller did not ask for"


def test_a_tool_round_trip(client: openai.OpenAI, model: str) -> None:
    messages = ask("What is the weather in Paris?")
    first = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER], max_tokens=200)
    calls = first.choices[0].message.tool_calls
    assert first.choices[0].finish_reason == "tool_calls" and calls
    assert calls[0].type == "function" and calls[0].function.name == "get_weather"
    assert isinstance(json.loads(calls[0].function.arguments)["city"], str)
    messages.append(first.choices[0].message.model_dump(exclude_none=True))
    messages += [{"role": "tool", "tool_call_id": call.id, "content": '{"degrees": 21}'} for call in calls]
    second = client.chat.completions.create(model=model, messages=messages, tools=[WEATHER], max_tokens=200)
    assert second.choices[0].finish_reason == "stop" and second.choices[0].message.content


def test_parallel_tools_streamed(client: openai.OpenAI, model: str) -> None:
    stream = client.chat.completions.create(
        model=model,
        messages=ask("What is the weather in Paris and Rome?"),
        tools=[WEATHER],
        stream=True,
        max_tokens=200,
    )
    calls: dict[int, dict[str, str]] = {}
    finish = None
    for chunk in stream:
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for delta in choice.delta.tool_calls or []:
                call = calls.setdefault(delta.index, {"id": "", "name": "", "arguments": ""})
                call["id"] += delta.id or ""
                if delta.function:
                    call["name"] += delta.function.name or ""
                    call["arguments"] += delta.function.arguments or ""
    assert finish == "tool_calls"
    assert len(calls) == 2 and len({call["id"] for call in calls.values()}) == 2
    assert all(call["name"] == "get_weather" and "city" in json.loads(call["arguments"]) for call in calls.values())


def test_json_schema(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(
        model=model, messages=ask("Give me a person as JSON"), response_format=PERSON, max_tokens=200
    )
    person = json.loads(answer.choices[0].message.content or "")
    assert isinstance(person["name"], str) and isinstance(person["age"], int)


def test_image(client: openai.OpenAI, model: str) -> None:
    picture: Any = {"type": "image_url", "image_url": {"url": PNG}}
    parts: list[Any] = [{"type": "text", "text": "hello, what is in this picture?"}, picture]
    answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": parts}], max_tokens=50)
    assert answer.choices[0].message.content


@pytest.mark.parametrize("name", ["sandbox/embed", "mock/text-embedding-3-small"])
def test_embeddings(client: openai.OpenAI, name: str) -> None:
    answer = client.embeddings.create(model=name, input=["one", "two"])
    assert len(answer.data) == 2 and len(answer.data[0].embedding) > 10


def test_models(client: openai.OpenAI) -> None:
    names = {listed.id for listed in client.models.list()}
    assert {"sandbox/chat", "sandbox/embed", "mock/gpt-4o", "claude/claude-x", "fast"} <= names
    assert client.models.retrieve("mock/gpt-4o").id == "mock/gpt-4o"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("mock/none-such-model-listed")


def test_unknown_model(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="nothing/here", messages=ask("hello"))
    assert refused.value.code == "model_not_found" and refused.value.param == "model"


def test_wrong_key(gateway: Gateway) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="hg_wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError) as refused:
        client.chat.completions.create(model="sandbox/chat", messages=ask("hello"))
    assert refused.value.code == "invalid_api_key"


def test_bad_request_names_the_field(client: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=model, messages=[])
    assert refused.value.param == "messages"


def test_own_rate_limit(gateway: Gateway) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key("rpm", "--rpm", "1"), max_retries=0)
    client.chat.completions.create(model="sandbox/chat", messages=ask("hello"))
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="sandbox/chat", messages=ask("hello"))
    assert refused.value.code == "rate_limit_exceeded"
    assert int(refused.value.response.headers["retry-after"]) >= 1


@pytest.mark.parametrize("name", ["mock/gpt-4o", "claude/claude-x"])
def test_upstream_errors(client: openai.OpenAI, name: str) -> None:
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=name, messages=ask("boom 400"), max_tokens=10)
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model=name, messages=ask("boom 429"), max_tokens=10)
    assert refused.value.code == "upstream_rate_limited"


@pytest.mark.parametrize("name", ["claude/claude-x"])
def test_what_the_target_has_no_word_for_is_refused_by_name(client: openai.OpenAI, name: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=name, messages=ask("hello"), n=2)
    assert refused.value.code == "unsupported_parameter" and refused.value.param == "n"
    raw = client.chat.completions.with_raw_response.create(
        model=name, messages=ask("hello"), seed=7, extra_headers={"x-headgate-on-unsupported": "drop"}
    )
    assert raw.headers["x-headgate-dropped"] == "seed"
    assert raw.headers["x-headgate-defaulted"].startswith("max_tokens=")
