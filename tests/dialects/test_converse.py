"""Converse: read and written again as it was, watched and read whatever way it is cut, errors told as AWS tells them."""

import json
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from headgate.core.chat import Audio, File, Image, Text, Thinking, ToolCall, ToolResult
from headgate.core.errors import BadRequest, BudgetSpent, RateLimited, UpstreamFailed
from headgate.core.fold import fold
from headgate.core.money import Usage
from headgate.dialects import event_stream
from headgate.dialects.base import Abilities
from headgate.dialects.converse import bedrock_converse as converse
from tests.dialects import recorded_converse

TO = Abilities("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws/claude")
USER = {"role": "user", "content": [{"text": "hi"}]}
SCHEMA = {"type": "object", "properties": {"a": {"type": "number", "minimum": 0.1}}, "required": ["a"]}
SPEC = {"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": SCHEMA}, "strict": True}}
POINT = {"cachePoint": {"type": "default"}}
CITED = {
    "title": "t",
    "source": "s",
    "sourceContent": [{"text": "q"}],
    "location": {"documentPage": {"documentIndex": 0, "start": 1}},
}
WEB = {"location": {"web": {"url": "https://x.example", "domain": "x.example"}}}

REQUESTS: list[dict[str, Any]] = [
    {},
    {"system": [{"text": "s"}, POINT, {"guardContent": {"text": {"text": "g"}}}]},
    {"system": []},
    {"inferenceConfig": {"maxTokens": 5, "temperature": 0.5, "topP": 1.0, "stopSequences": ["a", "b"], "topK": 3}},
    {"inferenceConfig": {}, "toolConfig": {}, "outputConfig": {}, "additionalModelRequestFields": {}},
    {"toolConfig": {"tools": [SPEC, POINT, {"systemTool": {"name": "nova_grounding"}}], "toolChoice": {"auto": {}}}},
    {"toolConfig": {"tools": [POINT, {**SPEC, "more": 1}], "toolChoice": {"any": {}}}},
    {"toolConfig": {"tools": [SPEC], "toolChoice": {"tool": {"name": "f"}}}},
    {"toolConfig": {"tools": [SPEC], "toolChoice": {"tool": {"name": "f", "x": 1}}}},
    {"toolConfig": {"tools": [SPEC], "toolChoice": {"never": {}}}},
    {"outputConfig": {"effort": "high", "textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": '{"type": "object"}', "name": "n", "description": "d"}}}}},
    {"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {"schema": "no JSON"}}}}},
    {"outputConfig": {"textFormat": {"type": "grammar", "structure": {"x": 1}}}},
    {"additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1024}, "top_k": 5, "anthropic_beta": ["a"]}},
    {"additionalModelRequestFields": {"thinking": {"type": "adaptive", "display": "omitted"}}, "outputConfig": {"effort": "low"}},
    {"additionalModelRequestFields": {"thinking": {"type": "disabled"}}},
    {"additionalModelRequestFields": {"thinking": {"type": "between_tools"}, "reasoningConfig": "low"}},
    {"additionalModelRequestFields": {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}, "inferenceConfig": {"topK": 3}}},
    {"additionalModelRequestFields": {"reasoningConfig": {"type": "disabled"}}},
    {"additionalModelRequestFields": {"reasoning_effort": "low"}},
    {"additionalModelRequestFields": {"reasoning_effort": "low"}, "outputConfig": {"effort": "low"}},
    {"additionalModelRequestFields": {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}, "toolConfig": {"tools": [SPEC]}},
    {"additionalModelRequestFields": {"tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}}, "toolConfig": {"tools": [SPEC]}},
    {"additionalModelRequestFields": {"tool_choice": {"type": "any", "disable_parallel_tool_use": False}}, "toolConfig": {"tools": [SPEC]}},
    {"requestMetadata": {"a": "b"}, "performanceConfig": {"latency": "optimized"}, "serviceTier": {"type": "flex", "x": 1}},
    {"requestMetadata": {}, "promptVariables": {"a": {"text": "b"}}, "additionalModelResponseFieldPaths": ["/x"], "new": [1]},
    {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"text": ""},
                    {"image": {"format": "png", "source": {"bytes": "iVBO"}}},
                    {"image": {"format": "heic", "source": {"bytes": "iVBO", "x": 1}, "y": 2}},
                    {"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}},
                    {"document": {"name": "d", "format": "pdf", "source": {"bytes": "JVBE"}}},
                    {"cachePoint": {"type": "default", "ttl": "1h"}},
                    {"cachePoint": {"type": "default"}},
                    {"cachePoint": {"type": "default", "new": True}},
                    {"document": {"name": "d", "source": {"text": "é"}, "context": "c", "citations": {"enabled": True}}},
                    {"document": {"name": "d", "format": "csv", "source": {"text": "a,b"}}},
                    {"document": {"name": "d", "format": "epub", "source": {"bytes": "JVBE"}}},
                    {"document": {"name": "d", "source": {"content": [{"text": "x"}]}}},
                    {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}},
                    {"audio": {"format": "wav", "source": {"bytes": "UklG"}}},
                    {"audio": {"format": "wav", "source": {"s3Location": {"uri": "s3://b/k"}}}},
                    {"searchResult": {"source": "s", "title": "t", "content": [{"text": "x"}]}},
                    {"guardContent": {"text": {"text": "g", "qualifiers": ["query"]}}},
                    {"text": "two", "kinds": 1},
                ],
                "x": 1,
            },
            {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
                    {"reasoningContent": {"reasoningText": {"text": "hm", "x": 1}}},
                    {"reasoningContent": {"redactedContent": "b3BhcXVl"}},
                    {"citationsContent": {"content": [{"text": "a"}], "citations": [CITED, WEB]}},
                    {"citationsContent": {"content": [{"text": "a"}, {"text": "b"}], "citations": []}},
                    {"citationsContent": {}},
                    {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"b": 1.0, "a": 12345678901234567890}}},
                    POINT,
                    {"toolUse": {"toolUseId": "t2", "name": "f", "input": "{broken"}},
                    {"toolUse": {"toolUseId": "t3", "name": "f", "input": [1]}},
                    {"toolUse": {"toolUseId": "t4", "name": "w", "input": {}, "type": "server_tool_use"}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"toolResult": {"toolUseId": "t1", "content": [{"json": {"a": [1.50]}}, {"text": "x"}], "status": "success"}},
                    {"toolResult": {"toolUseId": "t2", "content": [], "status": "error"}},
                    {"toolResult": {"toolUseId": "t3", "content": [{"image": {"format": "png", "source": {"bytes": "iVBO"}}}, {"video": {}}]}},
                    {"toolResult": {"toolUseId": "t4", "content": [], "type": "x"}},
                    {"toolAddition": {"tool": {"name": "g"}}},
                ],
            },
            {"role": "system", "content": [{"text": "later"}]},
        ]
    },
]  # fmt: skip


