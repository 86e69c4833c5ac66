"""Gemini's dialect by itself: what was recorded comes out as it went in, however it is cut."""

import json
import random
from typing import Any

import pytest

from headgate.core.chat import Citation, Text, Thinking, ToolCall
from headgate.core.errors import BadRequest, BudgetSpent, HeadgateError, NotAuthenticated, UpstreamFailed
from headgate.core.fold import fold
from headgate.core.money import Usage
from headgate.dialects import count_gemini, gemini, gemini_array
from headgate.dialects.base import Abilities, Dialect
from headgate.dialects.call_input import INVALID
from headgate.dialects.gemini_array import Cutter
from headgate.dialects.gemini_fields import json_schema
from headgate.dialects.sse import Parser
from tests.dialects import recorded

TO = Abilities(model="gemini-3-pro", name="google/gemini-3-pro", kind="gemini")
PROVIDERS = ("gemini", "vertex")
REFUSED = {"Please use a valid role: user, model.", "temperature value of 1000"}


def rows(provider: str) -> list[dict[str, Any]]:
    return recorded.every(provider)


def streams(provider: str) -> list[tuple[Dialect, bytes]]:
    """Every recorded stream, and the dialect of its framing."""
    found: list[tuple[Dialect, bytes]] = []
    for row in rows(provider):
        response = row["response"]
        if response.get("text"):
            found.append((gemini, response["text"].encode()))
        elif isinstance(response.get("body"), list):
            found.append((gemini_array, recorded.dumped(response["body"])))
    return found


def asked(**fields: Any) -> bytes:
    return json.dumps({"contents": [{"role": "user", "parts": [{"text": "hi"}]}], **fields}).encode()


def again(body: bytes) -> Any:
    """Read a request and write it for the same dialect."""
    written = gemini.write_request(gemini.read_request(body), TO, drop=False)
    assert not written.dropped and not written.defaulted
    return json.loads(written.body)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_recorded_requests_come_out_as_they_went_in(provider: str) -> None:
    same = 0
    for row in rows(provider):
        body = row["request"]["body"]
        if row["response"]["status"] == 400:
            with pytest.raises(BadRequest):
                gemini.read_request(recorded.dumped(body))
            continue
        assert again(recorded.dumped(body)) == body
        envelope = gemini.envelope_at(recorded.dumped(body), "m", stream=False)
        assert envelope.patched("other") is envelope.body
        same += 1
    assert same >= 25


@pytest.mark.parametrize("provider", PROVIDERS)
def test_recorded_replies_come_out_as_they_went_in(provider: str) -> None:
    same = 0
    for row in rows(provider):
        body = row["response"].get("body")
        if row["response"]["status"] != 200 or not isinstance(body, dict):
            continue
        reply = gemini.read_reply(recorded.dumped(body))
        assert json.loads(gemini.write_reply(reply)) == body
        seen = gemini.sniff(recorded.dumped(body))
        assert (seen.usage, seen.finish) == (reply.usage, reply.choices[0].finish)
        assert (seen.model, seen.id) == (body.get("modelVersion"), body.get("responseId"))
        same += 1
    assert same >= 18


@pytest.mark.parametrize("provider", PROVIDERS)
def test_recorded_streams_pass_event_by_event_however_they_are_cut(provider: str) -> None:
    rng = random.Random(provider)
    for dialect, data in streams(provider):
        whole = None
        for most in (len(data), 1500, 300, 7):
            if most == 7:
                data = data[:4000] + data[-3000:] if len(data) > 7000 and dialect is gemini else data
            tap, reader = dialect.tap(hide_usage=False), dialect.reader()
            out, chunks, at = b"", [], 0
            while at < len(data):
                size = rng.randrange(1, most + 1)
                out += tap.feed(data[at : at + size])
                chunks += reader.feed(data[at : at + size])
                at += size
            out += tap.close()
            chunks += reader.close()
            if most == 7 and dialect is gemini:
                continue  # cut in the middle: it must not raise, and that is all
            assert tap.failure is None and reader.failure is None and tap.ended and reader.ended
            assert events(dialect, out) == events(dialect, data)
            assert (tap.usage, tap.finish, tap.events) == (reader.usage, reader.finish, reader.events)
            assert tap.text_bytes > 0
            whole = whole or fold(chunks)
            assert fold(chunks) == whole
    assert streams(provider)


