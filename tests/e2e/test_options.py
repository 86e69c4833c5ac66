"""What a body asks of the gateway itself, through a running gateway and the official SDK."""

import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.e2e.processes import Gateway

CONFIG = """
providers:
  dead: {kind: openai-compatible, base_url: "http://127.0.0.1:1/v1"}
models:
  dead/seeing: {price: {input: 1, output: 1}, capabilities: [chat, vision], use_cases: [chat]}
use_cases:
  pirate: {targets: [sandbox/chat], parameters: {temperature: 0.25}}
"""
MARKDOWN = "# Title\n\nSome **bold** words. And more!"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("options"), config=CONFIG).start()
    yield gateway
    gateway.kill()


@pytest.fixture
def client(gateway: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.first_key, max_retries=0) as client:
        yield client


def ask(client: openai.OpenAI, *, stream: bool = False, model: str = "sandbox/chat", **more: Any) -> Any:
    return client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "hello"}],
        metadata={"sandbox_text": MARKDOWN},
        stream=stream,
        extra_body=more,
    )


def pieces(stream: Any) -> list[str]:
    return [c.choices[0].delta.content for c in stream if c.choices and c.choices[0].delta.content]


def test_a_list_of_models_is_tried_in_its_order(client: openai.OpenAI, gateway: Gateway) -> None:
    reply = client.chat.completions.with_raw_response.create(
        model="dead/one",
        messages=[{"role": "user", "content": "hello"}],
        extra_body={"models": ["dead/two", "sandbox/chat"], "headgate": {"tags": ["list"]}},
    )
    assert reply.headers["x-headgate-model"] == "sandbox/chat"
    trace = gateway.trace(reply.headers["x-request-id"])
    assert [one["model"] for one in trace["attempts"]] == ["one", "two", "chat"]
    assert trace["call"]["tags"] == ["list"]


def test_formats_alike_whole_and_streamed(client: openai.OpenAI) -> None:
    html = "<h1>Title</h1>\n<p>Some <strong>bold</strong> words. And more!</p>\n"
    assert ask(client, headgate={"format": "html"}).choices[0].message.content == html
    assert "".join(pieces(ask(client, stream=True, headgate={"format": "html"}))) == html


def test_pieces_of_one_kind_at_a_pace(client: openai.OpenAI) -> None:
    words = pieces(ask(client, stream=True, headgate={"chunk": "word"}))
    assert words == ["# ", "Title\n\n", "Some ", "**bold** ", "words. ", "And ", "more!"]
    begun = time.monotonic()
    assert pieces(ask(client, stream=True, headgate={"chunk": "word", "pace": 30})) == words
    assert time.monotonic() - begun >= 0.03 * len(words)


def test_nonsense_is_refused_by_name(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, headgate={"format": "pdf"})
    assert refused.value.param == "headgate.format"


def test_a_use_case_stands_for_a_model(client: openai.OpenAI, gateway: Gateway) -> None:
    reply = client.chat.completions.with_raw_response.create(
        model="use-case/pirate", messages=[{"role": "user", "content": "hello"}]
    )
    assert reply.headers["x-headgate-model"] == "sandbox/chat"
    assert reply.headers["x-headgate-defaulted"] == "temperature=0.25"
    assert "use-case/pirate" in gateway.trace(reply.headers["x-request-id"])["route"]["reason"]


def test_an_unknown_use_case_tells_which_there_are(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="use-case/summarization"):
        ask(client, model="use-case/juggling")


def test_the_sandbox_answers_no_use_case_by_itself(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match=r"use_cases\.extraction\.targets"):
        ask(client, model="use-case/extraction")


def test_a_need_picks_the_model_that_can(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, headgate={"requires": ["juggling"]})
    assert refused.value.code == "capability_missing"
    with pytest.raises(openai.InternalServerError, match="dead/seeing"):
        ask(client, model="dead/other", models=["dead/seeing"], headgate={"requires": ["vision"]})
