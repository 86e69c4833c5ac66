"""The official OpenAI SDK's ``responses``, unchanged but for base URL and key, against every kind of upstream."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest

from tests.answering import Answer, Answering, Asked
from tests.e2e.processes import Aimock, Gateway

pytestmark = pytest.mark.xdist_group("e2e")

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

CONFIG = """
providers:
  native: {{kind: openai, base_url: "{url}/v1", api_key: "mock-key"}}
  served: {{kind: vllm, base_url: "{url}/v1"}}
  mock: {{kind: openai-compatible, base_url: "{url}/v1", api_key: "mock-key"}}
  claude: {{kind: anthropic, base_url: "{url}", api_key: "mock-key"}}
  thinker: {{kind: anthropic, base_url: "{fake}", api_key: "mock-key"}}
  bridge: {{kind: openai, base_url: "{fake}/v1", api_key: "mock-key"}}
guardrails:
  watched: {{kind: pii, types: [email], on: [output], action: mask}}
"""
# Relayed to one who keeps responses and to one who does not; translated to OpenAI's chat, Anthropic's, the embedded one's.
MODELS = ["native/gpt-4o", "served/gpt-4o", "mock/gpt-4o", "claude/claude-x", "sandbox/chat"]
KEPT_HERE = MODELS[1:]


class Person(pydantic.BaseModel):
    name: str
    age: int


class Fake(Answering):
    """A model that takes tools on /responses alone, and one that thinks in Anthropic's dialect."""

    def __init__(self) -> None:
        super().__init__(self._answer)

    def _answer(self, asked: Asked) -> Answer:
        if asked.method == "DELETE":
            return 200, {"id": "resp_background", "object": "response", "deleted": True}
        return self._kept(asked) if asked.method == "GET" else self._made(asked)

    def _kept(self, asked: Asked) -> Answer:
        """A response in the background: done when it is looked at a second time."""
        path, _, query = asked.path.partition("?")
        if path == "/v1/responses/resp_background/input_items":
            said = {"id": "msg_1", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
            return 200, {"object": "list", "data": [said], "has_more": False, "first_id": "msg_1", "last_id": "msg_1"}
        if "stream=true" in query:
            return streamed(CALLED)
        if path == "/v1/responses/resp_background":
            again = sum(one.path.partition("?")[0] == path for one in self.asked) > 1
            return 200, CALL | {"id": "resp_background"} if again else QUEUED | {"status": "in_progress"}
        return 404, {"error": {"message": "not found", "type": "invalid_request_error", "code": None}}

    def _made(self, asked: Asked) -> Answer:
        body = asked.json if asked.body else {}
        if asked.path.endswith("/cancel"):
            return 200, QUEUED | {"status": "cancelled"}
        if body.get("background") and not body.get("stream"):
            return 200, QUEUED
        if asked.path == "/v1/messages":
            return streamed(THOUGHT, "cut" in json.dumps(body)) if body.get("stream") else (200, THINKING)
        if asked.path == "/v1/chat/completions":
            error = {"message": "Function tools are only taken on /v1/responses.", "type": "invalid_request_error"}
            return 400, {"error": error | {"param": "tools", "code": None}}
        return streamed(CALLED, body["input"] == "cut") if body.get("stream") else (200, CALL)


def streamed(events: list[dict[str, Any]], cut: bool = False) -> Answer:
    told = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events[: 4 if cut else None])
    return 200, told.encode(), {"content-type": "text/event-stream"}