def events(dialect: Dialect, data: bytes) -> list[bytes | None]:
    if dialect is gemini:
        return [event.data for event in Parser().feed(data + b"\n\n") if event.data is not None]
    return list(Cutter().feed(data)[0])


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_recorded_stream_without_its_last_event_is_cut(provider: str) -> None:
    for dialect, data in streams(provider):
        if dialect is gemini_array:
            continue  # it has one element
        found = [event for event in Parser().feed(data) if event.data is not None]
        unfinished = b"".join(event.raw for event in found[:-1])
        if b'"finishReason"' in unfinished:
            continue
        for seen in (dialect.tap(hide_usage=False), dialect.reader()):
            seen.feed(unfinished)
            seen.close()
            assert seen.failure is not None and seen.failure.code == "upstream_stream_interrupted" and not seen.ended


def test_both_spellings_of_names_are_read_and_kept() -> None:
    body = {
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": "AA-_"}}]}],
        "system_instruction": {"parts": [{"text": "s"}]},
        "generation_config": {
            "max_output_tokens": 7,
            "stop_sequences": ["x"],
            "thinking_config": {"thinking_level": "low"},
        },
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
    }
    assert again(json.dumps(body).encode()) == body
    envelope = gemini.envelope_at(json.dumps(body).encode(), "m", stream=True)
    assert (envelope.model, envelope.stream, envelope.max_tokens, envelope.n) == ("m", True, 7, 1)
    assert not envelope.unknown_fields()
    clamped = json.loads(envelope.patched("m", max_tokens=3))
    assert gemini.envelope_at(json.dumps(clamped).encode(), "m", stream=False).max_tokens == 3
    assert clamped["generation_config"]["stop_sequences"] == ["x"]


