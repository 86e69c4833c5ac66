"""Where text stands: every place of every dialect is found, and written again with everything else as it came."""

import json
from typing import Any

import pytest

from headgate.dialects import DIALECTS
from headgate.dialects.splice import splice
from headgate.dialects.text import wants_json
from headgate.dialects.walkers import WALKERS

# Texts are called by their place and a number; everything else is not text, or nobody's.
REQUESTS: dict[str, list[dict[str, Any]]] = {
    "openai-chat": [
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "system0"},
                {"role": "developer", "content": [{"type": "text", "text": "system1"}]},
                {"role": "user", "content": [{"type": "text", "text": "user0"}, {"type": "image_url", "image_url": {"url": "-"}}], "name": "-"},
                {"role": "assistant", "content": "assistant0", "refusal": "assistant1", "reasoning_content": "thinking0",
                 "tool_calls": [{"id": "-", "type": "function", "function": {"name": "-", "arguments": "tool_argument0"}},
                                {"id": "-", "type": "custom", "custom": {"name": "-", "input": "tool_argument1"}}]},
                {"role": "assistant", "function_call": {"name": "-", "arguments": "tool_argument2"}},
                {"role": "tool", "tool_call_id": "-", "content": "tool_result0"},
                {"role": "function", "name": "-", "content": "tool_result1"},
            ],
            "tools": [{"type": "function", "function": {"name": "-", "description": "system2"}}],
            "prediction": {"type": "content", "content": "assistant2"},
            "user": "-", "metadata": {"a": "-"}, "stop": ["-"],
        }
    ],
    "anthropic-messages": [
        {
            "model": "m",
            "system": [{"type": "text", "text": "system0"}],
            "messages": [
                {"role": "user", "content": "user0"},
                {"role": "user", "content": [
                    {"type": "text", "text": "user1"},
                    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "document0"}, "title": "document1", "context": "document2"},
                    {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "document3"}]}},
                    {"type": "search_result", "title": "document4", "source": "-", "content": [{"type": "text", "text": "document5"}]},
                    {"type": "image", "source": {"type": "base64", "data": "-"}},
                    {"type": "tool_result", "tool_use_id": "-", "content": "tool_result0"},
                    {"type": "tool_result", "tool_use_id": "-", "content": [{"type": "text", "text": "tool_result1"}]},
                ]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "thinking0", "signature": "-"},
                    {"type": "text", "text": "assistant0"},
                    {"type": "tool_use", "id": "-", "name": "-", "input": {"a": "tool_argument0", "b": [{"c": "tool_argument1"}], "n": 12}},
                ]},
            ],
            "tools": [{"name": "-", "description": "system1", "input_schema": {"description": "-"}}],
        },
        {"model": "m", "system": "system0", "messages": []},
    ],
    "gemini": [
        {
            "systemInstruction": {"parts": [{"text": "system0"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "user0"}, {"inlineData": {"data": "-"}}]},
                {"role": "model", "parts": [{"text": "thinking0", "thought": True}, {"text": "assistant0"},
                                            {"functionCall": {"name": "-", "args": {"a": "tool_argument0"}}}]},
                {"role": "user", "parts": [{"functionResponse": {"name": "-", "response": {"r": ["tool_result0"]}}}]},
                {"parts": [{"executableCode": {"language": "-", "code": "tool_argument1"}}, {"codeExecutionResult": {"output": "tool_result1"}}]},
            ],
            "tools": [{"functionDeclarations": [{"name": "-", "description": "system1"}]}],
        },
        {"requests": [{"model": "-", "content": {"parts": [{"text": "user0"}]}}]},
    ],
    "openai-responses": [
        {
            "model": "m",
            "instructions": "system0",
            "input": [
                {"role": "user", "content": "user0"},
                {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "system1"}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "assistant0"}]},
                {"type": "reasoning", "id": "-", "summary": [{"type": "summary_text", "text": "thinking0"}], "encrypted_content": "-"},
                {"type": "function_call", "call_id": "-", "name": "-", "arguments": "tool_argument0"},
                {"type": "function_call_output", "call_id": "-", "output": "tool_result0"},
                {"type": "function_call_output", "call_id": "-", "output": [{"type": "input_text", "text": "tool_result1"}]},
                {"type": "custom_tool_call", "call_id": "-", "name": "-", "input": "tool_argument1"},
                {"type": "file_search_call", "id": "-", "results": [{"text": "document0"}]},
            ],
            "tools": [{"type": "function", "name": "-", "description": "system2"}],
            "prompt": {"id": "-", "variables": {"city": "user1"}},
        },
        {"model": "m", "input": "user0"},
    ],
    "openai-completions": [{"prompt": ["user0", "user1"], "suffix": "user2"}, {"prompt": "user0"}],
    "openai-embeddings": [{"input": ["user0", "user1"]}, {"input": [[1, 2], [3]]}],
    "rerank": [{"query": "user0", "documents": ["document0", {"text": "document1"}]}],
    "openai-images": [{"prompt": "user0"}],
    "openai-speech": [{"input": "user0", "instructions": "user1", "voice": "-"}],
}  # fmt: skip
REPLIES: dict[str, dict[str, Any]] = {
    "openai-chat": {"choices": [{"message": {"role": "assistant", "content": "output0", "refusal": "output1", "reasoning": "thinking0",
        "tool_calls": [{"function": {"name": "-", "arguments": "tool_argument0"}}], "annotations": [{"url_citation": {"title": "output2"}}]}}]},
    "anthropic-messages": {"content": [{"type": "thinking", "thinking": "thinking0"}, {"type": "text", "text": "output0", "citations": [{"cited_text": "output1"}]},
        {"type": "tool_use", "name": "-", "input": {"q": "tool_argument0"}}]},
    "gemini": {"candidates": [{"content": {"parts": [{"text": "output0"}, {"text": "thinking0", "thought": True}, {"functionCall": {"args": {"a": "tool_argument0"}}}]}}]},
    "openai-responses": {"output": [{"type": "message", "content": [{"type": "output_text", "text": "output0", "annotations": []}, {"type": "refusal", "refusal": "output1"}]},
        {"type": "function_call", "arguments": "tool_argument0", "name": "-"}], "instructions": "output2"},
    "openai-completions": {"choices": [{"text": "output0"}, {"text": "output1"}]},
    "openai-transcriptions": {"text": "output0", "segments": [{"text": "output1"}]},
}  # fmt: skip


