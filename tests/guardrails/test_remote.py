"""Services elsewhere: what they are sent, and what becomes of their answers, in their exact formats."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from headgate.guardrails.kinds import made
from headgate.guardrails.reach import poster
from headgate.guardrails.remote.base import changes
from headgate.guardrails.rules import rule
from headgate.guardrails.run import examine
from headgate.guardrails.types import Means, Posted, Span, Unavailable, Verdict
from headgate.transport.client import Http1Sender

Sent = list[tuple[str, dict[str, str], Any]]


class Double:
    """A service that gives its answers in turn, and keeps what it was sent."""

    def __init__(self, *answers: Any, status: int = 200) -> None:
        self.answers = list(answers)
        self.status = status
        self.sent: Sent = []

    async def post(self, url: str, headers: Any, body: bytes, seconds: float) -> Posted:
        self.sent.append((url, dict(headers), json.loads(body)))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Posted(self.status, answer if isinstance(answer, bytes) else json.dumps(answer).encode())


async def check(entry: dict[str, Any], double: Double, *spans: Span) -> Verdict:
    found = made(entry).check(spans, Means(post=double.post))
    verdict = await found  # type: ignore[misc]
    assert isinstance(verdict, Verdict)
    return verdict


async def test_presidio() -> None:
    double = Double([{"entity_type": "PERSON", "start": 0, "end": 4, "score": 0.85, "analysis_explanation": None}], [])
    verdict = await check(
        {"kind": "presidio", "action": "mask", "entities": ["PERSON"]}, double, Span("Jane is"), Span("ok")
    )
    assert verdict.act == "mask" and [(f.span, f.start, f.end, f.type) for f in verdict.findings] == [
        (0, 0, 4, "person")
    ]
    url, headers, body = double.sent[0]
    assert url == "http://localhost:5002/analyze" and headers["content-type"] == "application/json"
    assert body == {"text": "Jane is", "language": "en", "score_threshold": 0.5, "entities": ["PERSON"]}


async def test_lakera() -> None:
    answer = {
        "flagged": True,
        "payload": [{"start": 6, "end": 10, "text": "Jane", "detector_type": "pii/name", "labels": [], "message_id": 1}],
        "breakdown": [
            {"project_id": "p", "policy_id": "q", "detector_id": "d", "detector_type": "pii/name", "detected": True, "message_id": 1},
            {"detector_type": "prompt_attack", "detected": False, "message_id": 0},
        ],
        "metadata": {"request_uuid": "x"},
    }  # fmt: skip
    double = Double(answer)
    verdict = await check(
        {"kind": "lakera", "api_key": "lk", "project": "project-1"},
        double,
        Span("be nice", "system"),
        Span("I am, Jane"),
    )
    assert verdict.act == "block" and verdict.reason == "pii/name"
    assert [(f.span, f.start, f.end, f.type) for f in verdict.findings] == [(1, 6, 10, "name")]
    url, headers, body = double.sent[0]
    assert url == "https://api.lakera.ai/v2/guard" and headers["authorization"] == "Bearer lk"
    assert body == {
        "messages": [{"role": "system", "content": "be nice"}, {"role": "user", "content": "I am, Jane"}],
        "breakdown": True, "payload": True, "project_id": "project-1",
    }  # fmt: skip
    assert await check({"kind": "lakera"}, Double({"flagged": False}), Span("x")) == Verdict()


async def test_guardrails_ai() -> None:
    double = Double({"callId": "c", "rawLlmOutput": "a bad b", "validatedOutput": "a *** b", "validationPassed": False})
    entry = {"kind": "guardrails_ai", "guard": "no secrets"}
    assert (await check(entry, double, Span("a bad b", "output"))).act == "block"
    assert double.sent[0][0] == "http://localhost:8000/guards/no%20secrets/validate"
    assert double.sent[0][2] == {"llmOutput": "a bad b"}
    fixed = Double({"validatedOutput": "a *** b", "validationPassed": True})
    verdict = await check({**entry, "action": "mask"}, fixed, Span("a bad b"))
    assert [(f.start, f.end) for f in verdict.findings] == [(2, 5)]
    assert await check(entry, Double({"validationPassed": True, "validatedOutput": "a"}), Span("a")) == Verdict()


@pytest.mark.parametrize(
    ("entry", "answer"),
    [
        ({"kind": "guardrails_ai", "guard": "g"}, {"validationPassed": False}),
        ({"kind": "lakera"}, {"flagged": True, "payload": []}),
        ({"kind": "lakera"}, {"flagged": True, "payload": [{"start": 6, "end": 99, "message_id": 0}]}),
        ({"kind": "llm_guard"}, {"is_valid": False, "scanners": {"Toxicity": 0.99}, "sanitized_prompt": "some text"}),
        ({"kind": "http", "url": "http://x"}, {"action": "mask", "reason": "bad"}),
        ({"kind": "http", "url": "http://x"}, {"action": "mask", "findings": [{"span": 0, "start": 0, "end": 99}]}),
    ],
)
@pytest.mark.parametrize("shadow", [False, True])
async def test_what_cannot_be_masked_is_refused(entry: dict[str, Any], answer: Any, shadow: bool) -> None:
    ruled = rule("mine", {**entry, "action": "mask", "shadow": shadow})
    [outcome] = await examine([ruled], "input", [Span("some text")], Means(post=Double(answer).post))
    assert (outcome.verdict.act, outcome.checked.act, outcome.checked.shadow) == ("block", "block", shadow)


async def test_llm_guard() -> None:
    double = Double({"is_valid": False, "scanners": {"Toxicity": 0.99, "Length": 0.0}, "sanitized_prompt": "x"})
    verdict = await check({"kind": "llm_guard", "suppress": ["BanTopics"]}, double, Span("you fool"))
    assert verdict.act == "block" and verdict.reason == "Toxicity"
    assert double.sent[0][0].endswith("/analyze/prompt")
    assert double.sent[0][2] == {"prompt": "you fool", "scanners_suppress": ["BanTopics"]}
    double = Double({"is_valid": False, "scanners": {"Anonymize": 1.0}, "sanitized_output": "I am [REDACTED]."})
    verdict = await check({"kind": "llm_guard", "action": "mask"}, double, Span("I am Jane.", "output"))
    assert double.sent[0][0].endswith("/analyze/output") and double.sent[0][2]["output"] == "I am Jane."
    assert [(f.start, f.end) for f in verdict.findings] == [(5, 9)]


async def test_openai_moderation() -> None:
    results = [
        {"flagged": True, "categories": {"hate": True, "violence": False}, "category_scores": {"hate": 0.9, "violence": 0.4}},
        {"flagged": False, "categories": {"hate": False}, "category_scores": {"hate": 0.1}},
    ]  # fmt: skip
    double = Double({"id": "m", "model": "omni-moderation-latest", "results": results})
    verdict = await check({"kind": "openai_moderation", "api_key": "sk"}, double, Span("a"), Span("b"))
    assert [(f.span, f.type, f.score) for f in verdict.findings] == [(0, "hate", 0.9)]
    assert double.sent[0][0] == "https://api.openai.com/v1/moderations"
    assert double.sent[0][2] == {"model": "omni-moderation-latest", "input": ["a", "b"]}
    verdict = await check(
        {"kind": "openai_moderation", "threshold": 0.3, "categories": ["violence"]},
        Double({"results": results}),
        Span("a"),
        Span("b"),
    )
    assert [f.type for f in verdict.findings] == ["violence"]
    with pytest.raises(Unavailable, match="every text"):
        await check({"kind": "openai_moderation"}, Double({"results": results[:1]}), Span("a"), Span("b"))


async def test_azure_content_safety() -> None:
    double = Double(
        {
            "blocklistsMatch": [],
            "categoriesAnalysis": [{"category": "Hate", "severity": 4}, {"category": "Violence", "severity": 2}],
        },
        {"userPromptAnalysis": {"attackDetected": False}, "documentsAnalysis": [{"attackDetected": True}]},
    )
    entry = {
        "kind": "azure_content_safety",
        "url": "https://x.cognitiveservices.azure.example",
        "api_key": "az",
        "check_for": ["content", "attacks"],
    }
    verdict = await check(entry, double, Span("text", "tool_result"))
    assert {f.type for f in verdict.findings} == {"hate", "attack"}
    (url, headers, body), (shield, _, document) = double.sent
    assert url.endswith("/contentsafety/text:analyze?api-version=2024-09-01")
    assert headers["ocp-apim-subscription-key"] == "az"
    assert body == {"text": "text", "outputType": "FourSeverityLevels"}
    assert shield.endswith("/contentsafety/text:shieldPrompt?api-version=2024-09-01")
    assert document == {"userPrompt": "", "documents": ["text"]}


async def test_bedrock() -> None:
    assessment = {
        "sensitiveInformationPolicy": {
            "piiEntities": [{"type": "EMAIL", "match": "j@x.example", "action": "ANONYMIZED"}],
            "regexes": [],
        }
    }
    answer = {
        "action": "GUARDRAIL_INTERVENED",
        "outputs": [{"text": "to {EMAIL}"}],
        "assessments": [assessment],
        "usage": {},
    }
    entry = {
        "kind": "bedrock_guardrail",
        "guardrail": "abc",
        "version": "3",
        "region": "eu-central-1",
        "access_key_id": "AK",
        "secret_access_key": "SK",
    }
    double = Double(answer)
    verdict = await check({**entry, "action": "mask"}, double, Span("to j@x.example"))
    assert verdict.act == "mask" and [(f.start, f.end, f.type) for f in verdict.findings] == [(3, 14, "email")]
    url, headers, body = double.sent[0]
    assert url == "https://bedrock-runtime.eu-central-1.amazonaws.com/guardrail/abc/version/3/apply"
    assert "/eu-central-1/bedrock/aws4_request" in headers["authorization"] and "x-amz-date" in headers
    assert body == {"source": "INPUT", "content": [{"text": {"text": "to j@x.example"}}]}
    topic = {"topicPolicy": {"topics": [{"name": "Finance", "type": "DENY", "action": "BLOCKED"}]}}
    verdict = await check({**entry, "action": "mask"}, Double({**answer, "assessments": [topic]}), Span("x", "output"))
    assert verdict.act == "block" and verdict.reason == "deny"
    assert await check(entry, Double({"action": "NONE", "outputs": [], "assessments": []}), Span("x")) == Verdict()


async def test_one_of_one_s_own() -> None:
    double = Double(
        {"action": "mask", "findings": [{"span": 0, "start": 0, "end": 2, "type": "x", "score": 0.5}], "reason": "r"}
    )
    entry = {"kind": "http", "url": "https://guard.corp.example/check", "headers": {"x-team": "blue"}}
    verdict = await check(entry, double, Span("abc", "tool_result"))
    assert verdict.act == "mask" and verdict.findings[0].end == 2 and verdict.reason == "r"
    url, headers, body = double.sent[0]
    assert url == "https://guard.corp.example/check" and headers["x-team"] == "blue"
    assert body == {"guardrail": "http", "spans": [{"text": "abc", "place": "tool_result"}]}
    assert (await check(entry, Double({"action": "allow"}), Span("a"))) == Verdict()
    rewritten = await check(
        {**entry, "action": "mask"}, Double({"action": "mask", "texts": ["a *** c"]}), Span("a bad c")
    )
    assert [(f.start, f.end) for f in rewritten.findings] == [(2, 5)]
    assert (await check({**entry, "action": "flag"}, Double({"action": "block"}), Span("a"))).act == "flag"


@pytest.mark.parametrize(
    "kind",
    [
        "presidio",
        "lakera",
        "llm_guard",
        "openai_moderation",
        "http",
        "guardrails_ai",
        "azure_content_safety",
        "bedrock_guardrail",
    ],
)
@pytest.mark.parametrize("answer", [b"no json", [], {}, {"action": 3}, None])
@pytest.mark.parametrize("status", [200, 500])
async def test_nonsense_never_passes_for_a_verdict_of_harm(kind: str, answer: Any, status: int) -> None:
    """A service that answers nonsense either could not be asked, or found nothing: it breaks no call and masks nothing."""
    entry = {
        "kind": kind,
        "url": "https://x.example",
        "guardrail": "g",
        "guard": "g",
        "access_key_id": "a",
        "secret_access_key": "b",
    }
    from headgate.guardrails.kinds import KINDS

    known = {"kind", *KINDS[kind].__struct_fields__}
    try:
        verdict = await check(
            {k: v for k, v in entry.items() if k in known}, Double(answer, status=status), Span("some text")
        )
    except Unavailable:
        return
    assert status == 200 and not verdict.findings


@asynccontextmanager
async def server(reply: bytes, slow: float = 0.0) -> AsyncIterator[tuple[str, list[bytes]]]:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        heard.append(head + await reader.readexactly(size))
        await asyncio.sleep(slow)
        writer.write(reply)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", heard


async def test_they_are_reached_over_the_gateway_s_own_sender() -> None:
    sender = Http1Sender()
    try:
        async with server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]") as (url, heard):
            guard = made({"kind": "presidio", "url": url})
            assert await guard.check([Span("hello")], Means(post=poster(sender))) == Verdict()  # type: ignore[misc]
            assert heard[0].startswith(b"POST /analyze HTTP/1.1\r\n") and b'"text":"hello"' in heard[0]
        guard = made({"kind": "presidio", "url": url})
        with pytest.raises(Unavailable, match="upstream_connect_error"):
            await guard.check([Span("hello")], Means(post=poster(sender)))  # type: ignore[misc]
    finally:
        await sender.close()


def test_changes() -> None:
    assert [(f.start, f.end) for f in changes(0, "I am Jane Roe of Bonn.", "I am [NAME] of [CITY].")] == [
        (5, 13),
        (17, 21),
    ]
    assert changes(0, "same", "same") == []