def test_calls_without_ids_are_matched_with_their_results_by_name_and_order() -> None:
    def call(name: str) -> Any:
        return {"functionCall": {"name": name, "args": {}}}

    def result(name: str, said: str) -> Any:
        return {"functionResponse": {"name": name, "response": {"output": said}}}

    body = asked(
        contents=[
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [call("f"), call("g"), call("f")]},
            {"role": "user", "parts": [result("f", "1"), result("f", "2"), result("g", "3")]},
        ]
    )
    request = gemini.read_request(body)
    assert again(body) == json.loads(body)
    ids = [part.id for part in request.messages[1].parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == 3
    assert [part.call_id for part in request.messages[2].parts] == [ids[0], ids[2], ids[1]]  # type: ignore[union-attr]
    longer = json.loads(body)
    longer["contents"].append({"role": "user", "parts": [{"text": "more"}]})
    replayed = gemini.read_request(json.dumps(longer).encode())
    assert [p.id for p in replayed.messages[1].parts] == ids  # type: ignore[union-attr]


def test_a_result_without_a_call_is_kept() -> None:
    body = asked(contents=[{"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"a": [1]}}}]}])
    assert again(body) == json.loads(body)


def test_signatures_stay_on_their_parts() -> None:
    parts = [
        {"text": "I think", "thought": True},
        {"text": "so", "thoughtSignature": "c2lnMQ=="},
        {"functionCall": {"id": "a", "name": "f", "args": {"x": 1.0}}, "thoughtSignature": "c2lnMg=="},
        {"functionCall": {"name": "g"}},
        {"text": "", "thoughtSignature": "c2lnMw=="},
        {"text": "own", "thought": True, "thoughtSignature": "c2lnNA=="},
        {"thought": True, "thoughtSignature": "c2lnNQ=="},
        {"executableCode": {"code": "1", "language": "PYTHON"}, "thoughtSignature": "c2lnNg=="},
    ]
    body = asked(contents=[{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": parts}])
    assert again(body) == json.loads(body)
    request = gemini.read_request(body)
    proofs = [p for p in request.messages[1].parts if isinstance(p, Thinking) and p.signature]
    assert [(p.signature, p.of) for p in proofs][:2] == [("c2lnMQ==", None), ("c2lnMg==", "a")]
    assert {p.source for p in proofs} == {"gemini"}


def test_pieces_of_a_streamed_answer_are_one_turn_and_come_out_apart() -> None:
    turns = [{"role": "model", "parts": [{"text": piece}]} for piece in ("a", "b", "c")]
    turns[1]["parts"] = [{"functionCall": {"name": "f", "args": {}}}, {"functionCall": {"name": "g", "args": {}}}]
    body = asked(
        contents=[{"role": "user", "parts": [{"text": "hi"}]}, *turns, {"role": "user", "parts": [{"text": "x"}]}]
    )
    request = gemini.read_request(body)
    assert [message.role for message in request.messages] == ["user", "assistant", "user"]
    assert again(body) == json.loads(body)


def test_a_schema_of_geminis_own_is_read_as_json_schema() -> None:
    own = {
        "type": "OBJECT",
        "properties": {
            "b": {"type": "STRING", "nullable": True, "enum": ["x"], "format": "enum"},
            "a": {"type": "ARRAY", "items": {"type": 3}, "minItems": "1"},
            "c": {"anyOf": [{"type": "NUMBER"}, {"type": "BOOLEAN"}], "nullable": True},
        },
        "required": ["a"],
        "propertyOrdering": ["a", "b"],
    }
    tools = [{"functionDeclarations": [{"name": "f", "parameters": own}]}, {"googleSearch": {}}]
    body = asked(tools=tools, generationConfig={"responseMimeType": "application/json", "responseSchema": own})
    meant = {
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": {"type": "integer"}, "minItems": 1},
            "b": {"type": ["string", "null"], "enum": ["x", None]},
            "c": {"anyOf": [{"type": "number"}, {"type": "boolean"}, {"type": "null"}]},
        },
        "required": ["a"],
    }
    request = gemini.read_request(body)
    assert (
        request.tools
        and request.tools[0].parameters == meant
        and list(meant["properties"]) == list(request.tools[0].parameters["properties"])
    )
    assert request.format is not None and (request.format.kind, request.format.schema) == ("json_schema", meant)
    assert again(body) == json.loads(body)


@pytest.mark.parametrize(
    ("config", "wish"),
    [
        ({"thinkingBudget": 0}, ("off", None, None)),
        ({"thinkingBudget": -1}, ("auto", None, None)),
        ({"thinkingBudget": 512}, ("on", 512, None)),
        ({"thinkingLevel": "LOW"}, (None, None, "low")),
        ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, (None, None, None)),
    ],
)
def test_what_is_asked_of_thinking(config: dict[str, Any], wish: tuple[Any, ...]) -> None:
    body = asked(generationConfig={"thinkingConfig": {**config, "includeThoughts": True}})
    request = gemini.read_request(body)
    assert (request.thinking, request.thinking_budget, request.effort) == wish and request.thoughts is True
    assert again(body) == json.loads(body)


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, ("auto", None, None)),
        ({"mode": "NONE"}, ("none", None, None)),
        ({"mode": "ANY"}, ("required", None, None)),
        ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ("named", "f", None)),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ("required", None, ["f", "g"])),
        ({"mode": "VALIDATED"}, ("auto", None, None)),
    ],
)
def test_what_is_asked_of_tools(calling: dict[str, Any], choice: tuple[Any, ...]) -> None:
    tools = [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}]
    body = asked(tools=tools, toolConfig={"functionCallingConfig": calling})
    request = gemini.read_request(body)
    assert request.tool_choice is not None and request.tools is not None
    assert (request.tool_choice.mode, request.tool_choice.name, request.tool_choice.allowed) == choice
    assert [tool.strict for tool in request.tools] == ([True, True] if calling["mode"] == "VALIDATED" else [None, None])
    assert again(body) == json.loads(body)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"contents": []}, "contents"),
        ({"contents": None}, "contents"),
        ({"contents": [{"role": "system", "parts": []}]}, "contents[0].role"),
        ({"contents": [{"parts": [{"functionCall": {"args": {}}}]}]}, "contents[0].parts[0].functionCall.name"),
        ({"contents": [{"parts": [{"text": 5}]}]}, "contents[0].parts[0].text"),
        ({"generationConfig": {"maxOutputTokens": 0}}, "generationConfig.maxOutputTokens"),
        ({"generationConfig": {"temperature": 3}}, "generationConfig.temperature"),
        ({"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "toolConfig.functionCallingConfig.mode"),
    ],
)
def test_what_the_format_forbids_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        gemini.read_request(asked(**fields))
    assert refused.value.param == param


