"""Moderations, images, speech, transcripts, embeddings and reranking by official clients, against every kind of upstream."""

import base64
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import cohere
import httpx
import httpx2
import openai
import pytest

from tests.e2e.processes import Gateway
from tests.e2e.scripted import SOUND, VECTORS, Scripted

pytestmark = pytest.mark.xdist_group("e2e")

CONFIG = """
providers:
  up: {{kind: openai-compatible, base_url: "{url}/v1", api_key: "sk-up-secret"}}
  claude: {{kind: anthropic, base_url: "{url}", api_key: "sk-claude-secret"}}
  gemini: {{kind: gemini, base_url: "{url}", api_key: "sk-gemini-secret"}}
  cohere: {{kind: cohere, base_url: "{url}", api_key: "sk-cohere-secret"}}
  ollama: {{kind: ollama, base_url: "{url}"}}
models:
  up/whisper-1: {{price: {{second: 0.0001}}}}
  up/tts-1: {{price: {{character: 15}}}}
  up/gpt-image-1: {{price: {{input: 5, output: 40}}}}
  up/omni: {{price: {{input: 0}}}}
aliases:
  hear: up/whisper-1
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[Scripted]:
    scripted = Scripted()
    yield scripted
    scripted.stop()


@pytest.fixture(scope="module")
def gateway(upstream: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("media"), config=CONFIG.format(url=upstream.url)).start()
    yield gateway
    assert gateway.stop() == 0


@pytest.fixture
def client(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.first_key, max_retries=0)


def spent(gateway: Gateway, request_id: str) -> tuple[str, str]:
    outcome = gateway.trace(request_id)["outcome"]
    return outcome["cost_usd"], outcome["billed"]


# Against the sandbox: every surface answers without a key


def test_moderations(client: openai.OpenAI) -> None:
    judged = client.moderations.create(model="sandbox/moderate", input=["I will kill it", "good morning"])
    assert [one.flagged for one in judged.results] == [True, False]
    assert judged.results[0].categories.violence and judged.results[0].category_scores.violence > 0.5
    parts: Any = [{"type": "text", "text": "hello"}]
    assert not client.moderations.create(model="sandbox/moderate", input=parts).results[0].flagged


def test_a_picture_is_a_real_one(client: openai.OpenAI, gateway: Gateway) -> None:
    raw = client.images.with_raw_response.generate(
        model="sandbox/image", prompt="a cat", n=2, size="256x256", response_format="b64_json"
    )
    made = raw.parse().data or []
    pictures = [base64.b64decode(one.b64_json or "") for one in made]
    assert len(set(pictures)) == 2
    assert_png(pictures[0], 256, 256)
    assert spent(gateway, raw.headers["x-request-id"]) == ("0.02", "usage")  # two pictures, charged by the piece
    link = (client.images.generate(model="sandbox/image", prompt="a cat").data or [])[0].url or ""
    assert link.startswith("data:image/png;base64,")
    again = client.images.generate(model="sandbox/image", prompt="a cat", size="256x256", response_format="b64_json")
    assert (again.data or [])[0].b64_json == made[0].b64_json


def assert_png(data: bytes, width: int, height: int) -> None:
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, pixels = 8, b""
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[at + 8 + size : at + 12 + size])[0]
        if kind == b"IHDR":
            assert struct.unpack(">II", body[:8]) == (width, height)
        pixels += body if kind == b"IDAT" else b""
        at += 12 + size
    assert len(zlib.decompress(pixels)) == height * (width + 1)


def test_a_picture_grows_in_a_stream(client: openai.OpenAI, gateway: Gateway) -> None:
    events = list(client.images.generate(model="sandbox/image", prompt="a dog", stream=True, partial_images=2))
    kinds = [event.type for event in events]
    assert kinds == ["image_generation.partial_image"] * 2 + ["image_generation.completed"]
    assert_png(base64.b64decode(events[-1].b64_json), 256, 256)


def test_what_is_said_can_be_written_down(client: openai.OpenAI) -> None:
    text = "Grüße aus der Sandbox."
    with client.audio.speech.with_streaming_response.create(
        model="sandbox/speech", voice="alloy", input=text, response_format="wav"
    ) as answer:
        assert answer.headers["content-type"] == "audio/wav"
        sound = b"".join(answer.iter_bytes())
    assert sound[:4] == b"RIFF" and struct.unpack("<I", sound[4:8])[0] == len(sound) - 8
    heard = client.audio.transcriptions.create(model="sandbox/transcribe", file=("a.wav", sound))
    assert heard.text == text
    form = client.audio.transcriptions.create(model="sandbox/transcribe", file=("a.wav", sound), response_format="srt")
    assert "-->" in str(form) and text in str(form)
    long = client.audio.transcriptions.create(
        model="sandbox/transcribe", file=("a.wav", sound), response_format="verbose_json"
    )
    assert abs(float(long.duration) - len(text) * 0.065) < 0.01
    events = list(client.audio.transcriptions.create(model="sandbox/transcribe", file=("a.wav", sound), stream=True))
    assert "".join(getattr(event, "delta", "") for event in events) == text
    assert events[-1].type == "transcript.text.done"


def test_speech_comes_in_events_too(gateway: Gateway) -> None:
    body = {"model": "sandbox/speech", "voice": "alloy", "input": "hi", "stream_format": "sse"}
    headers = {"authorization": f"Bearer {gateway.first_key}"}
    answer = httpx2.post(f"{gateway.url}/v1/audio/speech", headers=headers, json=body, timeout=20)
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.text.rstrip().rpartition("data: ")[2].startswith('{"type":"speech.audio.done"')


def test_embeddings_in_both_prints(client: openai.OpenAI) -> None:
    coded = client.embeddings.create(model="sandbox/embed", input=["a", "b"], dimensions=64)
    plain = client.embeddings.create(model="sandbox/embed", input=["a", "b"], dimensions=64, encoding_format="float")
    for one, other in zip(coded.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)


def test_reranking_by_the_cohere_sdk(gateway: Gateway) -> None:
    documents = ["Dogs bark at night", "The capital of France is Paris", "Bread needs flour"]
    asked: Any = {"model": "sandbox/rerank", "query": "What is the capital of France?", "documents": documents}
    for client in (cohere.Client, cohere.ClientV2):
        with httpx.Client() as http:
            made: Any = client(api_key=gateway.first_key, base_url=gateway.url, httpx_client=http)
            answer = made.rerank(**asked, top_n=2)
        assert answer.results[0].index == 1 and len(answer.results) == 2
        assert answer.meta.billed_units.search_units == 1
    headers = {"authorization": f"Bearer {gateway.first_key}"}
    plain = httpx2.post(f"{gateway.url}/v1/rerank", headers=headers, json=asked, timeout=20)
    assert plain.headers["x-headgate-cost"] == "0.001"


# Embeddings across dialects


FAR = ["up/embed", "gemini/embed", "cohere/embed", "ollama/embed"]


@pytest.mark.parametrize("model", FAR)
def test_embeddings_reach_every_kind_of_provider(client: openai.OpenAI, gateway: Gateway, model: str) -> None:
    raw = client.embeddings.with_raw_response.create(model=model, input=["one", "two"])
    coded = raw.parse()  # the SDK asks for base64 by itself
    assert [one.embedding for one in coded.data] == VECTORS
    assert coded.usage.prompt_tokens > 0 and coded.object == "list" and coded.model
    plain = client.embeddings.create(model=model, input=["one", "two"], encoding_format="float")
    assert [one.embedding for one in plain.data] == VECTORS
    trace = gateway.trace(raw.headers["x-request-id"])
    assert trace["usage"]["input"] == coded.usage.prompt_tokens and trace["call"]["operation"] == "embeddings"


@pytest.mark.parametrize("model", FAR[1:])
def test_token_numbers_mean_nothing_elsewhere(client: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.embeddings.create(model=model, input=[[1, 2, 3]])
    assert (refused.value.param, refused.value.code) == ("input", "unsupported_parameter")


def test_embed_content_reaches_an_openai_like_provider(gateway: Gateway, upstream: Scripted) -> None:
    headers = {"x-goog-api-key": gateway.first_key}
    body = {"content": {"parts": [{"text": "one"}]}, "outputDimensionality": 3}
    url = f"{gateway.url}/v1beta/models/up/embed:embedContent"
    answer = httpx2.post(url, headers=headers, json=body, timeout=20)
    assert answer.status_code == 200, answer.text
    assert answer.json()["embedding"]["values"] == VECTORS[0]
    assert upstream.seen[-1].json["dimensions"] == 3


# Against an upstream with OpenAI's wire format


def test_only_the_model_of_a_form_changes(client: openai.OpenAI, upstream: Scripted, gateway: Gateway) -> None:
    sound = bytes(range(256)) * 1000
    raw = client.audio.transcriptions.with_raw_response.create(
        model="hear", file=("a.wav", sound), language="de", timestamp_granularities=["word"], temperature=0.5
    )
    assert raw.parse().text == "Hi"
    seen = upstream.seen[-1]
    assert seen.target == "/v1/audio/transcriptions" and seen.headers["authorization"] == "Bearer sk-up-secret"
    assert b'name="model"\r\n\r\nwhisper-1\r\n' in seen.body and sound in seen.body
    assert b'name="timestamp_granularities[]"\r\n\r\nword\r\n' in seen.body
    assert spent(gateway, raw.headers["x-request-id"]) == ("0.0007", "usage")  # seven seconds, as it was told
    with pytest.warns(DeprecationWarning):
        client.audio.translations.create(model="up/whisper-1", file=("a.wav", sound))
    assert upstream.seen[-1].target == "/v1/audio/translations"


def test_a_transcript_streams(client: openai.OpenAI) -> None:
    events = client.audio.transcriptions.create(model="up/whisper-1", file=("a.wav", b"RIFF"), stream=True)
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]


def test_sound_passes_byte_for_byte(client: openai.OpenAI, gateway: Gateway) -> None:
    with client.audio.speech.with_streaming_response.create(model="up/tts-1", voice="a", input="x" * 100) as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        assert b"".join(answer.iter_bytes()) == SOUND
        request_id = answer.headers["x-request-id"]
    assert spent(gateway, request_id) == ("0.0015", "usage")  # a hundred characters


def test_sound_that_is_cut_ends_in_no_clean_end(client: openai.OpenAI, gateway: Gateway) -> None:
    with (
        pytest.raises(httpx2.RemoteProtocolError),
        client.audio.speech.with_streaming_response.create(model="up/tts-1", voice="a", input="cut me") as answer,
    ):
        request_id = answer.headers["x-request-id"]
        assert b"error" not in b"".join(answer.iter_bytes())
    assert gateway.trace(request_id)["outcome"]["code"] == "upstream_stream_interrupted"


def test_pictures_are_charged_by_the_tokens_told(client: openai.OpenAI, gateway: Gateway) -> None:
    raw = client.images.with_raw_response.generate(model="up/gpt-image-1", prompt="a cat")
    assert raw.headers["x-headgate-cost"] == "0.01093"  # 10 at 5, 272 at 40 dollars a million


def test_a_model_that_is_left_out_is_looked_up(client: openai.OpenAI, gateway: Gateway) -> None:
    assert client.moderations.create(model="up/omni", input="x").results[0].flagged
    with pytest.raises(openai.NotFoundError, match="omni-moderation-latest"):
        client.moderations.create(input="x")


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("images/generations", {"model": "up/x", "prompt": "a", "n": 50}, "n"),
        ("audio/speech", {"model": "up/x", "input": "a"}, "voice"),
        ("moderations", {"model": "up/x"}, "input"),
        ("rerank", {"model": "up/x", "query": "a"}, "documents"),
    ],
)
def test_a_bad_request_is_refused_before_anything_is_spent(
    gateway: Gateway, upstream: Scripted, path: str, body: dict[str, Any], param: str
) -> None:
    before = len(upstream.seen)
    headers = {"authorization": f"Bearer {gateway.first_key}"}
    answer = httpx2.post(f"{gateway.url}/v1/{path}", headers=headers, json=body, timeout=20)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert len(upstream.seen) == before


def test_a_form_is_what_transcripts_are_asked_by(gateway: Gateway) -> None:
    headers = {"authorization": f"Bearer {gateway.first_key}"}
    url = f"{gateway.url}/v1/audio/transcriptions"
    assert httpx2.post(url, headers=headers, json={"model": "up/whisper-1"}, timeout=20).status_code == 415
    bad = httpx2.post(url, headers=headers, data={"model": "up/whisper-1"}, files={"other": b"x"}, timeout=20)
    assert (bad.status_code, bad.json()["error"]["param"]) == (400, "file")


@pytest.mark.parametrize("call", ["moderations", "images", "speech"])
def test_a_provider_without_the_operation_is_refused_by_name(client: openai.OpenAI, call: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        if call == "moderations":
            client.moderations.create(model="claude/claude-x", input="x")
        elif call == "images":
            client.images.generate(model="claude/claude-x", prompt="x")
        else:
            client.audio.speech.create(model="claude/claude-x", voice="a", input="x")
    assert refused.value.code == "unsupported_operation"


def test_a_budget_bounds_what_is_charged_by_the_piece(gateway: Gateway) -> None:
    key = gateway.key("poor", "--budget", "0.015", "--window", "total")
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)
    with pytest.raises(openai.RateLimitError) as refused:
        client.images.generate(model="sandbox/image", prompt="x", n=2)
    assert refused.value.code == "insufficient_quota"
    assert client.images.generate(model="sandbox/image", prompt="x").data
    assert client.audio.speech.create(model="sandbox/speech", voice="a", input="x", speed=1.5).content
    with pytest.raises(openai.RateLimitError):
        client.images.generate(model="sandbox/image", prompt="x")


def test_thoughts_are_shown_and_come_back(client: openai.OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "Think about rain"}]
    first = client.chat.completions.create(model="sandbox/chat", messages=asked, reasoning_effort="high")
    said: Any = first.choices[0].message.model_dump(exclude_none=True)
    assert said["reasoning_details"][0]["signature"] and first.usage
    assert first.usage.completion_tokens_details and first.usage.completion_tokens_details.reasoning_tokens
    again = [*asked, said, {"role": "user", "content": "And snow?"}]
    assert client.chat.completions.create(model="sandbox/chat", messages=again).choices
    said["reasoning_details"][0]["text"] += " changed"
    with pytest.raises(openai.BadRequestError, match="signature"):
        client.chat.completions.create(model="sandbox/chat", messages=again)
