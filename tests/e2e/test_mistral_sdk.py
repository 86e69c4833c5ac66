"""Mistral: its official SDK vouches for our double of it, then other SDKs reach the double through the gateway."""

import json
import re
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, SDKError
from mistralai.client.models import ChatCompletionRequest

from tests.answering import Answer, Answering, Asked
from tests.dialects import recorded
from tests.e2e.compatible_doubles import events, replayed, said, streamed
from tests.e2e.processes import Gateway
from tests.e2e.test_openai_sdk import PERSON, WEATHER, ask

pytestmark = pytest.mark.xdist_group("e2e-mistral")

CONFIG = """
providers:
  mistral: {{kind: mistral, base_url: "{url}/v1", api_key: "mistral-key", price: {{input: 1, output: 2}}}}
models:
  mistral/thinker: {{reasoning: true}}
"""
TAKEN = frozenset(ChatCompletionRequest.model_fields)
"""The fields that Mistral takes; it refuses any other."""
OWN_ID = re.compile(r"[A-Za-z0-9]{9}\Z")
USAGE = {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}
CALLS = [
    {"id": "EscTeQY62", "index": 0, "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}},
    {"id": "qDEcl0n92", "index": 1, "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'}},
]
THOUGHT = {
    "type": "thinking",
    "thinking": [{"type": "text", "text": "Six times seven."}],
    "signature": "sig",
    "closed": True,
}
PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="


def answer(asked: Asked) -> Answer:
    """Answer as Mistral does."""
    if asked.headers.get("authorization") != "Bearer mistral-key":
        return 401, {"object": "error", "message": "Unauthorized", "type": "invalid_request", "code": "1"}
    if asked.path != "/v1/chat/completions":
        return 404, {"object": "error", "message": "no Route matched", "type": "invalid_request_not_found"}
    body = asked.json
    wrong = [*(set(body) - TAKEN), *unfit(body["messages"])]
    if wrong:
        detail = [
            {"type": "extra_forbidden", "loc": ["body", one], "msg": "Extra inputs are not permitted"} for one in wrong
        ]
        return 422, {"detail": detail}
    text = said(body)
    if "boom 429" in text:
        words = "Requests rate limit exceeded"
        return 429, {"object": "error", "message": words, "type": "rate_limited", "code": "1300"}
    if "boom 422" in text:
        return 422, {"detail": [{"type": "less_than_equal", "loc": ["body", "temperature"], "msg": "too hot"}]}
    if body["messages"][-1]["role"] == "tool":
        return spoken(body, {"content": "21 degrees in Paris, 25 in Rome."})
    if body.get("tools"):
        return spoken(body, {"content": "", "tool_calls": CALLS}, "tool_calls")
    if body.get("response_format", {}).get("type") == "json_schema":
        return spoken(body, {"content": '{"name": "Ada", "age": 36}'})
    if "six times seven" in text:
        return spoken(body, {"content": [THOUGHT, {"type": "text", "text": "42"}]})
    if "picture" in text:
        kinds = [part["type"] for part in body["messages"][-1]["content"]]
        return spoken(body, {"content": "A pixel." if "image_url" in kinds else "I see nothing."})
    return replayed("mistral", stream=bool(body.get("stream")))


def unfit(messages: list[dict[str, Any]]) -> list[str]:
    """What is wrong with messages: names, thoughts in fields, ids of tool calls in other forms."""
    wrong = [
        name for m in messages for name in m if name not in ("role", "content", "tool_calls", "tool_call_id", "prefix")
    ]
    ids = [m["tool_call_id"] for m in messages if "tool_call_id" in m]
    ids += [call["id"] for m in messages for call in m.get("tool_calls") or ()]
    return wrong + [f"tool call id {one}" for one in ids if not OWN_ID.match(one)]


def spoken(body: Any, message: dict[str, Any], finish: str = "stop") -> Answer:
    head = {"id": "cmpl-e5", "created": 1757759494, "model": body["model"]}
    if not body.get("stream"):
        choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "tool_calls": None, **message}}
        return 200, {**head, "object": "chat.completion", "choices": [choice], "usage": USAGE}
    content = message["content"]
    pieces = (
        [{"content": [one]} if one["type"] == "thinking" else {"content": one["text"]} for one in content]
        if isinstance(content, list)
        else [{"content": content}]
    )
    if "tool_calls" in message:
        pieces = [{"content": "", "tool_calls": message["tool_calls"]}]
    deltas = [
        ({"role": "assistant", "content": ""}, None),
        *((piece, None) for piece in pieces[:-1]),
        (pieces[-1], finish),
    ]
    chunks: list[dict[str, Any]] = [
        {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
        for delta, end in deltas
    ]
    chunks[-1]["usage"] = USAGE
    return streamed(events(*chunks))


@pytest.fixture(scope="module")
def double() -> Iterator[Answering]:
    recorded.every("mistral")
    with Answering(answer) as double:
        yield double


@pytest.fixture(scope="module")
def gateway(double: Answering, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("mistral"), config=CONFIG.format(url=double.url)).start()
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture(params=["double", "gateway"])
def native(request: pytest.FixtureRequest, double: Answering, gateway: Gateway) -> Mistral:
    """Mistral's own SDK, at the double itself and at it through the gateway's passthrough."""
    if request.param == "double":
        return Mistral(api_key="mistral-key", server_url=double.url, timeout_ms=20_000)
    return Mistral(api_key=gateway.first_key, server_url=f"{gateway.url}/passthrough/mistral", timeout_ms=20_000)


def test_its_own_sdk_vouches_for_the_double(native: Mistral) -> None:
    whole = native.chat.complete(model="mistral-tiny", messages=ask("hello"))
    assert whole.choices[0].message and whole.choices[0].message.content and whole.usage.total_tokens
    deltas = [event.data for event in native.chat.stream(model="mistral-tiny", messages=ask("hello"))]
    assert "".join(str(d.choices[0].delta.content or "") for d in deltas) and deltas[-1].usage
    called = native.chat.complete(model="m", messages=ask("weather"), tools=[WEATHER])
    calls = called.choices[0].message.tool_calls if called.choices[0].message else None
    assert calls and [call.function.name for call in calls] == ["get_weather"] * 2
    thought = native.chat.complete(model="thinker", messages=ask("six times seven")).choices[0].message
    assert thought and isinstance(thought.content, list) and thought.content[0].type == "thinking"
    with pytest.raises(HTTPValidationError):
        native.chat.complete(model="m", messages=ask("boom 422"))
    with pytest.raises(SDKError) as limited:
        native.chat.complete(model="m", messages=ask("boom 429"))
    assert limited.value.status_code == 429


def test_openais_sdk_whole_and_streamed(chat: openai.OpenAI, double: Answering) -> None:
    answered = chat.chat.completions.create(
        model="mistral/mistral-tiny", messages=ask("hello"), seed=7, max_completion_tokens=50
    )
    assert answered.choices[0].message.content and answered.usage and answered.usage.total_tokens
    assert double.asked[-1].json["random_seed"] == 7 and double.asked[-1].json["max_tokens"] == 50
    stream = chat.chat.completions.create(
        model="mistral/mistral-tiny", messages=ask("hello"), stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) and chunks[-1].usage
    assert "stream_options" not in double.asked[-1].json


@pytest.mark.parametrize("stream", [False, True])
def test_openais_sdk_calls_tools_in_parallel(chat: openai.OpenAI, double: Answering, stream: bool) -> None:
    messages = ask("What is the weather in Paris and Rome?")
    if stream:
        with chat.chat.completions.stream(model="mistral/m", messages=messages, tools=[WEATHER]) as running:
            first = running.get_final_completion()
    else:
        first = chat.chat.completions.create(model="mistral/m", messages=messages, tools=[WEATHER])  # type: ignore[assignment]
    calls = first.choices[0].message.tool_calls
    assert calls and [json.loads(call.function.arguments)["city"] for call in calls] == ["Paris", "Rome"]
    assert first.choices[0].finish_reason == "tool_calls"
    foreign = {"EscTeQY62": "call_from_elsewhere", "qDEcl0n92": "qDEcl0n92"}
    turn = first.choices[0].message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"})
    for call in turn["tool_calls"]:
        call["id"] = foreign[call["id"]]
        call["function"].pop("parsed_arguments", None)
    messages += [turn, *({"role": "tool", "tool_call_id": foreign[call.id], "content": "21"} for call in calls)]
    second = chat.chat.completions.create(model="mistral/m", messages=messages, tools=[WEATHER])
    assert second.choices[0].message.content == "21 degrees in Paris, 25 in Rome."
    sent = double.asked[-1].json["messages"]
    assert [call["id"] for call in sent[1]["tool_calls"]] == [m["tool_call_id"] for m in sent[2:]]
    assert sent[3]["tool_call_id"] == "qDEcl0n92"


def test_openais_sdk_json_and_an_image(chat: openai.OpenAI) -> None:
    person = chat.chat.completions.create(model="mistral/m", messages=ask("as JSON"), response_format=PERSON)
    assert json.loads(person.choices[0].message.content or "") == {"name": "Ada", "age": 36}
    parts: Any = [{"type": "text", "text": "a picture"}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    seen = chat.chat.completions.create(model="mistral/m", messages=[{"role": "user", "content": parts}])
    assert seen.choices[0].message.content == "A pixel."


@pytest.mark.parametrize("stream", [False, True])
def test_openais_sdk_sends_thoughts_back(chat: openai.OpenAI, double: Answering, stream: bool) -> None:
    messages = ask("six times seven")
    if stream:
        message: dict[str, Any] = {"role": "assistant", "content": "", "reasoning_details": []}
        for chunk in chat.chat.completions.create(model="mistral/thinker", messages=messages, stream=True):
            for choice in chunk.choices:
                message["content"] += choice.delta.content or ""
                message["reasoning_details"] += (choice.delta.model_extra or {}).get("reasoning_details", [])
    else:
        first = chat.chat.completions.create(model="mistral/thinker", messages=messages)
        message = first.choices[0].message.model_dump(exclude_none=True)
        assert message["reasoning"] == "Six times seven."
    assert message["content"] == "42"
    chat.chat.completions.create(model="mistral/thinker", messages=[*messages, message, *ask("sure?")])  # type: ignore[list-item]
    assert double.asked[-1].json["messages"][1]["content"] == [THOUGHT, {"type": "text", "text": "42"}]


def test_openais_sdk_raises_its_own_errors(chat: openai.OpenAI, double: Answering) -> None:
    with pytest.raises(openai.RateLimitError):
        chat.chat.completions.create(model="mistral/m", messages=ask("boom 429"))
    with pytest.raises(openai.UnprocessableEntityError) as hot:
        chat.chat.completions.create(model="mistral/m", messages=ask("boom 422"))
    assert "too hot" in hot.value.message
    before = len(double.asked)
    with pytest.raises(openai.BadRequestError) as refused:
        chat.chat.completions.create(model="mistral/m", messages=ask("hello"), logit_bias={"5": 1})
    assert refused.value.param == "logit_bias" and len(double.asked) == before
    raw = chat.chat.completions.with_raw_response.create(model="mistral/m", messages=ask("hello"), user="me")
    assert raw.headers["x-headgate-dropped"] == "user" and "user" not in double.asked[-1].json


TOOL: Any = {"name": "get_weather", "description": "d", "input_schema": WEATHER["function"]["parameters"]}


@pytest.mark.parametrize("stream", [False, True])
def test_anthropics_sdk(claude: anthropic.Anthropic, double: Answering, stream: bool) -> None:
    def ask_it(messages: list[Any], model: str = "mistral/m", **more: Any) -> Any:
        if not stream:
            return claude.messages.create(model=model, max_tokens=99, messages=messages, **more)
        with claude.messages.stream(model=model, max_tokens=99, messages=messages, **more) as running:
            return running.get_final_message()

    plain = ask_it(ask("hello"))
    assert plain.content[0].type == "text" and plain.content[0].text and plain.usage.output_tokens
    assert double.asked[-1].json["max_tokens"] == 99
    messages = ask("weather")
    called = ask_it(messages, tools=[TOOL])
    uses = [block for block in called.content if block.type == "tool_use"]
    assert called.stop_reason == "tool_use" and [use.input for use in uses] == [{"city": "Paris"}, {"city": "Rome"}]
    results = [{"type": "tool_result", "tool_use_id": use.id, "content": "21"} for use in uses]
    messages += [{"role": "assistant", "content": called.content}, {"role": "user", "content": results}]
    assert ask_it(messages, tools=[TOOL]).content[0].text.startswith("21 degrees")
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE.partition(",")[2]}
    parts = [{"type": "text", "text": "a picture"}, {"type": "image", "source": source}]
    assert ask_it([{"role": "user", "content": parts}]).content[0].text == "A pixel."
    schema = {"type": "json_schema", "schema": PERSON["json_schema"]["schema"]}
    assert "Ada" in ask_it(ask("as JSON"), output_config={"format": schema}).content[0].text


def test_anthropics_sdk_sends_thoughts_back(claude: anthropic.Anthropic, double: Answering) -> None:
    messages = ask("six times seven")
    first = claude.messages.create(model="mistral/thinker", max_tokens=99, messages=messages)
    assert [block.type for block in first.content] == ["thinking", "text"]
    messages += [{"role": "assistant", "content": first.content}, *ask("sure?")]
    claude.messages.create(model="mistral/thinker", max_tokens=99, messages=messages)
    assert double.asked[-1].json["messages"][1]["content"] == [THOUGHT, {"type": "text", "text": "42"}]


def test_anthropics_sdk_raises_its_own_errors(claude: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.RateLimitError):
        claude.messages.create(model="mistral/m", max_tokens=9, messages=ask("boom 429"))
    with pytest.raises(anthropic.UnprocessableEntityError):
        claude.messages.create(model="mistral/m", max_tokens=9, messages=ask("boom 422"))