def test_a_request_without_a_path_names_no_model() -> None:
    with pytest.raises(BadRequest) as refused:
        gemini.envelope(asked())
    assert refused.value.param == "model"


def test_a_blocked_prompt_is_an_answer() -> None:
    body = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}, "modelVersion": "m"}
    raw = json.dumps(body).encode()
    reply = gemini.read_reply(raw)
    assert (reply.choices[0].finish, reply.choices[0].native) == ("content_filter", "SAFETY")
    assert gemini.sniff(raw).finish == "content_filter" and gemini.sniff(raw).usage == Usage(4)
    assert json.loads(gemini.write_reply(reply)) == body
    for dialect, data in ((gemini, b"data: %b\r\n\r\n" % raw), (gemini_array, b"[%b]" % raw)):
        for seen in (dialect.tap(hide_usage=False), dialect.reader()):
            seen.feed(data)
            seen.close()
            assert seen.failure is None and seen.finish == "content_filter" and seen.started and seen.ended


def test_its_own_id_of_an_answer_stands_in_the_stream() -> None:
    raw = json.dumps({"candidates": [{"content": {"parts": [{"text": "x"}]}}], "responseId": "r-1"}).encode()
    for seen in (gemini.reader(), gemini.tap(hide_usage=False)):
        seen.feed(b"data: %b\n\n" % raw)
        assert getattr(seen, "id", None) == "r-1"


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "OTHER", "MISSING_THOUGHT_SIGNATURE"])
def test_an_answer_that_went_wrong_is_an_error_where_it_is_translated(reason: str) -> None:
    raw = json.dumps({"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": reason}]}).encode()
    with pytest.raises(UpstreamFailed, match=reason):
        gemini.read_reply(raw)
    reader, tap = gemini.reader(), gemini.tap(hide_usage=False)
    reader.feed(b"data: %b\n\n" % raw)
    assert reader.failure is not None and reason in reader.failure.message
    assert reader.failure.same_target is (reason != "MISSING_THOUGHT_SIGNATURE") and reader.failure.usage is None
    assert tap.feed(b"data: %b\n\n" % raw) and tap.close() == b""  # its own clients know these words
    assert tap.failure is None and tap.finish == "error" and gemini.sniff(raw).finish == "error"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"5",
        b"{}",
        b'{"candidates":5}',
        b'{"candidates":[{"content":{"parts":[{"functionCall":{}}]}}]}',
    ],
)
def test_what_is_no_reply(body: bytes) -> None:
    with pytest.raises(UpstreamFailed) as failed:
        gemini.read_reply(body)
    assert failed.value.code == "upstream_invalid_response"


def test_sources_are_cited_by_characters() -> None:
    text = "Größe: 42. Ja."
    support = {"segment": {"startIndex": 0, "endIndex": 12, "text": "Größe: 42."}, "groundingChunkIndices": [1]}
    chunks = [{"web": {"uri": "http://a"}}, {"web": {"uri": "http://b", "title": "B"}}]
    body = {
        "candidates": [
            {
                "content": {"parts": [{"text": text}], "role": "model"},
                "finishReason": "STOP",
                "groundingMetadata": {"groundingChunks": chunks, "groundingSupports": [support]},
            }
        ]
    }
    reply = gemini.read_reply(json.dumps(body).encode())
    said = reply.choices[0].parts[0]
    assert isinstance(said, Text) and said.citations == [Citation("http://b", "B", start=0, end=10)]
    assert json.loads(gemini.write_reply(reply)) == body
    reply.extra = reply.choices[0].extra = None
    written = json.loads(gemini.write_reply(reply))["candidates"][0]["groundingMetadata"]
    assert (
        written["groundingChunks"] == [chunks[1]] and written["groundingSupports"][0]["segment"] == support["segment"]
    )