REASONING = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAAA-proof"}
CALLING = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "get_weather",
    "arguments": '{"city":"Paris"}',
}
CALL: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "gpt-5.5",
    "error": None,
    "incomplete_details": None,
    "output": [REASONING, CALLING],
    "usage": {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 8,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 17,
    },
}
QUEUED = CALL | {"id": "resp_background", "status": "queued", "background": True, "output": [], "usage": None}
CALLED: list[dict[str, Any]] = [
    {"type": "response.created", "sequence_number": 0, "response": CALL | {"output": [], "status": "in_progress"}},
    {"type": "response.output_item.added", "sequence_number": 1, "output_index": 0, "item": REASONING},
    {"type": "response.output_item.done", "sequence_number": 2, "output_index": 0, "item": REASONING},
    {
        "type": "response.output_item.added",
        "sequence_number": 3,
        "output_index": 1,
        "item": CALLING | {"arguments": "", "status": "in_progress"},
    },
    {
        "type": "response.function_call_arguments.delta",
        "sequence_number": 4,
        "item_id": "fc_1",
        "output_index": 1,
        "delta": '{"city":"Paris"}',
    },
    {"type": "response.output_item.done", "sequence_number": 5, "output_index": 1, "item": CALLING},
    {"type": "response.completed", "sequence_number": 6, "response": CALL},
]
THINKING: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "Let me see.", "signature": "sig-of-claude"},
        {"type": "text", "text": "Four."},
    ],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 9, "output_tokens": 8},
}
THOUGHT: list[dict[str, Any]] = [
    {"type": "message_start", "message": THINKING | {"content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Let me see."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "sig-of-claude"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Four."}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 8}},
    {"type": "message_stop"},
]  # fmt: skip


@pytest.fixture(scope="module")
def fake() -> Iterator[Fake]:
    with Fake() as made:
        yield made


@pytest.fixture(scope="module")
def home_of_responses(aimock: Aimock, fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = CONFIG.format(url=aimock.url, fake=fake.url)
    gateway = Gateway(tmp_path_factory.mktemp("responses"), config=config).start()
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture
def client(home_of_responses: Gateway) -> openai.OpenAI:
    gateway = home_of_responses
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.first_key, max_retries=0, timeout=30)


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def calls_of(response: Any) -> list[Any]:
    return [item for item in response.output if item.type == "function_call"]


def test_plain(client: openai.OpenAI, home_of_responses: Gateway, model: str) -> None:
    raw = client.responses.with_raw_response.create(model=model, input="hello", instructions="Be kind.", store=False)
    response = raw.parse()
    assert response.output_text and response.status == "completed" and response.object == "response"
    assert response.usage and response.usage.input_tokens > 0 and response.usage.output_tokens > 0
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert raw.headers["x-headgate-model"] == model
    home_of_responses.trace(raw.headers["x-request-id"])


def test_stream(client: openai.OpenAI, model: str) -> None:
    with client.responses.stream(model=model, input="hello", store=False) as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == final.output_text != ""
    assert events[0].type == "response.created" and events[-1].type == "response.completed"
    if model not in ("native/gpt-4o", "served/gpt-4o"):  # that mock numbers nothing
        assert [event.sequence_number for event in events] == list(range(len(events)))
    assert final.usage and final.usage.output_tokens > 0


@pytest.mark.parametrize("streamed", [False, True])
def test_parallel_tools_without_a_store(client: openai.OpenAI, model: str, streamed: bool) -> None:
    asked: list[Any] = [{"role": "user", "content": "What is the weather in Paris and Rome?"}]
    if streamed:
        with client.responses.stream(model=model, input=asked, tools=[WEATHER], store=False) as stream:
            first: Any = stream.get_final_response()
    else:
        first = client.responses.create(model=model, input=asked, tools=[WEATHER], store=False)
    calls = calls_of(first)
    assert len(calls) == 2 and len({call.call_id for call in calls}) == 2
    assert all("city" in json.loads(call.arguments) for call in calls)
    asked += first.output
    asked += [{"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"} for call in calls]
    second = client.responses.create(model=model, input=asked, tools=[WEATHER], store=False)
    assert second.output_text and not calls_of(second)


@pytest.mark.parametrize("name", KEPT_HERE)
def test_tools_that_go_on_from_a_kept_response(client: openai.OpenAI, name: str) -> None:
    asked = "What is the weather in Paris and Rome?"
    first = client.responses.create(model=name, input=asked, tools=[WEATHER], metadata={"a": "b"})
    outputs: list[Any] = [
        {"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"} for call in calls_of(first)
    ]
    second = client.responses.create(model=name, input=outputs, tools=[WEATHER], previous_response_id=first.id)
    assert second.output_text and second.id != first.id
    kept = client.responses.retrieve(first.id)
    assert kept.id == first.id and kept.output == first.output
    told = client.responses.input_items.list(second.id, order="asc").data
    assert [item.type for item in told] == ["message", "function_call", "function_call", *["function_call_output"] * 2]
    page = client.responses.input_items.list(second.id, order="asc", limit=2)
    assert page.has_more and page.data == told[:2]
    assert page.get_next_page().data == told[2:4]


def test_a_streamed_response_is_kept_too(client: openai.OpenAI) -> None:
    with client.responses.stream(model="claude/claude-x", input="hello") as stream:
        first = stream.get_final_response()
    second = client.responses.create(model="mock/gpt-4o", input="hello again", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    items = client.responses.input_items.list(second.id, order="asc").data
    assert [getattr(item, "role", "") for item in items] == ["user", "assistant", "user"]


def test_what_is_deleted_is_gone(client: openai.OpenAI) -> None:
    first = client.responses.create(model="sandbox/chat", input="hello")
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.NotFoundError) as refused:
        client.responses.create(model="sandbox/chat", input="more", previous_response_id=first.id)
    assert refused.value.code == "previous_response_not_found" and refused.value.param == "previous_response_id"


def test_what_was_not_to_be_kept_is_not(client: openai.OpenAI) -> None:
    first = client.responses.create(model="sandbox/chat", input="hello", store=False)
    assert first.model_extra and first.model_extra["store"] is False
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)


@pytest.mark.parametrize("name", ["sandbox/chat", "native/gpt-4o"])
def test_another_key_sees_nothing(client: openai.OpenAI, home_of_responses: Gateway, aimock: Aimock, name: str) -> None:
    first = client.responses.create(model=name, input="hello")
    other = client.with_options(api_key=home_of_responses.key(f"other-{name[:6]}"))
    with pytest.raises(openai.NotFoundError):
        other.responses.retrieve(first.id)
    with pytest.raises(openai.NotFoundError):
        other.responses.delete(first.id)
    before = len(aimock.seen())
    with pytest.raises(openai.NotFoundError) as refused:
        other.responses.create(model=name, input="more", previous_response_id=first.id)
    assert refused.value.code == "previous_response_not_found"
    assert len(aimock.seen()) == before, "the provider was asked"


def test_who_keeps_by_itself_is_asked_to_go_on(client: openai.OpenAI, aimock: Aimock) -> None:
    first = client.responses.create(model="native/gpt-4o", input="hello")
    client.responses.create(model="native/gpt-4o", input="hello again", previous_response_id=first.id)
    assert aimock.seen()[-1]["path"] == "/v1/responses"
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="claude/claude-x", input="more", previous_response_id=first.id)
    assert refused.value.param == "previous_response_id" and "native" in str(refused.value)


