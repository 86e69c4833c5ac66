"""The official Google Gen AI SDK, unchanged but for base URL and key, against every kind of upstream."""

import base64
import json
from typing import Any

import httpx2
import pytest
from google import genai
from google.genai import errors, types

from tests.e2e.processes import Gateway

pytestmark = [
    pytest.mark.xdist_group("e2e"),
    # what the double says where Google says STOP
    pytest.mark.filterwarnings("ignore:FUNCTION_CALL is not a valid FinishReason"),
]

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
WEATHER = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(
            name="get_weather",
            description="The weather in a city",
            parameters=types.Schema(
                type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)}, required=["city"]
            ),
        )
    ]
)
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


def client_of(gateway: Gateway, key: str | None = None, version: str = "v1beta") -> genai.Client:
    options = types.HttpOptions(base_url=gateway.url, api_version=version)
    return genai.Client(api_key=key or gateway.first_key, http_options=options)


@pytest.fixture(params=["v1", "v1beta"])
def client(gateway: Gateway, request: pytest.FixtureRequest) -> genai.Client:
    return client_of(gateway, version=request.param)


@pytest.fixture
def one(gateway: Gateway) -> genai.Client:
    return client_of(gateway)


def with_tools(**more: Any) -> types.GenerateContentConfig:
    off = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(tools=[WEATHER], automatic_function_calling=off, max_output_tokens=200, **more)


def calls_of(reply: types.GenerateContentResponse) -> list[types.FunctionCall]:
    return [
        part.function_call
        for c in reply.candidates or []
        for part in (c.content.parts if c.content else None) or []
        if part.function_call
    ]


def test_plain(client: genai.Client, gateway: Gateway, model: str) -> None:
    config = types.GenerateContentConfig(max_output_tokens=50, system_instruction="Be brief.")
    reply = client.models.generate_content(model=model, contents="hello", config=config)
    assert reply.text and reply.candidates and reply.candidates[0].finish_reason == types.FinishReason.STOP
    usage = reply.usage_metadata
    assert usage and usage.prompt_token_count and usage.candidates_token_count
    assert reply.sdk_http_response and reply.sdk_http_response.headers
    headers = {name.lower(): value for name, value in reply.sdk_http_response.headers.items()}
    assert headers["x-headgate-model"] == model
    gateway.trace(headers["x-request-id"])


def test_stream(client: genai.Client, model: str) -> None:
    config = types.GenerateContentConfig(max_output_tokens=50)
    chunks = list(client.models.generate_content_stream(model=model, contents="hello", config=config))
    assert "".join(chunk.text or "" for chunk in chunks)
    last = chunks[-1]
    assert last.candidates and last.candidates[0].finish_reason == types.FinishReason.STOP
    assert last.usage_metadata and last.usage_metadata.candidates_token_count


def test_a_chat_that_is_streamed(one: genai.Client, model: str) -> None:
    chat = one.chats.create(model=model, config=types.GenerateContentConfig(max_output_tokens=50))
    assert "".join(chunk.text or "" for chunk in chat.send_message_stream("hello"))
    assert chat.send_message("hello again").text
    assert len(chat.get_history(curated=True)) > 3


def test_a_tool_round_trip(one: genai.Client, model: str) -> None:
    contents: list[Any] = [types.UserContent("What is the weather in Paris?")]
    first = one.models.generate_content(model=model, contents=contents, config=with_tools())
    calls = calls_of(first)
    assert calls and calls[0].name == "get_weather" and calls[0].args and isinstance(calls[0].args["city"], str)
    assert first.candidates and first.candidates[0].content
    contents.append(first.candidates[0].content)
    answers = [
        types.Part(function_response=types.FunctionResponse(id=c.id, name=c.name, response={"degrees": 21}))
        for c in calls
    ]
    contents.append(types.Content(role="user", parts=answers))
    second = one.models.generate_content(model=model, contents=contents, config=with_tools())
    assert second.text and not calls_of(second)


def test_parallel_tools_streamed_and_answered(one: genai.Client, model: str) -> None:
    chat = one.chats.create(model=model, config=with_tools())
    calls = [
        call for chunk in chat.send_message_stream("What is the weather in Paris and Rome?") for call in calls_of(chunk)
    ]
    assert len(calls) == 2 and all(call.name == "get_weather" and call.args and "city" in call.args for call in calls)
    answers = [
        types.Part(function_response=types.FunctionResponse(id=c.id, name=c.name, response={"output": "21 degrees"}))
        for c in calls
    ]
    assert chat.send_message(answers).text


def test_a_forced_tool(one: genai.Client, model: str) -> None:
    calling = types.FunctionCallingConfig(
        mode=types.FunctionCallingConfigMode.ANY, allowed_function_names=["get_weather"]
    )
    config = with_tools(tool_config=types.ToolConfig(function_calling_config=calling))
    asked: Any = {"model": model, "contents": "What is the weather in Paris?", "config": config}
    if model.startswith(("cohere/", "ollama/")):  # they cannot be told which tool
        with pytest.raises(errors.ClientError, match=r"toolConfig\.functionCallingConfig"):
            one.models.generate_content(**asked)
        return
    assert calls_of(one.models.generate_content(**asked))