def test_log_probabilities_are_ours_and_theirs() -> None:
    result = {
        "chosenCandidates": [{"token": "hä", "logProbability": -0.5, "tokenId": 7}],
        "topCandidates": [
            {"candidates": [{"token": "hä", "logProbability": -0.5}, {"token": "x", "logProbability": -2}]}
        ],
    }
    candidate = {"content": {"parts": [{"text": "hä"}]}, "finishReason": "STOP", "logprobsResult": result}
    raw = json.dumps({"candidates": [candidate]}).encode()
    told = gemini.read_reply(raw).choices[0].logprobs
    assert told["content"][0]["bytes"] == list("hä".encode()) and len(told["content"][0]["top_logprobs"]) == 2
    chunks = gemini.reader().feed(b"data: %b\n\n" % raw)
    assert fold(chunks).choices[0].logprobs == told


def test_usage_is_summed_of_four() -> None:
    said = {
        "promptTokenCount": 10,
        "toolUsePromptTokenCount": 5,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 3,
        "cachedContentTokenCount": 4,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}, {"modality": 2, "tokenCount": 1}],
    }
    raw = json.dumps({"candidates": [{"finishReason": "STOP"}], "usageMetadata": said}).encode()
    usage = gemini.sniff(raw).usage
    assert usage == Usage(15, 10, 4, reasoning=3, audio_input=2, image_input=1)
    absurd = json.dumps({"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"promptTokenCount": -5}}).encode()
    assert gemini.sniff(absurd).usage is None


@pytest.mark.parametrize(("model", "searches"), [("gemini-2.5-flash", 1), ("gemini-3-flash", 3), ("", 3)])
def test_searches_are_counted_as_they_are_charged(model: str, searches: int) -> None:
    said = {"promptTokenCount": 1, "candidatesTokenCount": 2}
    candidate = {
        "content": {"parts": [{"text": "x"}]},
        "finishReason": "STOP",
        "groundingMetadata": {"webSearchQueries": ["a", "b", "c"]},
    }
    raw = json.dumps({"candidates": [candidate], "usageMetadata": said, "modelVersion": model}).encode()
    expected = Usage(1, 2, searches=searches)
    assert gemini.sniff(raw).usage == expected and gemini.read_reply(raw).usage == expected
    for dialect, data in ((gemini, b"data: %b\n\n" % raw), (gemini_array, b"[%b]" % raw)):
        for seen in (dialect.tap(hide_usage=False), dialect.reader()):
            seen.feed(data)
            assert seen.usage == expected


def test_arguments_that_are_no_json_survive() -> None:
    call = {"functionCall": {"id": "a", "name": "f", "args": {INVALID: '{"x": '}}}
    body = asked(contents=[{"parts": [{"text": "x"}]}, {"role": "model", "parts": [call]}])
    part = gemini.read_request(body).messages[1].parts[0]
    assert isinstance(part, ToolCall) and part.arguments == '{"x": '
    assert again(body) == json.loads(body)


# --- errors ---


def told(status: int, message: str, *details: Any, word: str = "") -> UpstreamFailed:
    error = {"code": status, "message": message, "status": word, "details": list(details)}
    return gemini.read_error(status, [], json.dumps({"error": error}).encode())


QUOTA = "You exceeded your current quota, please check your plan and billing details."


def test_a_limit_that_passes_is_waited_for_and_one_of_the_day_is_not() -> None:
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.4s"}
    minute = {"violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel"}]}
    day = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}
    passing = told(429, QUOTA, minute, retry)
    assert (passing.status, passing.code, passing.wait, passing.retry) == (429, "upstream_rate_limited", 34.4, True)
    final = told(429, QUOTA, day, retry)
    assert (final.code, final.wait, final.same_target) == ("upstream_quota_exhausted", None, False)
    assert told(402, "Prepay is empty", word="RESOURCE_EXHAUSTED").code == "upstream_quota_exhausted"


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (400, "API key not valid. Please pass a valid API key.", "upstream_auth_error"),
        (400, "The input token count (2) exceeds the maximum number of tokens allowed (1).", "context_length_exceeded"),
        (400, "Please use a valid role: user, model.", "upstream_bad_request"),
        (403, "no", "upstream_auth_error"),
        (404, "models/x is not found for API version v1beta.", "upstream_model_not_found"),
        (404, "Cached content 'x' not found.", "upstream_bad_request"),
        (503, "The model is overloaded.", "upstream_unavailable"),
        (504, "late", "upstream_timeout"),
    ],
)
def test_what_errors_mean(status: int, message: str, code: str) -> None:
    assert told(status, message).code == code
    wrapped = json.dumps([{"error": {"code": status, "message": message}}]).encode()
    assert gemini.read_error(status, [], wrapped).code == code