def test_what_its_provider_keeps_is_fetched_from_there(
    client: openai.OpenAI, home_of_responses: Gateway, fake: Fake
) -> None:
    raw = client.responses.with_raw_response.create(model="bridge/gpt-5.5", input="hi", background=True)
    response = raw.parse()
    assert response.status == "queued"
    assert home_of_responses.trace(raw.headers["x-request-id"])["attempts"][0]["billed"] == "uncertain"
    looked = 0
    while response.status in ("queued", "in_progress"):
        response = client.responses.retrieve(response.id)
        looked += 1
    assert response.status == "completed" and looked == 2 and calls_of(response)
    (item,) = client.responses.input_items.list(response.id, limit=5).data
    assert item.id == "msg_1" and fake.asked[-1].path.endswith("/input_items?limit=5")
    with client.responses.retrieve(response.id, stream=True) as events:
        assert [event.type for event in events][-1] == "response.completed"
    assert client.responses.cancel(response.id).status == "cancelled"
    client.responses.delete(response.id)
    assert fake.asked[-1].path == "/v1/responses/resp_background"
    other, before = client.with_options(api_key=home_of_responses.key("curious")), len(fake.asked)
    for asked in (other.responses.retrieve, other.responses.cancel, other.responses.delete):
        with pytest.raises(openai.NotFoundError):
            asked(response.id)
    assert len(fake.asked) == before, "the provider was asked"