def planted(document: Any) -> set[str]:
    """Every text that is called by a place."""
    if isinstance(document, str):
        return {document} if document[:-1] in PLACES else set()
    if isinstance(document, dict):
        return set().union(*map(planted, document.values()))
    return set().union(*map(planted, document)) if isinstance(document, list) else set()


PLACES = {"system", "user", "assistant", "tool_result", "tool_argument", "document", "output", "thinking"}


@pytest.mark.parametrize(("name", "document"), [(n, d) for n, ds in REQUESTS.items() for d in ds])
def test_requests(name: str, document: Any) -> None:
    pieces = [p for p in WALKERS[name].request(document) if p.text != "-"]
    assert {p.text for p in pieces} == planted(document)
    assert all(p.text[:-1] == p.place for p in pieces), [(p.text, p.place) for p in pieces]


@pytest.mark.parametrize("name", REPLIES)
def test_replies(name: str) -> None:
    document = REPLIES[name]
    pieces = [p for p in WALKERS[name].reply(document) if p.text != "-"]
    assert {p.text for p in pieces} == planted(document)
    assert all(p.text[:-1] == p.place for p in pieces), [(p.text, p.place) for p in pieces]


@pytest.mark.parametrize(("name", "document"), [(n, d) for n, ds in REQUESTS.items() for d in ds])
@pytest.mark.parametrize("indent", [None, 2])
def test_what_is_written_again_stands_alone(name: str, document: Any, indent: int | None) -> None:
    raw = json.dumps(document, indent=indent).encode()
    pieces = list(WALKERS[name].request(document))
    edited = splice(raw, {p.path: f'<"{p.text}">' for p in pieces})
    again = json.loads(edited)
    assert [p.text for p in WALKERS[name].request(again)] == [f'<"{p.text}">' for p in pieces]
    back = splice(edited, {p.path: p.text for p in pieces})
    assert back == raw, "everything else is byte for byte as it was"
    assert splice(raw, {}) == raw