def again(request):
    written = converse.write_request(converse.read_request(json.dumps(request).encode()), TO, drop=False)
    assert (written.dropped, written.defaulted) == ([], [])
    return json.loads(written.body)


@pytest.mark.parametrize("fields", REQUESTS)
def test_a_request_is_written_as_it_was(fields):
    request = {"messages": [USER], **fields}
    assert again(request) == request


def test_recorded_requests_are_written_as_they_were():
    requests = recorded_converse.requests()
    assert len(requests) == 37
    for request in requests:
        assert again(request) == request


def test_numbers_and_the_order_of_keys_stay():
    body = b'{"messages":[{"role":"assistant","content":[{"toolUse":{"toolUseId":"t","name":"f","input":{"b":1.0,"a":10000000000000000000000}}}]}]}'
    assert converse.write_request(converse.read_request(body), TO, drop=False).body == body


def test_what_a_request_says_is_read():
    request = converse.read_request(
        json.dumps({"messages": [USER, *REQUESTS[-1]["messages"]], **REQUESTS[3], **REQUESTS[24]}).encode()
    )
    assert (request.max_tokens, request.temperature, request.top_p, request.stop) == (5, 0.5, 1.0, ["a", "b"])
    assert (request.metadata, request.service_tier) == ({"a": "b"}, "flex")
    kinds = [type(part) for part in request.messages[1].parts]
    assert kinds[:3] == [Text, Image, Image] and File in kinds and Audio in kinds
    pdf = request.messages[1].parts[4]
    assert isinstance(pdf, File) and (pdf.media_type, pdf.name, pdf.cache) == ("application/pdf", "d", "1h")
    thought, cited = request.messages[2].parts[0], request.messages[2].parts[3]
    assert thought == Thinking("hm", "sig", source="bedrock-converse")
    assert (
        isinstance(cited, Text)
        and cited.citations
        and (cited.citations[0].quote, cited.citations[1].url) == ("q", "https://x.example")
    )
    call = next(part for part in request.messages[2].parts if isinstance(part, ToolCall))
    assert (call.arguments, call.cache) == ('{"b": 1.0, "a": 12345678901234567890}', "")
    results = [part for part in request.messages[3].parts if isinstance(part, ToolResult)]
    assert [one.is_error for one in results] == [False, True, False]
    assert isinstance(results[0].parts[0], Text) and results[0].parts[0].text == '{"a": [1.5]}'


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, ("on", 2000, None)),
        ({"thinking": {"type": "adaptive", "display": "summarized"}}, ("auto", None, True)),
        ({"thinking": {"type": "disabled"}}, ("off", None, None)),
        ({"reasoningConfig": {"type": "enabled"}}, ("on", None, None)),
    ],
)
def test_thinking_is_read_from_where_each_family_has_it(fields, kinds):
    request = converse.read_request(json.dumps({"messages": [USER], "additionalModelRequestFields": fields}).encode())
    assert (request.thinking, request.thinking_budget, request.thoughts) == kinds


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [{"role": "robot", "content": []}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": "hi"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"text": 5}]}]}, "messages[0].content[0].text"),
        ({"messages": [{"role": "user", "content": [{"image": {"format": "png"}}]}]}, "messages[0].content[0].image.source"),
        ({"messages": [{"role": "user", "content": [{"document": {"source": {"text": "x"}}}]}]}, "messages[0].content[0].document.name"),
        ({"messages": [{"role": "user", "content": [{"toolUse": {"name": "f"}}]}]}, "messages[0].content[0].toolUse.toolUseId"),
        ({"messages": [{"role": "user", "content": [{"toolResult": {"toolUseId": "t"}}]}]}, "messages[0].content[0].toolResult.content"),
        ({"system": "s"}, "system"),
        ({"inferenceConfig": {"maxTokens": 0}}, "inferenceConfig.maxTokens"),
        ({"inferenceConfig": {"temperature": 1.5}}, "inferenceConfig.temperature"),
        ({"inferenceConfig": []}, "inferenceConfig"),
        ({"toolConfig": {"tools": [{"toolSpec": {"name": "f"}}]}}, "toolConfig.tools[0].toolSpec.inputSchema"),
        ({"toolConfig": {"toolChoice": {"tool": {}}}}, "toolConfig.toolChoice.tool.name"),
        ({"requestMetadata": {"a": 1}}, "requestMetadata"),
        ({"serviceTier": {}}, "serviceTier.type"),
        ({"outputConfig": {"effort": 1}}, "outputConfig.effort"),
    ],
)  # fmt: skip
def test_what_the_format_forbids_is_refused_by_its_path(fields, param):
    with pytest.raises(BadRequest) as refused:
        converse.read_request(json.dumps({"messages": [USER], **fields}).encode())
    assert str(refused.value.param).startswith(param)