def test_errors_inside_of_a_stream() -> None:
    error = b'{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}'
    begun = b'{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}'
    for dialect, data in (
        (gemini, b"data: %b\n\ndata: %b\n\n" % (begun, error)),
        (gemini, b"data: %b\r\n\r\ndata: [%b]\r\n\r\n" % (begun, error)),
        (gemini_array, b"[%b,\r\n%b]" % (begun, error)),
    ):
        tap, reader = dialect.tap(hide_usage=False), dialect.reader()
        out = tap.feed(data)
        assert b"overloaded" not in out and b'"a"' in out
        reader.feed(data)
        for seen in (tap, reader):
            assert seen.failure is not None and seen.failure.code == "upstream_unavailable"


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (BadRequest("no", code="invalid_json", param="a.b"), "INVALID_ARGUMENT"),
        (NotAuthenticated(), "UNAUTHENTICATED"),
        (BudgetSpent("no"), "RESOURCE_EXHAUSTED"),
        (UpstreamFailed("no", status=502, code="upstream_error"), "UNAVAILABLE"),
        (HeadgateError("no"), "INTERNAL"),
    ],
    ids=lambda value: getattr(value, "code", value),
)
def test_our_errors_in_googles_form(error: HeadgateError, word: str) -> None:
    body = gemini.write_error(error, "req")
    assert json.loads(body) == {
        "error": {
            "code": error.status,
            "message": error.message,
            "status": word,
            "details": [{"reason": error.code, "field": error.param}],
        }
    }
    tap = gemini.tap(hide_usage=False)
    assert tap.feed(gemini.write_stream_error(error, "req")) == b"" and tap.failure is not None
    begun = b'[{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}'
    assert json.loads(begun + gemini_array.write_stream_error(error, "req"))[1] == json.loads(body)


# --- counting ---


def test_counting_reads_and_writes_both_forms() -> None:
    bare, whole = asked(), json.dumps({"generateContentRequest": {"model": "models/x", **json.loads(asked())}}).encode()
    for body in (bare, whole):
        envelope = count_gemini.envelope_at(body, "m", stream=False)
        assert envelope.model == "m" and count_gemini.read_request(body).messages
    assert count_gemini.envelope_at(bare, "m", stream=False).patched("n") == bare
    patched = json.loads(count_gemini.envelope_at(whole, "m", stream=False).patched("n"))
    assert patched["generateContentRequest"]["model"] == "models/n"
    request = gemini.read_request(asked(systemInstruction={"parts": [{"text": "s"}]}))
    written = json.loads(count_gemini.write_request(request, TO, drop=False).body)
    assert written["generateContentRequest"]["model"] == "models/gemini-3-pro"
    vertex = Abilities(model="g", name="v/g", kind="vertex")
    assert json.loads(count_gemini.write_request(request, vertex, drop=False).body).keys() == {
        "contents",
        "systemInstruction",
    }
    assert json.loads(count_gemini.write_count(5)) == {"totalTokens": 5}
    assert count_gemini.read_reply(b'{"totalTokens":7}').usage == Usage(7)
    assert count_gemini.sniff(b'{"totalTokens":7}').usage == Usage()
    with pytest.raises(UpstreamFailed):
        count_gemini.sniff(b'{"totalTokens":"many"}')


def test_an_order_of_properties_that_names_none_changes_nothing() -> None:
    schema = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "propertyOrdering": [{"x": 1}, 5, "a"]}
    assert json_schema(schema) == {"type": "object", "properties": {"a": {"type": "string"}}}