def test_json_schema(one: genai.Client, model: str) -> None:
    config = types.GenerateContentConfig(
        response_mime_type="application/json", response_json_schema=PERSON, max_output_tokens=200
    )
    reply = one.models.generate_content(model=model, contents="Give me a person as JSON", config=config)
    person = json.loads(reply.text or "")
    assert isinstance(person["name"], str) and isinstance(person["age"], int)


def test_image(one: genai.Client, model: str) -> None:
    contents: list[Any] = ["hello, what is in this picture?", types.Part.from_bytes(data=PIXEL, mime_type="image/png")]
    config = types.GenerateContentConfig(max_output_tokens=50)
    assert one.models.generate_content(model=model, contents=contents, config=config).text


def test_count_tokens(client: genai.Client) -> None:
    short = client.models.count_tokens(model="sandbox/chat", contents="hello").total_tokens
    long = client.models.count_tokens(model="sandbox/chat", contents="hello " * 100).total_tokens
    assert short and long and 0 < short < 20 and 90 < long < 200


@pytest.mark.parametrize("name", ["sandbox/embed", "mock/text-embedding-3-small"])
def test_embed(client: genai.Client, name: str) -> None:
    texts: list[Any] = ["one", "two"]
    reply = client.models.embed_content(model=name, contents=texts)
    assert reply.embeddings and len(reply.embeddings) == 2
    assert all(embedding.values for embedding in reply.embeddings)


def test_embed_one_at_gemini(gateway: Gateway) -> None:
    url = f"{gateway.url}/v1beta/models/google/gemini-embedding-001:embedContent"
    reply = httpx2.post(
        url, json={"content": {"parts": [{"text": "one"}]}}, headers={"x-goog-api-key": gateway.first_key}, timeout=30
    )
    assert reply.status_code == 200 and reply.json()["embedding"]["values"]


def test_models(client: genai.Client) -> None:
    names = {listed.name for listed in client.models.list()}
    assert {"models/sandbox/chat", "models/google/gemini-2.5-flash"} <= names
    assert client.models.get(model="claude/claude-x").name == "models/claude/claude-x"


def test_unknown_model(client: genai.Client) -> None:
    with pytest.raises(errors.ClientError) as refused:
        client.models.generate_content(model="nothing/here", contents="hello")
    assert (refused.value.code, refused.value.status) == (404, "NOT_FOUND")
    with pytest.raises(errors.ClientError):
        client.models.get(model="nothing/here")


def test_wrong_key(gateway: Gateway) -> None:
    wrong = client_of(gateway, "hg_wrong")
    with pytest.raises(errors.ClientError) as refused:
        wrong.models.generate_content(model="sandbox/chat", contents="hello")
    assert (refused.value.code, refused.value.status) == (401, "UNAUTHENTICATED")


def test_bad_request_names_the_field(one: genai.Client, model: str) -> None:
    with pytest.raises(errors.ClientError) as refused:
        one.models.generate_content(
            model=model, contents="hello", config=types.GenerateContentConfig(max_output_tokens=-1)
        )
    assert refused.value.status == "INVALID_ARGUMENT"
    assert refused.value.details["error"]["details"][0]["field"] == "generationConfig.maxOutputTokens"


def test_what_a_target_lacks_is_refused_by_name_or_left_out(one: genai.Client) -> None:
    config = types.GenerateContentConfig(top_k=3, max_output_tokens=50)
    with pytest.raises(errors.ClientError) as refused:
        one.models.generate_content(model="mock/gpt-4o", contents="hello", config=config)
    assert refused.value.details["error"]["details"] == [
        {"reason": "unsupported_parameter", "field": "generationConfig.topK"}
    ]
    drop = types.HttpOptions(headers={"x-headgate-on-unsupported": "drop"})
    config = types.GenerateContentConfig(top_k=3, max_output_tokens=50, http_options=drop)
    reply = one.models.generate_content(model="mock/gpt-4o", contents="hello", config=config)
    assert reply.sdk_http_response and reply.sdk_http_response.headers
    assert reply.sdk_http_response.headers["x-headgate-dropped"] == "generationConfig.topK"


@pytest.mark.parametrize("name", ["mock/gpt-4o", "claude/claude-x", "google/gemini-2.5-flash"])
def test_upstream_errors(one: genai.Client, name: str) -> None:
    for text, code in (("boom 400", 400), ("boom 429", 429)):
        with pytest.raises(errors.ClientError) as refused:
            one.models.generate_content(model=name, contents=text)
        assert refused.value.code == code
    with pytest.raises(errors.ClientError):
        list(one.models.generate_content_stream(model=name, contents="boom 400"))