def test_the_envelope_has_what_the_gateway_needs_and_changes_only_the_limit():
    body = b'{"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":9,"topP":1.00}}'
    envelope = converse.envelope_at(body, "m:0", stream=True)
    assert (envelope.model, envelope.stream, envelope.max_tokens, envelope.n) == ("m:0", True, 9, 1)
    assert envelope.patched("other") == body and envelope.unknown_fields() == []
    assert envelope.patched("other", max_tokens=4) == body.replace(b"9", b"4", 1)
    assert json.loads(converse.envelope(b'{"messages":[]}').patched("m", max_tokens=4)) == {
        "messages": [],
        "inferenceConfig": {"maxTokens": 4},
    }
    with pytest.raises(BadRequest) as refused:
        converse.envelope_at(b'{"messages":[{"role":"user","content":"x"}]}', "m", stream=False)
    assert refused.value.param == "messages[0].content"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/model/amazon.nova-micro-v1%3A0/converse", ("amazon.nova-micro-v1:0", False)),
        ("/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.x/converse-stream", ("arn:aws:bedrock:us-east-1:1:inference-profile/us.x", True)),
        ("/model/m/invoke", None),
        ("/model/a/b/converse", None),
        ("/model//converse", None),
    ],
)  # fmt: skip
def test_a_path_tells_model_and_stream(path, found):
    assert converse.match(path) == found


