"""Ollama: its official SDK checks our double and goes through the gateway to it; then the SDKs of others do."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import ollama
import openai
import pytest

from tests.e2e.doubles import GREETING, PERSON, Ollama, swept
from tests.e2e.processes import Gateway

pytestmark = [
    pytest.mark.xdist_group("e2e-ollama"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # the vendor's client has no way to be closed
]
MODEL = "qwen"
CONFIG = """
providers:
  local: {{kind: ollama, base_url: "{url}"}}
models:
  local/qwen: {{context: 16384}}
"""
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"type": "function", "function": {"name": "get_weather", "description": "d", "parameters": PARAMETERS}}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n1234").decode()


@pytest.fixture(autouse=True)
def sweep() -> Iterator[None]:
    with swept():
        yield


@pytest.fixture(scope="module")
def double() -> Iterator[Ollama]:
    with Ollama() as double:
        yield double


@pytest.fixture(scope="module")
def gateway(double: Ollama, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("home"), config=CONFIG.format(url=double.url)).start()
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture(params=["direct", "passthrough"])
def client(request: pytest.FixtureRequest, double: Ollama, gateway: Gateway) -> ollama.Client:
    if request.param == "direct":
        return ollama.Client(double.url)
    headers = {"Authorization": f"Bearer {gateway.first_key}"}
    return ollama.Client(f"{gateway.url}/passthrough/local", headers=headers)


def ask(text: Any) -> list[Any]:
    return [{"role": "user", "content": text}]


def test_the_vendor_text(client: ollama.Client) -> None:
    reply = client.chat(MODEL, ask("hello"))
    assert reply.message.content == GREETING and (reply.prompt_eval_count, reply.eval_count) == (9, 8)


def test_the_vendor_stream(client: ollama.Client) -> None:
    parts = list(client.chat(MODEL, ask("hello"), stream=True, think="low"))
    assert "".join(part.message.content or "" for part in parts) == GREETING
    assert "".join(part.message.thinking or "" for part in parts) == "Let me think."
    assert parts[-1].done and parts[-1].eval_count == 8


def test_the_vendor_tools(client: ollama.Client) -> None:
    messages = ask("weather in Paris and Rome")
    parts = list(client.chat(MODEL, messages, tools=[WEATHER], stream=True))
    assert sum(len(part.message.tool_calls or ()) for part in parts) == 2
    first = client.chat(MODEL, messages, tools=[WEATHER])
    calls = first.message.tool_calls or []
    assert [call.function.arguments for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]
    messages += [
        first.message,
        *({"role": "tool", "tool_name": c.function.name, "content": "21 degrees"} for c in calls),
    ]
    assert client.chat(MODEL, messages, tools=[WEATHER]).message.content == "It is 21 degrees and 21 degrees."


def test_the_vendor_json_images_and_embeddings(client: ollama.Client) -> None:
    assert client.chat(MODEL, ask("x"), format=SCHEMA).message.content == PERSON
    picture = [{"role": "user", "content": "see", "images": [PNG]}]
    assert client.chat(MODEL, picture).message.content == "I see 12 bytes."
    assert client.embed(MODEL, ["a", "bc"]).embeddings == [[0.5, 1.0], [0.5, 2.0]]


def test_the_vendor_errors(client: ollama.Client) -> None:
    for text, status in (("boom 400", 400), ("boom 429", 429)):
        with pytest.raises(ollama.ResponseError) as refused:
            client.chat(MODEL, ask(text))
        assert refused.value.status_code == status
    with pytest.raises(ollama.ResponseError, match="died"):
        list(client.chat("failing", ask("please fail"), stream=True))


def test_openai_text_usage_and_context(chat: openai.OpenAI, gateway: Gateway, double: Ollama) -> None:
    raw = chat.chat.completions.with_raw_response.create(model="local/qwen", messages=ask("hello"), max_tokens=9)
    reply = raw.parse()
    assert reply.choices[0].message.content == GREETING and reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None and (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (9, 8)
    assert double.asked[-1].json["options"] == {"num_predict": 9, "num_ctx": 16384}
    assert raw.headers["x-headgate-defaulted"] == "options.num_ctx=16384" and raw.headers["x-headgate-cost"] == "0"
    gateway.trace(raw.headers["x-request-id"])


def test_openai_stream(chat: openai.OpenAI) -> None:
    options: Any = {"include_usage": True}
    chunks = list(
        chat.chat.completions.create(
            model="local/qwen", messages=ask("hello"), reasoning_effort="high", stream=True, stream_options=options
        )
    )
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == GREETING
    assert "".join(getattr(c.choices[0].delta, "reasoning", None) or "" for c in chunks if c.choices) == "Let me think."
    assert chunks[-1].usage is not None and chunks[-1].usage.total_tokens == 17


def test_openai_tools_and_their_thought(chat: openai.OpenAI, double: Ollama) -> None:
    messages = ask("weather in Paris and Rome")
    first = chat.chat.completions.create(model="local/qwen", messages=messages, tools=[WEATHER], reasoning_effort="low")
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls" and message.tool_calls is not None
    assert [json.loads(call.function.arguments) for call in message.tool_calls] == [{"city": "Paris"}, {"city": "Rome"}]  # type: ignore[union-attr]
    answers = [{"role": "tool", "tool_call_id": call.id, "content": "21 degrees"} for call in message.tool_calls]
    messages += [message.model_dump(exclude_none=True), *answers]
    second = chat.chat.completions.create(model="local/qwen", messages=messages, tools=[WEATHER])
    assert second.choices[0].message.content == "It is 21 degrees and 21 degrees."
    assert double.asked[-1].json["messages"][1]["thinking"] == "Let me think."
    assert double.asked[-1].json["messages"][2]["tool_name"] == "get_weather"


def test_openai_json_images_and_embeddings(chat: openai.OpenAI) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
    reply = chat.chat.completions.create(model="local/qwen", messages=ask("a person"), response_format=form)
    assert json.loads(reply.choices[0].message.content or "")["age"] == 36
    picture = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
    reply = chat.chat.completions.create(model="local/qwen", messages=ask(picture))
    assert reply.choices[0].message.content == "I see 12 bytes."
    vectors = chat.embeddings.create(model="local/qwen", input=["a", "bc"])
    assert [one.embedding for one in vectors.data] == [[0.5, 1.0], [0.5, 2.0]] and vectors.usage.prompt_tokens == 3


def test_openai_errors(chat: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        chat.chat.completions.create(model="local/qwen", messages=ask("hello"), tools=[WEATHER], tool_choice="required")
    assert refused.value.param == "tool_choice"
    with pytest.raises(openai.BadRequestError, match="boom, 400"):
        chat.chat.completions.create(model="local/qwen", messages=ask("boom 400"))
    with pytest.raises(openai.InternalServerError, match="not found"):
        chat.chat.completions.create(model="local/missing", messages=ask("hello"))
    for text in ("please fail", "please cut"):
        with pytest.raises(openai.APIError):
            list(chat.chat.completions.create(model="local/failing", messages=ask(text), stream=True))


def test_anthropic_tools_streamed(gateway: Gateway) -> None:
    tool: Any = {"name": "get_weather", "description": "d", "input_schema": PARAMETERS}
    messages = ask("weather in Paris and Rome")
    with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.first_key, max_retries=0) as claude:
        with claude.messages.stream(model="local/qwen", max_tokens=99, messages=messages, tools=[tool]) as stream:
            first = stream.get_final_message()
        calls = [block for block in first.content if block.type == "tool_use"]
        assert first.stop_reason == "tool_use" and [call.input for call in calls] == [
            {"city": "Paris"},
            {"city": "Rome"},
        ]
        messages.append(
            {"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]}
        )
        results = [{"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"} for call in calls]
        messages.append({"role": "user", "content": results})
        second = claude.messages.create(model="local/qwen", max_tokens=99, messages=messages, tools=[tool])
        assert second.stop_reason == "end_turn" and second.content[0].type == "text"
        with pytest.raises(anthropic.RateLimitError):
            claude.messages.create(model="local/qwen", max_tokens=9, messages=ask("boom 429"))
