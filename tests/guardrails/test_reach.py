"""Text in places that are easily missed: forms, names in objects, answers that are no document; and what none can read."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from headgate.core.call import Call
from headgate.core.errors import AnswerRefused, BadRequest
from headgate.dialects import DIALECTS
from headgate.dialects.media_form import fields_of
from headgate.guardrails.judge import read
from headgate.guardrails.rules import Rules, compiled, rule
from headgate.guardrails.types import Unavailable
from headgate.pipeline.guard import Guard, guarding
from tests.guardrails.test_everywhere import guard_of

CARD = "4111111111111111"
KIND = b"multipart/form-data; boundary=b"


def rules(**settings: Any) -> Rules:
    return compiled([rule("g", {"kind": "pii", "types": ["card", "email"], **settings})])


def form(**fields: str) -> bytes:
    head = b'--b\r\ncontent-disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
    texts = b"".join(head % (name.encode(), b"", text.encode()) for name, text in fields.items())
    return texts + head % (b"file", b'; filename="a.wav"', bytes(range(256))) + b"--b--\r\n"


async def transcription(body: bytes, by: Rules) -> tuple[Guard, Call]:
    """A guard that has looked at a request, which came as a form."""
    dialect = DIALECTS["openai-transcriptions"]
    call = Call(surface="x", operation="transcription", dialect=dialect, link=None, headers=[], t0=0.0)
    call.media, call.body, call.who = b"multipart/form-data", body, SimpleNamespace(tenant_id="t")
    call.envelope = dialect.envelope_form(body, KIND)  # type: ignore[attr-defined]
    waiting = guarding(by)(call, SimpleNamespace(guards=None))  # type: ignore[arg-type]
    if waiting is not None:
        await waiting
    return call.guard, call


async def test_the_prompt_of_a_transcription_is_looked_at() -> None:
    body = form(model="m", prompt=f"Jane, {CARD}", language="en", **{"known_speaker_names[]": "Jane"})
    with pytest.raises(BadRequest) as refused:
        await transcription(body, rules())
    assert (refused.value.code, refused.value.param) == ("content_policy_violation", "prompt")
    _, call = await transcription(body, rules(action="mask"))
    assert call.body == form(model="m", prompt="Jane, <CARD>", language="en", **{"known_speaker_names[]": "Jane"})
    start, end = call.envelope.file
    assert (
        call.body[start:end] == bytes(range(256))
        and json.loads(bytes(call.envelope.fields["prompt"])) == "Jane, <CARD>"
    )
    assert [one.name for one in fields_of(call.body, KIND)] == [
        "model",
        "prompt",
        "language",
        "known_speaker_names[]",
        "file",
    ]


@pytest.mark.parametrize("said", [CARD, f"{CARD}\n", f'["{CARD}"]', f'{{"a": "{CARD}"}}', f"1: {CARD}"])
async def test_a_transcription_is_text_whatever_it_looks_like(said: str) -> None:
    guard, _ = await transcription(form(model="m", response_format="text"), rules(action="mask", on=["output"]))
    assert await guard.whole(said.encode()) == said.replace(CARD, "<CARD>").encode()
    guard, _ = await transcription(form(model="m"), rules(on=["output"]))
    with pytest.raises(AnswerRefused):
        await guard.whole(json.dumps({"text": said}).encode())


@pytest.mark.parametrize(("name", "field"), [("openai-embeddings", "input"), ("openai-completions", "prompt")])
@pytest.mark.parametrize("tokens", [[1, 2], [[1, 2], [3]], ["x", [1]]])
async def test_tokens_are_refused_or_told(name: str, field: str, tokens: Any) -> None:
    body = json.dumps({"model": "m", field: tokens}).encode()
    guard, call = guard_of(name, rules())
    call.body = body
    with pytest.raises(BadRequest) as refused:
        await guard.request(call, SimpleNamespace())  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.param) == ("unsupported_operation", field)
    assert f"Send '{field}' as text" in refused.value.message
    for settings in ({"fail": "open"}, {"shadow": True}):
        guard, call = guard_of(name, rules(**settings))
        call.body = body
        await guard.request(call, SimpleNamespace())  # type: ignore[arg-type]
        assert guard.checks[0].act == "not_run" and call.body == body
    guard, call = guard_of(name, rules(places=["document"]))
    call.body = body
    await guard.request(call, SimpleNamespace())  # type: ignore[arg-type]
    assert not guard.checks, "it would not look there"


async def test_names_in_arguments_are_masked_and_put_back() -> None:
    guard, call = guard_of("anthropic-messages", rules(action="mask", reversible=True))
    use = {"type": "tool_use", "id": "1", "name": "f", "input": {"carol@corp.example": {"n": "bob@corp.example"}}}
    call.body = json.dumps(
        {"model": "m", "max_tokens": 1, "messages": [{"role": "assistant", "content": [use]}]}
    ).encode()
    call.envelope = DIALECTS["anthropic-messages"].envelope(call.body)
    await guard.request(call, SimpleNamespace())  # type: ignore[arg-type]
    assert b"corp.example" not in call.body and call.body.count(b"<EMAIL_") == 2
    sent = json.loads(call.body)["messages"][0]["content"]
    answer = await guard.whole(json.dumps({"type": "message", "content": sent}).encode())
    assert json.loads(answer)["content"] == [use]


async def test_a_name_that_is_refused_is_not_shown() -> None:
    guard, call = guard_of("gemini", rules())
    part = {"functionCall": {"name": "f", "args": {"carol@corp.example": "x"}}}
    call.body = json.dumps({"contents": [{"role": "model", "parts": [part]}]}).encode()
    with pytest.raises(BadRequest) as refused:
        await guard.request(call, SimpleNamespace())  # type: ignore[arg-type]
    assert refused.value.param == "contents[0].parts[0].functionCall.args"


async def test_a_passage_that_an_answer_repeats_is_masked_too() -> None:
    guard, _ = guard_of("gemini", rules(action="mask"))
    text = "Write to bob@corp.example."
    grounding = {"groundingSupports": [{"segment": {"endIndex": 26, "text": text}}]}
    told = {"candidates": [{"content": {"parts": [{"text": text}]}, "groundingMetadata": grounding}]}
    assert (await guard.whole(json.dumps(told).encode())).count(b"Write to <EMAIL>.") == 2


async def test_what_judges_the_whole_looks_at_what_was_said() -> None:
    guard, _ = guard_of("openai-chat", compiled([rule("f", {"kind": "format"}), rule("g", {"kind": "pii"})]))
    cited: Any = {"content": "{}", "annotations": [{"type": "url_citation", "url_citation": {"title": "no JSON"}}]}
    body = json.dumps({"choices": [{"message": cited}]}).encode()
    assert await guard.whole(body) == body
    cited["annotations"][0]["url_citation"]["title"] = CARD
    with pytest.raises(AnswerRefused, match="'g'"):
        await guard.whole(json.dumps({"choices": [{"message": cited}]}).encode())


def test_a_judge_that_nests_its_answer_has_not_answered() -> None:
    with pytest.raises(Unavailable, match="in the form asked for"):
        read('{"violates":false,"why":' + "[" * 1900 + "]" * 50 + "}")
