"""Thinking that is proven, through every surface and back: Gemini's signatures, and Claude's through Gemini's SDK."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google.genai import types

from tests.answering import Answering
from tests.e2e.google_double import SIGNATURE, Google
from tests.e2e.processes import Gateway
from tests.e2e.test_anthropic_sdk import WEATHER as ANTHROPIC_WEATHER
from tests.e2e.test_gemini_sdk import client_of, with_tools
from tests.e2e.test_openai_sdk import WEATHER

pytestmark = pytest.mark.xdist_group("e2e")

QUESTION = "What is the weather in Paris and Rome?"
CONFIG = """
providers:
  google: {{kind: gemini, base_url: "{url}", api_key: k}}
  vertex: {{kind: vertex, base_url: "{url}", project: p, token_url: "{tokens}/sts"}}
"""
MODEL = "google/gemini-3-flash"
ANSWERED = 'It is {"output": "21"}, {"output": "25"}'


@pytest.fixture(scope="module")
def google() -> Iterator[Google]:
    with Google() as google:
        yield google


@pytest.fixture(scope="module")
def gateway(google: Google, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Answering(lambda asked: (200, {"access_token": "token-1", "expires_in": 3600})) as tokens:
        config = CONFIG.format(url=google.url, tokens=tokens.url)
        gateway = Gateway(tmp_path_factory.mktemp("thinking"), config=config).start()
        yield gateway
        assert gateway.stop() == 0


@pytest.mark.parametrize("stream", [False, True])
def test_through_chat(gateway: Gateway, stream: bool) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.first_key, max_retries=0)
    history: list[Any] = [{"role": "user", "content": QUESTION}]
    if stream:
        message: dict[str, Any] = {"role": "assistant", "reasoning_details": [], "tool_calls": []}
        for chunk in client.chat.completions.create(model=MODEL, messages=history, tools=[WEATHER], stream=True):
            delta = chunk.choices[0].delta.model_dump(exclude_none=True) if chunk.choices else {}
            message["reasoning_details"] += delta.get("reasoning_details", [])
            message["tool_calls"] += [
                {n: call[n] for n in ("id", "type", "function")} for call in delta.get("tool_calls", [])
            ]
    else:
        reply = client.chat.completions.create(model=MODEL, messages=history, tools=[WEATHER])
        assert reply.usage and reply.usage.completion_tokens_details
        assert (reply.usage.completion_tokens, reply.usage.completion_tokens_details.reasoning_tokens) == (12, 4)
        message = reply.choices[0].message.model_dump(exclude_none=True)
        assert message["reasoning"] == "Two cities, two calls."
    assert SIGNATURE in json.dumps(message["reasoning_details"])
    history.append(message)
    for call, degrees in zip(message["tool_calls"], ("21", "25"), strict=True):
        history.append({"role": "tool", "tool_call_id": call["id"], "content": degrees})
    second = client.chat.completions.create(model=MODEL, messages=history, tools=[WEATHER])
    assert second.choices[0].message.content == ANSWERED


@pytest.mark.parametrize("stream", [False, True])
def test_through_messages(gateway: Gateway, stream: bool) -> None:
    client = anthropic.Anthropic(base_url=gateway.url, api_key=gateway.first_key, max_retries=0)
    history: list[Any] = [{"role": "user", "content": QUESTION}]
    asked: dict[str, Any] = {"model": MODEL, "max_tokens": 500, "tools": [ANTHROPIC_WEATHER]}
    if stream:
        with client.messages.stream(messages=history, **asked) as events:
            first = events.get_final_message()
    else:
        first = client.messages.create(messages=history, **asked)
    assert first.content[0].type == "thinking" and first.content[0].thinking == "Two cities, two calls."
    calls = [block for block in first.content if block.type == "tool_use"]
    history.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in first.content]})
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": degrees}
        for call, degrees in zip(calls, ("21", "25"), strict=True)
    ]
    history.append({"role": "user", "content": results})
    second = client.messages.create(messages=history, **asked)
    assert [block.text for block in second.content if block.type == "text"] == [ANSWERED]


@pytest.mark.parametrize("stream", [False, True])
def test_through_geminis_own(gateway: Gateway, stream: bool) -> None:
    client = client_of(gateway)  # it closes when nobody holds it
    chat = client.chats.create(model=MODEL, config=with_tools())
    replies = list(chat.send_message_stream(QUESTION)) if stream else [chat.send_message(QUESTION)]
    parts = [part for r in replies for c in r.candidates or [] if c.content for part in c.content.parts or []]
    assert parts[0].thought and parts[0].text == "Two cities, two calls."
    calls = [part.function_call for part in parts if part.function_call]
    answers = [
        types.Part.from_function_response(name=call.name or "", response={"output": degrees})
        for call, degrees in zip(calls, ("21", "25"), strict=True)
    ]
    assert chat.send_message(answers).text == ANSWERED


def test_claude_at_vertex_through_geminis_sdk(gateway: Gateway, google: Google) -> None:
    client = client_of(gateway)
    chat = client.chats.create(model="vertex/claude-x")
    first = chat.send_message("Good day?")
    assert first.text == "Good day." and first.candidates and first.candidates[0].content
    thought = (first.candidates[0].content.parts or [])[0]
    assert thought.thought and thought.text == "Hm." and thought.thought_signature
    assert chat.send_message("And now?").text == "Good day."
    assert google.asked[-1].path == "/v1/projects/p/locations/global/publishers/anthropic/models/claude-x:rawPredict"


def test_counting_and_embedding_there(gateway: Gateway, google: Google) -> None:
    client = client_of(gateway)
    assert client.models.count_tokens(model=MODEL, contents="hello").total_tokens == 42
    chat = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.first_key, max_retries=0)
    vectors = chat.embeddings.create(model="google/gemini-embedding-001", input=["a", "b"], dimensions=2)
    assert [one.embedding for one in vectors.data] == [[0.5, 0.0], [0.5, 1.0]]
    assert google.asked[-1].json["requests"][1]["outputDimensionality"] == 2
    with pytest.raises(openai.BadRequestError) as refused:
        chat.embeddings.create(model="google/gemini-embedding-001", input=[1, 2])
    assert refused.value.param == "input"


def test_a_url_that_may_not_be_fetched(gateway: Gateway) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.first_key, max_retries=0)
    image: Any = {"type": "image_url", "image_url": {"url": f"{gateway.url}/health"}}
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": [image]}])
    assert (refused.value.code, refused.value.param) == ("url_not_allowed", "messages[0].content[0].image_url.url")


def post(gateway: Gateway, path: str, body: Any, **headers: str) -> httpx2.Response:
    key = {"x-goog-api-key": gateway.first_key}
    return httpx2.post(f"{gateway.url}{path}", json=body, headers={**key, **headers}, timeout=30)


HELLO = {"contents": [{"parts": [{"text": QUESTION}]}]}


@pytest.mark.parametrize("name", ["google/gemini-3-flash", "google%2Fgemini-3-flash", "models/google/gemini-3-flash"])
@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_a_name_may_hold_slashes(gateway: Gateway, google: Google, version: str, name: str) -> None:
    reply = post(gateway, f"/{version}/models/{name}:generateContent", HELLO)
    assert reply.status_code == 200 and reply.json()["responseId"] == "r-1"
    assert google.asked[-1].path == "/v1beta/models/gemini-3-flash:generateContent"


def test_a_stream_is_an_array_where_nobody_asks_for_events(gateway: Gateway) -> None:
    reply = post(
        gateway, "/v1beta/models/sandbox/chat:streamGenerateContent", {"contents": [{"parts": [{"text": "hello"}]}]}
    )
    assert reply.status_code == 200 and reply.headers["content-type"] == "application/json"
    found = reply.json()
    assert found[-1]["candidates"][0]["finishReason"] == "STOP" and found[-1]["usageMetadata"]["totalTokenCount"]
    assert "".join(part["text"] for one in found for part in one["candidates"][0]["content"]["parts"])


@pytest.mark.parametrize(
    ("method", "path", "status", "word"),
    [
        ("POST", "/v1beta/models/google/x:predict", 404, "NOT_FOUND"),
        ("POST", "/v1beta/models/:generateContent", 404, "NOT_FOUND"),
        ("POST", "/v1/models/google/x:predict", 404, "NOT_FOUND"),
        ("GET", "/v1beta/models/nobody/x", 404, "NOT_FOUND"),
        ("GET", "/v1beta/nothing", 404, "NOT_FOUND"),
        ("DELETE", "/v1beta/models", 405, "UNIMPLEMENTED"),
        ("POST", "/v1beta/models/google/x:generateContent?key=hg_x", 401, "UNAUTHENTICATED"),
    ],
)
def test_errors_are_googles(gateway: Gateway, method: str, path: str, status: int, word: str) -> None:
    reply = httpx2.request(
        method, f"{gateway.url}{path}", json=HELLO, headers={"x-goog-api-key": gateway.first_key}, timeout=30
    )
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert (error["code"], error["status"]) == (status, word) and error["message"]


def test_a_list_in_googles_form(gateway: Gateway) -> None:
    listed = httpx2.get(
        f"{gateway.url}/v1beta/models", headers={"authorization": f"Bearer {gateway.first_key}"}, timeout=30
    )
    methods = {one["name"]: one["supportedGenerationMethods"] for one in listed.json()["models"]}
    assert "generateContent" in methods["models/sandbox/chat"] and "embedContent" in methods["models/sandbox/embed"]
