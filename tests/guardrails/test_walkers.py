"""Where text stands: every place of every dialect is found, and written again with everything else as it came."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from headgate.dialects import DIALECTS
from headgate.dialects.splice import splice
from headgate.dialects.text import KEY, Piece, strings, wants_json
from headgate.dialects.walkers import WALKERS

SCHEMA: dict[str, Any] = {
    "type": "object", "required": ["-"], "$defs": {"type": {"type": "-", "enum": ["system6"]}},
    "properties": {"type": {"type": "-", "description": "system7", "items": {"anyOf": [{"const": "system8"}]}}, "b": {"default": {"type": "system9"}, "$ref": "-"}},
}  # fmt: skip
# Texts are called by their place and a number; everything else is not text, or nobody's.
REQUESTS: dict[str, list[dict[str, Any]]] = {
    "openai-chat": [
        {
            "model": "m",
            "messages": [
                {"role": "system", "content": "system0"},
                {"role": "developer", "content": [{"type": "text", "text": "system1"}]},
                {"role": "user", "content": [{"type": "text", "text": "user0"}, {"type": "image_url", "image_url": {"url": "-"}},
                    {"type": "file", "file": {"filename": "user1", "file_data": "not text"}}, {"type": "new", "new": {"said": ["user2"]}},
                    {"type": "input_audio", "input_audio": {"data": "not text", "format": "wav"}}], "name": "user3"},
                {"role": "assistant", "content": "assistant0", "refusal": "assistant1", "reasoning_content": "thinking0",
                 "tool_calls": [{"id": "-", "type": "function", "function": {"name": "-", "arguments": "tool_argument0"}},
                                {"id": "-", "type": "custom", "custom": {"name": "-", "input": "tool_argument1"}}]},
                {"role": "assistant", "function_call": {"name": "-", "arguments": "tool_argument2"}, "new": {"words": "assistant3"}},
                {"role": "assistant", "content": [{"type": "refusal", "refusal": "assistant4"}, {"type": "thinking", "thinking": [{"type": "text", "text": "thinking1"}]}]},
                {"role": "tool", "tool_call_id": "-", "content": "tool_result0"},
                {"role": "function", "name": "-", "content": "tool_result1"},
            ],
            "tools": [{"type": "function", "function": {"name": "-", "description": "system2", "parameters": SCHEMA}}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "-", "description": "system3", "schema": {"title": "system4"}}},
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
                    {"type": "bash_code_execution_tool_result", "tool_use_id": "-", "content": {"type": "bash_code_execution_result", "stdout": "tool_result2", "stderr": "tool_result3", "content": []}},
                    {"type": "web_fetch_tool_result", "tool_use_id": "-", "content": {"type": "web_fetch_result", "url": "not text", "content": {"type": "document", "title": "tool_result4",
                        "source": {"type": "text", "media_type": "text/plain", "data": "tool_result5"}}}},
                    {"type": "web_search_tool_result", "content": [{"type": "web_search_result", "title": "tool_result6", "url": "not text", "encrypted_content": "not text"}]},
                    {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "not text"}},
                    {"type": "new_kind", "words": {"a": ["user2"]}},
                ]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "thinking0", "signature": "-"},
                    {"type": "text", "text": "assistant0"},
                    {"type": "tool_use", "id": "-", "name": "-", "input": {"a": "tool_argument0", "b": [{"c": "tool_argument1"}], "n": 12}},
                ]},
            ],
            "tools": [{"name": "-", "description": "system1", "input_schema": SCHEMA}],
            "output_config": {"format": {"type": "json_schema", "schema": {"title": "system2"}}},
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
                {"parts": [{"executableCode": {"language": "-", "code": "tool_argument1"}}, {"codeExecutionResult": {"output": "tool_result1"}}, {"newPart": {"words": "user1"}}]},
            ],
            "tools": [{"functionDeclarations": [{"name": "-", "description": "system1", "parameters": SCHEMA}]}],
            "generationConfig": {"responseSchema": {"title": "system2"}},
        },
        {"requests": [{"model": "-", "content": {"parts": [{"text": "user0"}]}, "title": "user1"}]},
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
                {"type": "shell_call", "id": "-", "action": {"commands": ["tool_argument2"]}},
                {"type": "shell_call_output", "call_id": "-", "output": [{"stdout": "tool_result2", "stderr": "tool_result3", "outcome": {"type": "exit"}}]},
                {"type": "apply_patch_call", "call_id": "-", "operation": {"type": "-", "path": "-", "diff": "tool_argument3"}},
                {"type": "local_shell_call", "action": {"type": "-", "command": ["tool_argument4"], "env": {"A": "tool_argument5"}}},
                {"type": "code_interpreter_call", "code": "tool_argument6", "outputs": [{"type": "-", "logs": "tool_result4"}]},
                {"type": "mcp_call", "name": "-", "arguments": "tool_argument7", "output": "tool_result5", "error": "tool_result6"},
                {"type": "mcp_list_tools", "tools": [{"name": "-", "description": "system3", "input_schema": {"title": "system4"}}]},
                {"type": "file_search_call", "queries": ["tool_argument8"]},
                {"type": "computer_call_output", "output": {"type": "-", "image_url": "not text", "new": "tool_result7"}},
                {"type": "image_generation_call", "result": "A" * 600},
                {"type": "new_call", "new": {"words": "tool_argument9"}},
                {"role": "user", "content": [{"type": "input_file", "filename": "user2", "file_data": "not text"}, {"type": "new", "new": "user3"}]},
            ],
            "tools": [{"type": "function", "name": "-", "description": "system2", "parameters": SCHEMA}],
            "text": {"format": {"type": "json_schema", "schema": {"title": "system5"}}},
            "prompt": {"id": "-", "variables": {"city": "user1"}},
        },
        {"model": "m", "input": "user0"},
    ],
    "openai-completions": [{"prompt": ["user0", "user1"], "suffix": "user2"}, {"prompt": "user0"}],
    "openai-embeddings": [{"input": ["user0", "user1"]}, {"input": []}],
    "rerank": [{"query": "user0", "documents": ["document0", {"text": "document1", "title": "document2"}]}],
    "openai-images": [{"prompt": "user0"}],
    "openai-speech": [{"input": "user0", "instructions": "user1", "voice": "-"}],
}  # fmt: skip
REPLIES: dict[str, dict[str, Any]] = {
    "openai-chat": {"choices": [{"message": {"role": "assistant", "content": "output0", "refusal": "output1", "reasoning": "thinking0",
        "tool_calls": [{"function": {"name": "-", "arguments": "tool_argument0"}}], "annotations": [{"url_citation": {"title": "output2"}}], "audio": {"id": "-", "data": "-", "transcript": "output3"}, "new": "output4"}}]},
    "anthropic-messages": {"content": [{"type": "thinking", "thinking": "thinking0"}, {"type": "text", "text": "output0", "citations": [{"cited_text": "output1"}]},
        {"type": "tool_use", "name": "-", "input": {"q": "tool_argument0"}}, {"type": "new_kind", "new": "output2"}]},
    "gemini": {"candidates": [{"content": {"parts": [{"text": "output0"}, {"text": "thinking0", "thought": True}, {"functionCall": {"args": {"a": "tool_argument0"}}}]},
        "groundingMetadata": {"webSearchQueries": ["output1"], "groundingSupports": [{"segment": {"endIndex": 9, "text": "output2"}}], "groundingChunks": [{"web": {"uri": "not text", "title": "output3"}}]}}]},
    "openai-responses": {"output": [{"type": "message", "content": [{"type": "output_text", "text": "output0", "annotations": []}, {"type": "refusal", "refusal": "output1"}]},
        {"type": "function_call", "arguments": "tool_argument0", "name": "-"}], "instructions": "output2"},
    "openai-completions": {"choices": [{"text": "output0"}, {"text": "output1"}]},
    "openai-transcriptions": {"text": "output0", "segments": [{"text": "output1"}]},
    "rerank": {"results": [{"index": 0, "relevance_score": 0.5, "document": {"text": "document0"}}]},
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
    pieces = [p for p in WALKERS[name].request(document) if p.text != "-" and p.path[-1] != KEY]
    assert {p.text for p in pieces} == planted(document)
    assert all(p.text[:-1] == p.place for p in pieces), [(p.text, p.place) for p in pieces]


@pytest.mark.parametrize("name", REPLIES)
def test_replies(name: str) -> None:
    document = REPLIES[name]
    pieces = [p for p in WALKERS[name].reply(document) if p.text != "-" and p.path[-1] != KEY]
    assert {p.text for p in pieces} == planted(document)
    assert all(p.text[:-1] == p.place for p in pieces), [(p.text, p.place) for p in pieces]


@pytest.mark.parametrize(("name", "document"), [(n, d) for n, ds in REQUESTS.items() for d in ds])
@pytest.mark.parametrize("indent", [None, 2])
def test_what_is_written_again_stands_alone(name: str, document: Any, indent: int | None) -> None:
    raw = json.dumps(document, indent=indent).encode()
    pieces = values(WALKERS[name].request(document))
    edited = splice(raw, {p.path: f'<"{p.text}">' for p in pieces})
    again = json.loads(edited)
    assert [p.text for p in values(WALKERS[name].request(again))] == [f'<"{p.text}">' for p in pieces]
    back = splice(edited, {p.path: p.text for p in pieces})
    assert back == raw, "everything else is byte for byte as it was"
    assert splice(raw, {}) == raw


def values(pieces: Iterator[Piece]) -> list[Piece]:
    return [piece for piece in pieces if piece.path[-1] != KEY]


def test_names_are_written_again_too() -> None:
    document = {"a": {"jane@corp.example": {"b": "x", "": 1}, "é\n": [{"c": "y"}]}}
    pieces = list(strings(document["a"], ("a",), "tool_argument", names=True))
    assert [p.text for p in pieces] == ["jane@corp.example", "b", "x", "é\n", "c", "y"]
    for raw in (json.dumps(document), json.dumps(document, indent=1), json.dumps(document, ensure_ascii=False)):
        edited = splice(raw.encode(), {p.path: f"<{p.text}>" for p in pieces})
        assert json.loads(edited) == {"a": {"<jane@corp.example>": {"<b>": "<x>", "": 1}, "<é\n>": [{"<c>": "<y>"}]}}


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


LONG = "QUJD" * 200  # what is hidden in base64 is looked into by who reads it


@pytest.mark.parametrize(
    ("name", "document", "seen"),
    [
        ("openai-chat", {"messages": [{"role": "user", "content": [LONG, {"type": "text", "text": LONG}]}]}, 2),
        ("openai-chat", {"messages": [{"role": "user", "content": [{"type": "new", "new": LONG}]}]}, 0),
        ("rerank", {"query": LONG, "documents": [LONG, {"text": LONG}]}, 3),
        ("anthropic-messages", {"messages": [{"role": "user", "content": [{"type": "text", "text": LONG}]}]}, 1),
        ("openai-responses", {"input": [{"role": "user", "content": [{"type": "input_text", "text": LONG}]}]}, 1),
        ("openai-responses", {"input": [{"type": "image_generation_call", "result": LONG}]}, 0),
    ],
)
def test_what_looks_like_data_is_text_where_texts_stand(name: str, document: Any, seen: int) -> None:
    assert [p.text for p in WALKERS[name].request(document)] == [LONG] * seen