def test_a_kept_response_is_complete(client: openai.OpenAI) -> None:
    first = client.responses.create(model="sandbox/chat", input="hello")
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(first.id)


def test_what_a_guardrail_reads_is_not_made_in_the_background(client: openai.OpenAI, fake: Fake) -> None:
    named = {"x-headgate-guardrails": "watched"}
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="bridge/gpt-5.5", input="hi", background=True, extra_headers=named)
    assert refused.value.param == "background"
    response = client.responses.create(model="bridge/gpt-5.5", input="hi", extra_headers=named)
    with pytest.raises(openai.NotFoundError) as unseen:
        client.responses.retrieve(response.id)
    assert unseen.value.code == "response_kept_by_provider"


def test_json_schema(client: openai.OpenAI, model: str) -> None:
    response = client.responses.parse(model=model, input="Give me a person as JSON", text_format=Person, store=False)
    person = response.output_parsed
    assert person is not None and person.name and person.age >= 0


def test_an_image(client: openai.OpenAI, model: str) -> None:
    parts: Any = [
        {"type": "input_text", "text": "hello, what is this?"},
        {"type": "input_image", "image_url": PNG, "detail": "low"},
    ]
    response = client.responses.create(model=model, input=[{"role": "user", "content": parts}], store=False)
    assert response.output_text


@pytest.mark.parametrize("streamed", [False, True])
def test_foreign_thinking_comes_back_to_who_thought_it(client: openai.OpenAI, fake: Fake, streamed: bool) -> None:
    asked: list[Any] = [{"role": "user", "content": "2 + 2?"}]
    if streamed:
        with client.responses.stream(model="thinker/claude-x", input=asked, store=False) as stream:
            first: Any = stream.get_final_response()
    else:
        first = client.responses.create(
            model="thinker/claude-x", input=asked, store=False, include=["reasoning.encrypted_content"]
        )
    thought = first.output[0]
    assert thought.type == "reasoning" and thought.summary[0].text == "Let me see." and thought.encrypted_content
    history: Any = [*asked, *first.output, {"role": "user", "content": "And 3 + 3?"}]
    fake.asked.clear()
    client.responses.create(model="thinker/claude-x", input=history, store=False)
    sent = fake.asked[-1].json
    assert sent["messages"][1]["content"][0] == THINKING["content"][0]
    raw = client.responses.with_raw_response.create(model="bridge/gpt-5.5", input=history, store=False)
    assert raw.headers["x-headgate-dropped"] == "input[1]"
    path, sent = fake.asked[-1].path, fake.asked[-1].json
    assert path == "/v1/responses" and "sig-of-claude" not in json.dumps(sent)
    assert [item.get("role") for item in sent["input"]] == ["user", "assistant", "user"]