def test_recorded_replies_are_written_as_they_were_and_counted():
    replies = recorded_converse.wholes()
    assert len(replies) == 15
    for reply in replies:
        body = json.dumps(reply).encode()
        read, seen = converse.read_reply(body), converse.sniff(body)
        assert json.loads(converse.write_reply(read)) == reply
        assert (seen.usage, seen.finish) == (read.usage, read.choices[0].finish)
        check_usage(read.usage, reply["usage"])


def check_usage(usage, said):
    """The provider's own total is the sum of what is counted."""
    assert usage.total == said["totalTokens"] and usage.output == said["outputTokens"]
    assert usage.input == said["inputTokens"] + said.get("cacheReadInputTokens", 0) + said.get(
        "cacheWriteInputTokens", 0
    )


@pytest.mark.parametrize("cut", [1, 61, 4096])
def test_recorded_streams_are_watched_and_read_however_they_are_cut(cut):
    streams = recorded_converse.streams()
    assert len(streams) == 20
    for stream in streams:
        tap, reader, out, chunks = converse.tap(hide_usage=True), converse.reader(), b"", []
        for at in range(0, len(stream), cut):
            out += tap.feed(stream[at : at + cut])
            chunks += reader.feed(stream[at : at + cut])
        assert out == stream and tap.close() == b"" and reader.close() == []
        for seen in (tap, reader):
            assert seen.started and seen.ended and seen.failure is None and seen.finish is not None
        assert (tap.usage, tap.finish, tap.text_bytes, tap.events) == (
            reader.usage,
            reader.finish,
            reader.text_bytes,
            reader.events,
        )
        check_usage(reader.usage, json.loads(event_stream.Frames().feed(stream)[-1].payload)["usage"])
        writer = converse.writer(converse.read_request(json.dumps({"messages": [USER]}).encode()))
        printed = writer.write(chunks) + writer.close()
        assert fold(converse.reader().feed(printed)) == fold(chunks)