def test_splicing_keeps_what_it_does_not_touch() -> None:
    raw = b'{"a" : 1.0, "b":[1e5 , "x\\u00e9", {"c":"\\ud800"}],"n":12345678901234567890, "b2" : null}'
    assert splice(raw, {("b", 1): "y"}) == raw.replace(b'"x\\u00e9"', b'"y"')
    assert splice(raw, {("b", 2): None}) == raw.replace(b'{"c":"\\ud800"}', b"null")
    assert splice(raw, {("n",): "<CARD>"}) == raw.replace(b"12345678901234567890", b'"<CARD>"')
    assert splice(b'{"a":"1","a":"2"}', {("a",): "x"}) == b'{"a":"x","a":"x"}'
    assert splice(b'["\\"", {"k\\n": "v"}]', {(1, "k\n"): "\ud800"}) == b'["\\"", {"k\\n": "\\ud800"}]'


def test_every_dialect_can_be_looked_into() -> None:
    assert set(WALKERS) == set(DIALECTS)


@pytest.mark.parametrize("name", WALKERS)
def test_odd_documents_break_nothing(name: str) -> None:
    for odd in (
        {},
        {"messages": 3, "input": {}, "contents": None, "choices": [3, {}], "type": 4, "output": [None], "content": "x"},
    ):
        list(WALKERS[name].request(odd))
        list(WALKERS[name].reply(odd))
        WALKERS[name].event(odd)


def test_who_wants_json() -> None:
    assert wants_json({"response_format": {"type": "json_schema"}}) and wants_json(
        {"text": {"format": {"type": "json_object"}}}
    )
    assert wants_json({"generationConfig": {"responseMimeType": "application/json"}})
    assert not wants_json({"response_format": {"type": "text"}}) and not wants_json({"text": "x"})


SAID = ["The ", "ferry", " — é", "日本", "a\nb", 'say "no"', "back\\slash", "", '","content":"x', "\u2028", "{}"]


@pytest.mark.parametrize("odd", [None, *SAID])
@pytest.mark.parametrize("ascii_", [False, True])
@pytest.mark.parametrize("more", [{}, {"logprobs": None}, {"content": "again"}, {"\\": 1}])
def test_events_that_are_alike_are_read_as_each_alone(odd: str | None, ascii_: bool, more: dict[str, Any]) -> None:
    """A read of many events that differ in their text alone is taken apart without decoding each; it must not show."""
    texts = ["The ", "ferry", " leaves", "é ", "日本", "{}"] * 2
    if odd is not None:
        texts[4] = odd
    choices = [[{"index": 0, "delta": {"content": text}, "finish_reason": None, **more}] for text in texts]
    events = [json.dumps({"id": "c", "choices": one}, ensure_ascii=ascii_).encode() for one in choices]
    read = b"".join(b"data: " + event + b"\n\n" for event in events)
    alone = [WALKERS["openai-chat"].run(b"data: " + event + b"\n\n") for event in events]
    run = WALKERS["openai-chat"].run(read)
    if None in alone:
        assert run is None
    else:
        assert run is not None and run[3] == [one[3][0] for one in alone if one] and run[:3] == alone[0][:3]  # type: ignore[index]
    for end in (b'\\"', b"x\\", b'x","y', b"\\q"):  # what a hostile upstream may put between quotes
        broken = read.replace(b'"The "', b'"' + end + b'"', 1)
        assert (found := WALKERS["openai-chat"].run(broken)) is None or found[3][0] == '"'
    swapped = read.replace(b'"content": " leaves"', b'"content": " leaves", "refusal": "no"')
    assert swapped == read or WALKERS["openai-chat"].run(swapped) is None