@pytest.mark.parametrize("streamed", [False, True])
def test_tools_on_chat_of_a_model_that_takes_them_on_responses_alone(
    client: openai.OpenAI, fake: Fake, streamed: bool
) -> None:
    tools: Any = [{"type": "function", "function": {k: v for k, v in WEATHER.items() if k != "type"}}]
    asked: Any = [{"role": "user", "content": "weather?"}]
    fake.asked.clear()
    if streamed:
        with client.chat.completions.stream(model="bridge/gpt-5.5", messages=asked, tools=tools) as stream:
            answer: Any = stream.get_final_completion()
    else:
        answer = client.chat.completions.create(model="bridge/gpt-5.5", messages=asked, tools=tools)
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.tool_calls[0].id == "call_1"
    path, sent = fake.asked[-1].path, fake.asked[-1].json
    assert path == "/v1/responses" and sent["store"] is False
    assert sent["include"] == ["reasoning.encrypted_content"] and sent["tools"] == [WEATHER]
    if streamed:
        return
    said = choice.message.model_dump(exclude_none=True)
    history = [*asked, said, {"role": "tool", "tool_call_id": "call_1", "content": "21 degrees"}]
    client.chat.completions.create(model="bridge/gpt-5.5", messages=history, tools=tools)
    sent = fake.asked[-1].json
    assert [item.get("type", item.get("role")) for item in sent["input"]] == [
        "user",
        "reasoning",
        "function_call",
        "function_call_output",
    ]
    assert sent["input"][1]["encrypted_content"] == "gAAAA-proof" and sent["input"][1]["id"] == "rs_1"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stop", ["x"]),
        ("seed", 7),
        ("n", 2),
        ("logit_bias", {"50256": -100}),
        ("frequency_penalty", 0.5),
        ("presence_penalty", 0.5),
        ("prediction", {"type": "content", "content": "x"}),
        ("modalities", ["text", "audio"]),
        ("audio", {"voice": "alloy", "format": "wav"}),
    ],
)
def test_what_that_bridge_cannot_carry_is_refused_by_name(client: openai.OpenAI, field: str, value: Any) -> None:
    tools: Any = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    asked: Any = {"model": "bridge/gpt-5.5", "messages": [{"role": "user", "content": "x"}], "tools": tools}
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**asked, **{field: value})
    assert refused.value.param == field and refused.value.code == "unsupported_parameter"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("background", True),
        ("prompt", {"id": "pmpt_1"}),
        ("truncation", "auto"),
        ("max_tool_calls", 3),
        ("tools", [{"type": "web_search"}]),
    ],
)
def test_what_only_its_makers_can_do_is_refused_by_name(client: openai.OpenAI, field: str, value: Any) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="claude/claude-x", input="hello", **{field: value})
    assert refused.value.code == "unsupported_parameter" and (refused.value.param or "").startswith(field)


def test_a_conversation_that_is_not_ones_own_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="conv_1"):
        client.responses.create(model="claude/claude-x", input="hello", conversation="conv_1")


def test_count(client: openai.OpenAI, model: str) -> None:
    short = client.responses.input_tokens.count(model=model, input="hello").input_tokens
    long = client.responses.input_tokens.count(model=model, input="hello " * 100).input_tokens
    assert 0 < short < 20 and 90 < long < 200


def test_errors_are_the_sdks_own(client: openai.OpenAI, home_of_responses: Gateway) -> None:
    with pytest.raises(openai.NotFoundError) as absent:
        client.responses.create(model="nothing/here", input="hello")
    assert absent.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="sandbox/chat", input="hello", temperature=3)
    assert refused.value.param == "temperature"
    with pytest.raises(openai.BadRequestError) as empty:
        client.responses.create(model="sandbox/chat", input=[])
    assert empty.value.param == "input"
    with pytest.raises(openai.NotFoundError):
        client.post("/responses/compact", body={"model": "sandbox/chat"}, cast_to=object)
    wrong = client.with_options(api_key="hg_wrong")
    with pytest.raises(openai.AuthenticationError):
        wrong.responses.create(model="sandbox/chat", input="hello")
    with pytest.raises(openai.AuthenticationError):
        wrong.responses.retrieve("resp_x")


@pytest.mark.parametrize("name", MODELS[:4])
def test_upstream_errors(client: openai.OpenAI, name: str) -> None:
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model=name, input="boom 400", store=False)
    with pytest.raises(openai.RateLimitError):
        client.responses.create(model=name, input="boom 429", store=False)


@pytest.mark.parametrize("name", ["thinker/claude-x", "bridge/gpt-5.5"])
def test_a_cut_stream_is_raised(client: openai.OpenAI, name: str) -> None:
    seen = []
    with (
        pytest.raises(openai.APIError, match="before the answer was complete"),
        client.responses.stream(model=name, input="cut", store=False) as stream,
    ):
        for event in stream:
            seen.append(event.type)
    assert seen[0] == "response.created" and "response.completed" not in seen