def test_a_stream_says_what_its_whole_reply_says():
    """A whole reply, printed as a stream by hand, folds to the same."""
    events: list[tuple[str, Any]] = [
        ("messageStart", {"role": "assistant", "p": "abc"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "h"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "m"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "sig"}}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"reasoningContent": {"signature": "alone"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 2, "delta": {"reasoningContent": {"redactedContent": "b3A="}}}),
        ("contentBlockDelta", {"contentBlockIndex": 3, "delta": {"text": "a"}}),
        ("contentBlockDelta", {"contentBlockIndex": 3, "delta": {"citation": CITED}}),
        ("contentBlockStop", {"contentBlockIndex": 3}),
        ("contentBlockDelta", {"contentBlockIndex": 4, "delta": {"text": "b"}}),
        ("contentBlockStart", {"contentBlockIndex": 5, "start": {"toolUse": {"toolUseId": "t1", "name": "f"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 5, "delta": {"toolUse": {"input": ""}}}),
        ("contentBlockDelta", {"contentBlockIndex": 5, "delta": {"toolUse": {"input": '{"a":'}}}),
        ("contentBlockDelta", {"contentBlockIndex": 5, "delta": {"toolUse": {"input": " 1}"}}}),
        ("contentBlockStop", {"contentBlockIndex": 5}),
        ("contentBlockStart", {"contentBlockIndex": 6, "start": {"toolUse": {"toolUseId": "t2", "name": "g"}}}),
        ("contentBlockStop", {"contentBlockIndex": 6}),
        ("contentBlockStart", {"contentBlockIndex": 7, "start": {"toolUse": {"toolUseId": "s", "name": "w", "type": "server_tool_use"}}}),
        ("contentBlockDelta", {"contentBlockIndex": 7, "delta": {"toolUse": {"input": "{}"}}}),
        ("somethingNew", {"x": 1}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": {"inputTokens": 3, "outputTokens": 4, "totalTokens": 20, "cacheReadInputTokens": 5, "cacheWriteInputTokens": 8, "cacheDetails": [{"ttl": "1h", "inputTokens": 6}]}}),
    ]  # fmt: skip
    whole: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
            {"reasoningContent": {"reasoningText": {"text": "", "signature": "alone"}}},
            {"reasoningContent": {"redactedContent": "b3A="}},
            {"citationsContent": {"content": [{"text": "a"}], "citations": [CITED]}},
            {"text": "b"},
            {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": 1}}},
            {"toolUse": {"toolUseId": "t2", "name": "g", "input": {}}},
            {"toolUse": {"toolUseId": "s", "name": "w", "input": {}, "type": "server_tool_use"}},
        ]}},
        "stopReason": "tool_use",
        "usage": events[-1][1]["usage"],
    }  # fmt: skip
    reader = converse.reader()
    reader.model = "nova"
    read = converse.read_reply(json.dumps(whole).encode())
    folded = fold(reader.feed(stream_of(events)))
    assert folded.model == "nova" and folded.usage == read.usage == Usage(16, 4, 5, 8, cache_write_1h=6)
    assert folded.choices[0].finish == read.choices[0].finish == "tool_calls"
    assert [p for p in folded.choices[0].parts if not isinstance(p, ToolCall)] == [
        p for p in read.choices[0].parts if not isinstance(p, ToolCall)
    ]
    calls = [
        [json.loads(p.arguments) for p in one.choices[0].parts if isinstance(p, ToolCall)] for one in (folded, read)
    ]
    assert calls[0] == calls[1] == [{"a": 1}, {}]


def stream_of(events):
    return b"".join(
        event_stream.encode({":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, json.dumps(said).encode())
        for kind, said in events
    )  # fmt: skip


EVENTS: list[tuple[str, Any]] = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hel"}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "lo"}}),
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}}),
]


@pytest.mark.parametrize("make", [lambda: converse.tap(hide_usage=False), converse.reader])
def test_a_stream_without_its_last_frame_was_cut(make):
    for end in range(len(EVENTS)):
        seen = make()
        seen.feed(stream_of(EVENTS[:end]) + stream_of(EVENTS)[:7])
        seen.close()
        assert seen.failure is not None and seen.failure.code == "upstream_stream_interrupted" and not seen.ended


@pytest.mark.parametrize("make", [lambda: converse.tap(hide_usage=False), converse.reader])
def test_a_damaged_frame_is_a_failure(make):
    stream = bytearray(stream_of(EVENTS))
    stream[-9] ^= 1
    seen = make()
    seen.feed(bytes(stream))
    assert seen.failure is not None and "damaged" in seen.failure.message and seen.failure.billed == "uncertain"


