"""Cohere: its official SDK checks our double and goes through the gateway to it; then the SDKs of others do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import cohere
import httpx
import openai
import pytest

from tests.e2e.doubles import GREETING, PERSON, Cohere, swept
from tests.e2e.processes import Gateway

pytestmark = [
    pytest.mark.xdist_group("e2e-cohere"),
    pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated"),  # within the vendor's SDK
]
MODEL = "command-x"
CONFIG = """
providers:
  co: {{kind: cohere, base_url: "{url}", api_key: "co-key"}}
  wrong: {{kind: cohere, base_url: "{url}", api_key: "other"}}
models:
  co/command-x: {{price: {{input: 1.00, output: 2.00}}, context: 128000, reasoning: true}}
  co/rerank-x: {{price: {{search: 0.002}}}}
  co/embed-x: {{price: {{input: 0.10}}}}
"""
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {"type": "function", "function": {"name": "get_weather", "description": "d", "parameters": PARAMETERS}}
PNG = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture(autouse=True)
def sweep() -> Iterator[None]:
    with swept():
        yield


@pytest.fixture(scope="module")
def double() -> Iterator[Cohere]:
    with Cohere() as double:
        yield double


@pytest.fixture(scope="module")
def gateway(double: Cohere, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("home"), config=CONFIG.format(url=double.url)).start()
    yield gateway
    assert gateway.stop() == 0


@contextmanager
def vendor(key: str, url: str) -> Iterator[cohere.ClientV2]:
    with httpx.Client(timeout=20) as http:
        yield cohere.ClientV2(api_key=key, base_url=url, httpx_client=http)


@pytest.fixture(params=["direct", "passthrough"])
def client(request: pytest.FixtureRequest, double: Cohere, gateway: Gateway) -> Iterator[cohere.ClientV2]:
    direct = request.param == "direct"
    key, url = (Cohere.KEY, double.url) if direct else (gateway.first_key, f"{gateway.url}/passthrough/co")
    with vendor(key, url) as client:
        yield client


def ask(text: Any) -> list[Any]:
    return [{"role": "user", "content": text}]


def text_of(content: Any) -> str:
    return "".join(block.text for block in content or () if block.type == "text")


def test_the_vendor_text(client: cohere.ClientV2) -> None:
    reply = client.chat(model=MODEL, messages=ask("hello"))
    assert text_of(reply.message.content) == GREETING and reply.finish_reason == "COMPLETE"
    assert (
        reply.usage is not None and reply.usage.billed_units is not None and reply.usage.billed_units.input_tokens == 9
    )


def test_the_vendor_stream(client: cohere.ClientV2) -> None:
    events: list[Any] = list(client.chat_stream(model=MODEL, messages=ask("hello"), thinking={"type": "enabled"}))  # type: ignore[arg-type]
    deltas = [event.delta.message.content for event in events if event.type == "content-delta"]
    assert "".join(one.text or "" for one in deltas) == GREETING
    assert "".join(one.thinking or "" for one in deltas) == "Let me think."
    assert events[0].type == "message-start" and events[-1].type == "message-end"
    assert events[-1].delta.finish_reason == "COMPLETE"


def test_the_vendor_tools(client: cohere.ClientV2) -> None:
    messages = ask("weather in Paris and Rome")
    events: list[Any] = list(client.chat_stream(model=MODEL, messages=messages, tools=[WEATHER]))
    assert sum(event.type == "tool-call-start" for event in events) == 2
    first = client.chat(model=MODEL, messages=messages, tools=[WEATHER])
    calls = first.message.tool_calls or []
    assert first.finish_reason == "TOOL_CALL" and first.message.tool_plan and len(calls) == 2
    messages.append(first.message)
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "21 degrees"} for call in calls]
    second = client.chat(model=MODEL, messages=messages, tools=[WEATHER])
    assert text_of(second.message.content) == "It is 21 degrees and 21 degrees." and second.message.citations


def test_the_vendor_json_and_images(client: cohere.ClientV2) -> None:
    form: Any = {"type": "json_object", "json_schema": SCHEMA}
    assert text_of(client.chat(model=MODEL, messages=ask("x"), response_format=form).message.content) == PERSON
    picture = ask([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": PNG}}])
    assert text_of(client.chat(model=MODEL, messages=picture).message.content) == "I see 1 image."


def test_the_vendor_tasks(client: cohere.ClientV2) -> None:
    vectors = client.embed(model="embed-x", input_type="search_query", texts=["a", "bc"], embedding_types=["float"])
    assert vectors.embeddings.float_ == [[0.5, 1.0], [0.5, 2.0]]
    ranked = client.rerank(model="rerank-x", query="q", documents=["a", "bc"], top_n=1)
    assert [one.index for one in ranked.results] == [1]


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # sockets of refused calls go with their exceptions
def test_the_vendor_errors(client: cohere.ClientV2, double: Cohere, gateway: Gateway) -> None:
    once: Any = {"max_retries": 0}
    with pytest.raises(cohere.BadRequestError):
        client.chat(model=MODEL, messages=ask("boom 400"), request_options=once)
    with pytest.raises(cohere.TooManyRequestsError):
        client.chat(model=MODEL, messages=ask("boom 429"), request_options=once)
    for url in (double.url, f"{gateway.url}/passthrough/co"):
        with pytest.raises(cohere.UnauthorizedError):
            cohere.ClientV2(api_key="wrong", base_url=url).chat(
                model=MODEL, messages=ask("hello"), request_options=once
            )


def test_openai_text_and_usage(chat: openai.OpenAI, gateway: Gateway) -> None:
    raw = chat.chat.completions.with_raw_response.create(model="co/command-x", messages=ask("hello"), user="u")
    reply = raw.parse()
    assert reply.choices[0].message.content == GREETING and reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None and (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (9, 8)
    assert reply.model == "command-x" and raw.headers["x-headgate-dropped"] == "user"
    assert raw.headers["x-headgate-cost"] == "0.000025"
    gateway.trace(raw.headers["x-request-id"])


def test_openai_stream(chat: openai.OpenAI) -> None:
    stream = chat.chat.completions.create(
        model="co/command-x",
        messages=ask("hello"),
        reasoning_effort="low",
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == GREETING
    assert "".join(getattr(c.choices[0].delta, "reasoning", None) or "" for c in chunks if c.choices) == "Let me think."
    assert chunks[-1].usage is not None and chunks[-1].usage.total_tokens == 17 and chunks[0].model == "command-x"


def test_openai_tools_and_their_plan(chat: openai.OpenAI, double: Cohere) -> None:
    messages = ask("weather in Paris and Rome")
    first = chat.chat.completions.create(
        model="co/command-x", messages=messages, tools=[WEATHER], tool_choice="required"
    )
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls" and message.tool_calls is not None
    assert double.asked[-1].json["tool_choice"] == "REQUIRED"
    answers = [{"role": "tool", "tool_call_id": call.id, "content": "21 degrees"} for call in message.tool_calls]
    messages += [message.model_dump(exclude_none=True), *answers]
    second = chat.chat.completions.create(model="co/command-x", messages=messages, tools=[WEATHER])
    assert second.choices[0].message.content == "It is 21 degrees and 21 degrees."
    assert double.asked[-1].json["messages"][1]["tool_plan"] == "I will look up the weather."


def test_openai_json_and_images(chat: openai.OpenAI) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
    reply = chat.chat.completions.create(model="co/command-x", messages=ask("a person"), response_format=form)
    assert json.loads(reply.choices[0].message.content or "")["age"] == 36
    picture = ask([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": PNG}}])
    reply = chat.chat.completions.create(model="co/command-x", messages=picture)
    assert reply.choices[0].message.content == "I see 1 image."


def test_openai_errors(chat: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        chat.chat.completions.create(model="co/command-x", messages=ask("hello"), n=2)
    assert refused.value.param == "n"
    with pytest.raises(openai.BadRequestError, match="boom, 400"):
        chat.chat.completions.create(model="co/command-x", messages=ask("boom 400"))
    with pytest.raises(openai.RateLimitError):
        chat.chat.completions.create(model="co/command-x", messages=ask("boom 429"))
    for name, text in (("wrong/command-x", "hello"), ("co/command-x", "boom 498")):
        with pytest.raises(openai.InternalServerError) as failed:
            chat.chat.completions.create(model=name, messages=ask(text))
        assert failed.value.code == "upstream_auth_error"
    for text in ("please fail", "please cut"):
        with pytest.raises(openai.APIError):
            list(chat.chat.completions.create(model="co/command-x", messages=ask(text), stream=True))


def test_openai_embeddings(chat: openai.OpenAI) -> None:
    raw = chat.embeddings.with_raw_response.create(model="co/embed-x", input=["a", "bc"])
    reply = raw.parse()
    assert [one.embedding for one in reply.data] == [[0.5, 1.0], [0.5, 2.0]]
    assert raw.headers["x-headgate-defaulted"] == "input_type=search_document" and reply.usage.prompt_tokens == 3


def test_reranking(gateway: Gateway) -> None:
    answer = httpx.post(
        f"{gateway.url}/v1/rerank",
        headers={"authorization": f"Bearer {gateway.first_key}"},
        json={"model": "co/rerank-x", "query": "q", "documents": ["a", {"text": "bc"}], "return_documents": True},
    )
    body = answer.json()
    assert [(one["index"], one["document"]["text"]) for one in body["results"]] == [(1, "bc"), (0, "a")]
    assert body["meta"]["billed_units"]["search_units"] == 1 and answer.headers["x-headgate-cost"] == "0.002"


def test_anthropic_tools_streamed(claude: anthropic.Anthropic) -> None:
    tool: Any = {"name": "get_weather", "description": "d", "input_schema": PARAMETERS}
    messages = ask("weather in Paris and Rome")
    with claude.messages.stream(model="co/command-x", max_tokens=99, messages=messages, tools=[tool]) as stream:
        first = stream.get_final_message()
    calls = [block for block in first.content if block.type == "tool_use"]
    assert first.stop_reason == "tool_use" and [call.input for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]
    messages.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]})
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "21 degrees"} for call in calls]
    messages.append({"role": "user", "content": results})
    second = claude.messages.create(model="co/command-x", max_tokens=99, messages=messages, tools=[tool])
    assert text_of(second.content) == "It is 21 degrees and 21 degrees." and second.stop_reason == "end_turn"


def test_anthropic_errors(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.RateLimitError):
        claude.messages.create(model="co/command-x", max_tokens=9, messages=ask("boom 429"))
    broken = claude.messages.stream(model="co/command-x", max_tokens=9, messages=ask("please cut"))
    with pytest.raises(anthropic.APIStatusError), broken as stream:
        stream.get_final_message()
