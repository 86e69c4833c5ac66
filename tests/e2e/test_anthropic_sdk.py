"""The official Anthropic SDK, unchanged but for base URL and key, against every kind of upstream."""

import json
from typing import Any

import anthropic
import pytest

from tests.e2e.processes import Gateway
from tests.e2e.test_responses_sdk import PNG

pytestmark = pytest.mark.xdist_group("e2e")

WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture
def client(gateway: Gateway) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.url, api_key=gateway.first_key, max_retries=0)


def ask(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def text_of(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_plain(client: anthropic.Anthropic, gateway: Gateway, model: str) -> None:
    raw = client.messages.with_raw_response.create(model=model, max_tokens=100, messages=ask("hello"))
    message = raw.parse()
    assert text_of(message) and message.stop_reason == "end_turn" and message.role == "assistant"
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0
    assert raw.headers["x-headgate-model"] == model
    gateway.trace(raw.headers["x-request-id"])


def test_system_and_stop(client: anthropic.Anthropic, model: str) -> None:
    asked: Any = {"model": model, "max_tokens": 100, "system": "Be brief.", "messages": ask("hello")}
    if model.startswith("responses/"):  # that API has no such parameter
        with pytest.raises(anthropic.BadRequestError, match="stop_sequences"):
            client.messages.create(**asked, stop_sequences=["ZZZ"])
        return
    assert text_of(client.messages.create(**asked, stop_sequences=["ZZZ"]))


def test_stream(client: anthropic.Anthropic, model: str) -> None:
    with client.messages.stream(model=model, max_tokens=100, messages=ask("hello")) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text and text == text_of(final)
    assert final.stop_reason == "end_turn" and final.usage.output_tokens > 0


def test_a_tool_round_trip(client: anthropic.Anthropic, model: str) -> None:
    messages = ask("What is the weather in Paris?")
    first = client.messages.create(model=model, max_tokens=200, messages=messages, tools=[WEATHER])
    calls = [block for block in first.content if block.type == "tool_use"]
    assert first.stop_reason == "tool_use" and calls
    assert calls[0].name == "get_weather" and isinstance(calls[0].input, dict) and "city" in calls[0].input
    messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]})
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"} for call in calls]
    messages.append({"role": "user", "content": results})
    second = client.messages.create(model=model, max_tokens=200, messages=messages, tools=[WEATHER])
    assert second.stop_reason == "end_turn" and text_of(second)


def test_parallel_tools_streamed(client: anthropic.Anthropic, model: str) -> None:
    with client.messages.stream(
        model=model, max_tokens=300, messages=ask("What is the weather in Paris and Rome?"), tools=[WEATHER]
    ) as stream:
        final = stream.get_final_message()
    calls = [block for block in final.content if block.type == "tool_use"]
    assert final.stop_reason == "tool_use" and len(calls) == 2 and len({call.id for call in calls}) == 2
    assert all(isinstance(call.input, dict) and "city" in call.input for call in calls)


def test_json_schema(client: anthropic.Anthropic, model: str) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    message = client.messages.create(
        model=model,
        max_tokens=200,
        messages=ask("Give me a person as JSON"),
        output_config={"format": {"type": "json_schema", "schema": schema}},
    )
    person = json.loads(text_of(message))
    assert isinstance(person["name"], str) and isinstance(person["age"], int)


def test_image(client: anthropic.Anthropic, model: str) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PNG.partition(",")[2]}
    picture: Any = {"type": "image", "source": source}
    parts: list[Any] = [picture, {"type": "text", "text": "hello, what is in this picture?"}]
    message = client.messages.create(model=model, max_tokens=50, messages=[{"role": "user", "content": parts}])
    assert text_of(message) and message.stop_reason == "end_turn"


def test_count_tokens(client: anthropic.Anthropic, gateway: Gateway) -> None:
    short = client.messages.count_tokens(model="sandbox/chat", messages=ask("hello")).input_tokens
    long = client.messages.count_tokens(model="sandbox/chat", messages=ask("hello " * 100)).input_tokens
    assert 0 < short < 20 and 90 < long < 200


def test_models(client: anthropic.Anthropic) -> None:
    names = {listed.id for listed in client.models.list()}
    assert {"sandbox/chat", "claude/claude-x"} <= names
    assert client.models.retrieve("claude/claude-x").id == "claude/claude-x"


def test_unknown_model(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as refused:
        client.messages.create(model="nothing/here", max_tokens=10, messages=ask("hello"))
    assert refused.value.type == "not_found_error"


def test_wrong_key(gateway: Gateway) -> None:
    client = anthropic.Anthropic(base_url=gateway.url, api_key="hg_wrong", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError):
        client.messages.create(model="sandbox/chat", max_tokens=10, messages=ask("hello"))


def test_bad_request_names_the_field(client: anthropic.Anthropic, model: str) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model=model, max_tokens=0 - 1, messages=ask("hello"))
    assert isinstance(refused.value.body, dict) and refused.value.body["error"]["param"] == "max_tokens"


def test_own_rate_limit(gateway: Gateway) -> None:
    client = anthropic.Anthropic(base_url=gateway.url, api_key=gateway.key("rpm-a", "--rpm", "1"), max_retries=0)
    client.messages.create(model="sandbox/chat", max_tokens=10, messages=ask("hello"))
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(model="sandbox/chat", max_tokens=10, messages=ask("hello"))


@pytest.mark.parametrize("name", ["mock/gpt-4o", "claude/claude-x"])
def test_upstream_errors(client: anthropic.Anthropic, name: str) -> None:
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(model=name, max_tokens=10, messages=ask("boom 400"))
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(model=name, max_tokens=10, messages=ask("boom 429"))