@pytest.mark.parametrize("make", [lambda: converse.tap(hide_usage=False), converse.reader])
@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("throttlingException", 429, "upstream_rate_limited"),
        ("modelStreamErrorException", 424, "upstream_error"),
        ("internalServerException", 500, "upstream_error"),
        ("serviceUnavailableException", 503, "upstream_unavailable"),
        ("validationException", 400, "upstream_bad_request"),
        ("somethingNew", 500, "upstream_error"),
    ],
)
def test_an_exception_frame_is_an_error(make, name, status, code):
    headers = {":message-type": "exception", ":exception-type": name, ":content-type": "application/json"}
    seen = make()
    seen.feed(stream_of(EVENTS[:2]) + event_stream.encode(headers, b'{"message":"went wrong"}') + stream_of(EVENTS[2:]))
    assert seen.failure is not None and (seen.failure.upstream_status, seen.failure.code) == (status, code)
    assert "went wrong" in seen.failure.message and not seen.ended


@pytest.mark.parametrize("reason", ["malformed_tool_use", "malformed_model_output"])
def test_an_answer_that_went_wrong_is_an_error_where_it_is_translated(reason):
    whole = {"output": {"message": {"role": "assistant", "content": [{"text": "x"}]}}, "stopReason": reason}
    raw, stream = (
        json.dumps(whole).encode(),
        stream_of([*EVENTS[:3], ("messageStop", {"stopReason": reason}), EVENTS[4]]),
    )
    with pytest.raises(UpstreamFailed, match=reason) as failed:
        converse.read_reply(raw)
    assert (failed.value.status, failed.value.code, failed.value.billed) == (502, "upstream_answer_failed", "uncertain")
    reader, tap = converse.reader(), converse.tap(hide_usage=False)
    assert "Hel" in str(reader.feed(stream))
    assert reader.failure is not None and reason in reader.failure.message and not reader.ended
    assert reader.usage is not None and reader.failure.usage == reader.usage, "which is told after the end"
    early = converse.reader()
    early.feed(stream_of([EVENTS[0], ("messageStop", {"stopReason": reason})]))
    assert early.failure is None and not early.started, "nothing of an answer yet: others may be asked"
    early.close()
    assert early.failure is not None and (early.failure.code, early.failure.usage) == ("upstream_answer_failed", None)
    assert tap.feed(stream) == stream and tap.failure is None  # its own clients know these words
    assert tap.finish == converse.sniff(raw).finish == "error"


def test_an_error_frame_has_its_words_in_headers():
    seen = converse.reader()
    seen.feed(
        event_stream.encode({":message-type": "error", ":error-code": "InternalFailure", ":error-message": "oh"}, b"")
    )
    assert seen.failure is not None and "oh" in seen.failure.message


def test_what_follows_an_exception_is_not_forwarded():
    tap, before = converse.tap(hide_usage=False), stream_of(EVENTS[:2])
    exception = event_stream.encode({":message-type": "exception", ":exception-type": "throttlingException"}, b"{}")
    assert tap.feed(before + exception + stream_of(EVENTS[2:])) == before


@pytest.mark.parametrize("make", [lambda: converse.tap(hide_usage=False), converse.reader])
def test_one_frame_of_nonsense_is_passed_over_and_two_are_a_failure(make):
    bad = event_stream.encode({":message-type": "event", ":event-type": "contentBlockDelta"}, b"{nonsense")
    seen = make()
    seen.feed(stream_of(EVENTS[:2]) + bad + stream_of(EVENTS[2:]))
    assert seen.failure is None and seen.ended and seen.malformed == 1
    seen = make()
    seen.feed(bad + bad)
    assert seen.failure is not None


