"""OpenAI's SDK and the Completions API: by way of chat, and at an upstream that has it."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.answering import Answer, Answering, Asked
from tests.dialects import recorded
from tests.e2e.compatible_doubles import events, replayed, streamed
from tests.e2e.processes import Gateway

pytestmark = pytest.mark.xdist_group("e2e-completions")

CONFIG = """
providers:
  native: {{kind: gateway, base_url: "{url}/v1", api_key: k, price: {{input: 1, output: 2}}}}
"""
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def answer(asked: Asked) -> Answer:
    """Answer as a server does that has the API: what was recorded, or one text for every prompt."""
    if asked.path != "/v1/completions":
        return 404, {"error": {"message": "no", "type": "invalid_request_error"}}
    body = asked.json
    prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
    if prompts == ["recorded"]:
        return replayed("openai", stream=bool(body.get("stream")), api="completions")
    head = {"id": "cmpl-1", "object": "text_completion", "created": 5, "model": body["model"]}
    choices = [{"text": f" {i}", "index": i, "logprobs": None, "finish_reason": "stop"} for i, _ in enumerate(prompts)]
    if body.get("stream"):
        usage = [{**head, "choices": [], "usage": USAGE}] if body.get("stream_options") else []
        return streamed(events(*({**head, "choices": [one]} for one in choices), *usage))
    return 200, {**head, "choices": choices, "usage": USAGE}


@pytest.fixture(scope="module")
def double() -> Iterator[Answering]:
    recorded.every("openai")
    with Answering(answer) as double:
        yield double


@pytest.fixture(scope="module")
def gateway(double: Answering, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("completions"), config=CONFIG.format(url=double.url)).start()
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture
def client(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.first_key, max_retries=0)


def test_the_sandbox_goes_on_by_way_of_chat(client: openai.OpenAI, gateway: Gateway) -> None:
    raw = client.completions.with_raw_response.create(model="sandbox/chat", prompt="Once upon", max_tokens=20, n=1)
    whole = raw.parse()
    assert whole.object == "text_completion" and whole.choices[0].text and whole.usage
    assert whole.choices[0].finish_reason in ("stop", "length") and whole.usage.completion_tokens > 0
    assert raw.headers["x-headgate-model"] == "sandbox/chat"
    stream = client.completions.create(
        model="sandbox/chat", prompt=["Once upon"], max_tokens=20, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(choice.text for chunk in chunks for choice in chunk.choices)
    assert text == whole.choices[0].text
    assert chunks[-1].usage and chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert "sandbox" in json.dumps(gateway.trace(raw.headers["x-request-id"]))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2, 3]}, "prompt"),
        ({"echo": True}, "echo"),
        ({"best_of": 3}, "best_of"),
        ({"suffix": "x"}, "suffix"),
    ],
)
def test_what_chat_cannot_do_is_refused_by_name(client: openai.OpenAI, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(**{"model": "sandbox/chat", "prompt": "x", **fields})
    assert (refused.value.param, refused.value.code) == (param, "unsupported_parameter")


def test_an_upstream_that_has_the_api_is_asked_as_the_caller_asked(client: openai.OpenAI, double: Answering) -> None:
    asked = {"prompt": ["a", "b"], "echo": True, "best_of": 2, "suffix": "x", "logprobs": 2, "max_tokens": 7}
    answered = client.completions.create(model="native/m", **asked)  # type: ignore[call-overload]
    assert [choice.text for choice in answered.choices] == [" 0", " 1"]
    assert double.asked[-1].json == {"model": "m", **asked}
    tokens = client.completions.create(model="native/m", prompt=[[1, 2], [3]], stream=True)
    chunks = list(tokens)
    assert [choice.index for chunk in chunks for choice in chunk.choices] == [0, 1]
    assert all(chunk.choices for chunk in chunks), "usage the caller did not ask for"
    assert double.asked[-1].json["stream_options"] == {"include_usage": True}


def test_recorded_answers_arrive_as_they_were(client: openai.OpenAI) -> None:
    whole = client.completions.with_raw_response.create(model="native/m", prompt="recorded")
    assert json.loads(whole.content) == replayed("openai", stream=False, api="completions")[1]
    chunks = list(client.completions.create(model="native/m", prompt="recorded", stream=True))
    told = [json.loads(line[6:]) for line in replayed("openai", stream=True, api="completions")[1].decode().split("\n")
            if line.startswith("data: {")]  # fmt: skip
    assert [chunk.choices[0].text for chunk in chunks] == [one["choices"][0]["text"] for one in told]


def test_errors_are_the_sdks_own(client: openai.OpenAI, gateway: Gateway) -> None:
    with pytest.raises(openai.NotFoundError):
        client.completions.create(model="nothing/here", prompt="x")
    stranger = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="hg_no", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.completions.create(model="native/m", prompt="x")