@pytest.mark.parametrize("make", [lambda: converse.tap(hide_usage=False), converse.reader])
def test_a_usage_nobody_can_believe_is_not_taken(make):
    for said in (
        {"inputTokens": -1, "outputTokens": 2},
        {"inputTokens": 10**15, "outputTokens": 2},
        {"inputTokens": "x", "outputTokens": 2},
    ):
        seen = make()
        seen.feed(stream_of([*EVENTS[:-1], ("metadata", {"usage": said})]))
        assert seen.usage is None and seen.usage_flagged and seen.ended


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"output":{}}', b'{"output":{"message":{"content":"x"}}}', b"\xff"]
)
def test_what_is_no_reply_is_a_failure(body):
    for read in (converse.read_reply, converse.sniff):
        with pytest.raises(UpstreamFailed) as failed:
            read(body)
        assert failed.value.code == "upstream_invalid_response"


@pytest.mark.parametrize(
    ("status", "name", "message", "code", "told"),
    [
        (400, "ValidationException:http://internal.amazon.com/coral/", "The provided model identifier is invalid.", "upstream_model_not_found", 502),
        (400, "ValidationException", "Input is too long for requested model.", "context_length_exceeded", 400),
        (400, "ValidationException", "temperature is out of range", "upstream_bad_request", 400),
        (400, "ServiceQuotaExceededException", "no more", "upstream_quota_exhausted", 502),
        (403, "AccessDeniedException", "no", "upstream_auth_error", 502),
        (403, "AccessDeniedException", "You don't have access to the model with the specified model ID.", "upstream_model_not_found", 502),
        (403, "com.amazon.coral.service#UnrecognizedClientException", "no", "upstream_auth_error", 502),
        (404, "ResourceNotFoundException", "no such model", "upstream_model_not_found", 502),
        (408, "ModelTimeoutException", "slow", "upstream_timeout", 504),
        (424, "ModelErrorException", "broke", "upstream_error", 502),
        (429, "ThrottlingException", "Too many tokens, please wait", "upstream_rate_limited", 429),
        (429, "ModelNotReadyException", "loading", "upstream_rate_limited", 429),
        (500, "InternalServerException", "oh", "upstream_error", 502),
        (503, "ServiceUnavailableException", "busy", "upstream_unavailable", 503),
    ],
)  # fmt: skip
def test_errors_are_classified_by_their_type(status, name, message, code, told):
    error = converse.read_error(
        status, [(b"x-amzn-errortype", name.encode())], json.dumps({"message": message}).encode()
    )
    assert (error.code, error.status, error.upstream_status) == (code, told, status)
    without = converse.read_error(status, [], json.dumps({"Message": message, "__type": name.split(":")[0]}).encode())
    assert (without.code, without.status) == (code, told)


def test_recorded_errors_are_understood():
    rows = [row["response"] for row in recorded_converse.rows() if row["response"]["status"] != 200]
    assert len(rows) == 2
    for row in rows:
        headers = [(k.encode(), v.encode()) for k, v in row["headers"].items()]
        assert (
            converse.read_error(row["status"], headers, json.dumps(row["body"]).encode()).code
            == "upstream_model_not_found"
        )


def test_errors_are_told_as_aws_tells_them():
    said = json.loads(converse.write_error(BadRequest("no", code="unsupported_parameter", param="seed"), "id"))
    assert said == {"message": "no", "code": "ValidationException", "reason": "unsupported_parameter", "param": "seed"}
    assert json.loads(converse.write_error(RateLimited("slow"), "id"))["code"] == "ThrottlingException"
    assert json.loads(converse.write_error(BudgetSpent("out"), "id"))["code"] == "ServiceQuotaExceededException"


def test_an_error_in_a_stream_is_an_exception_frame():
    buffer = EventStreamBuffer()
    buffer.add_data(converse.write_stream_error(UpstreamFailed("cut", status=502, code="x"), "id"))
    (event,) = list(buffer)
    assert event.headers[":exception-type"] == "serviceUnavailableException" and event.payload == b'{"message":"cut"}'
    seen = converse.reader()
    seen.feed(converse.write_stream_error(RateLimited("slow"), "id"))
    assert seen.failure is not None and seen.failure.upstream_status == 429
