"""A thinker of each dialect with proofs of its own: it thinks before each of two calls, and wants its proofs back.

Who sends a call's result without the very thought that came before the call, in its place, is refused. A model whose
name holds ``frail`` is gone once a result is there; one that holds ``other`` minds nothing but to be
sent a proof, whosever it is.
"""

import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any

from tests.e2e.doubles import Answer, Double, Json, pieces

CITIES = ("Paris", "Rome")
FINAL = "Sunny in both."
WRAPPED = ("hg1.", base64.b64encode(b"hg1.").decode()[:5])


def proof(dialect: str, number: int) -> str:
    """Return an opaque string with every kind of letter that base64 has."""
    return base64.b64encode(b"\xfb\xef\xbe\xff\xff\xff" + f"{dialect} proved {number}".encode()).decode()


PROOFS = [proof(dialect, number) for dialect in ("claude", "gpt", "gemini") for number in range(4)]


def claude(step: int) -> list[Json]:
    """Return the blocks of Anthropic's answer."""
    if step == len(CITIES):
        return [{"type": "text", "text": FINAL}]
    thinking = {"type": "thinking", "thinking": f"Ask for {CITIES[step]}.", "signature": proof("claude", step)}
    call = {"type": "tool_use", "id": f"toolu_{step}", "name": "get_weather", "input": {"city": CITIES[step]}}
    if step == 0:
        return [thinking, call]
    redacted = {"type": "redacted_thinking", "data": proof("claude", 3)}
    return [redacted, thinking, {"type": "text", "text": "And the other."}, call]


def gpt(step: int) -> list[Json]:
    """Return the items of Responses' answer."""
    said: Json = {"type": "message", "id": f"msg_{step}", "role": "assistant", "status": "completed"}
    if step == len(CITIES):
        return [said | {"content": [{"type": "output_text", "text": FINAL, "annotations": []}]}]
    summary = [{"type": "summary_text", "text": f"Ask for {CITIES[step]}."}] if step else []
    thought = {"type": "reasoning", "id": f"rs_{step}", "summary": summary, "encrypted_content": proof("gpt", step)}
    call = {"type": "function_call", "id": f"fc_{step}", "call_id": f"call_{step}", "name": "get_weather",
            "arguments": json.dumps({"city": CITIES[step]}), "status": "completed"}  # fmt: skip
    return [thought, call]


def gemini(step: int) -> list[Json]:
    """Return the parts of Gemini's answer; its calls have no ids."""
    if step == len(CITIES):
        return [{"text": FINAL}]
    call = {"functionCall": {"name": "get_weather", "args": {"city": CITIES[step]}}}
    signed = call | {"thoughtSignature": proof("gemini", step)}
    between = [{"text": "And the other."}] if step else []
    return [{"text": f"Ask for {CITIES[step]}.", "thought": True}, *between, signed]


class Thinkers(Double):
    """All of them on one port."""

    media = "text/event-stream"

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, list[Json]] = {}
        self._ids = itertools.count()

    def answer(self, path: str, body: Json, key: str) -> Json | Iterator[bytes]:
        if path == "/v1/messages":
            return self._messages(body)
        if path == "/v1/responses":
            return self._responses(body)
        if path.startswith("/v1beta/models/"):
            return self._generate(path, body)
        raise Answer(404, {"error": {"message": f"nothing at {path}"}})

    def _messages(self, body: Json) -> Json | Iterator[bytes]:
        turns = [turn["content"] for turn in body["messages"] if turn["role"] == "assistant"]
        step = sum(b["type"] == "tool_result" for t in body["messages"] for b in t["content"] if isinstance(b, dict))
        check(body["model"], body, step, turns, [claude(one) for one in range(step)])
        content = claude(len(CITIES) if "other" in body["model"] else step)
        reply = {"id": f"msg_{next(self._ids)}", "type": "message", "role": "assistant", "model": body["model"],
                 "content": content, "stop_reason": "tool_use" if content[-1]["type"] == "tool_use" else "end_turn",
                 "stop_sequence": None, "usage": {"input_tokens": 9, "output_tokens": 8}}  # fmt: skip
        return messages_stream(reply) if body.get("stream") else reply

    def _responses(self, body: Json) -> Json | Iterator[bytes]:
        given = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
        items = self._kept.get(body.get("previous_response_id") or "", []) + given
        step = sum(item.get("type") == "function_call_output" for item in items)
        own = [one for one in items if one.get("type") in ("reasoning", "function_call")]
        check(body["model"], body, step, [own], [[item for one in range(step) for item in gpt(one)]])
        output = gpt(len(CITIES) if "other" in body["model"] else step)
        usage = {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 8,
                 "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 17}  # fmt: skip
        reply = {"id": f"resp_{next(self._ids)}", "object": "response", "created_at": 1, "status": "completed",
                 "model": body["model"], "error": None, "incomplete_details": None, "output": output,
                 "usage": usage, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True}  # fmt: skip
        self._kept[reply["id"]] = items + output
        return responses_stream(reply) if body.get("stream") else reply

    def _generate(self, path: str, body: Json) -> Json | Iterator[bytes]:
        model, _, verb = path.rpartition("/")[2].partition(":")
        turns = [
            [part for part in t["parts"] if not part.get("thought")] for t in body["contents"] if t["role"] == "model"
        ]
        step = sum("functionResponse" in part for turn in body["contents"] for part in turn["parts"])
        wanted = [part for one in range(step) for part in gemini(one) if not part.get("thought")]
        check(model, body, step, [list(itertools.chain(*turns))], [wanted])
        parts = gemini(len(CITIES) if "other" in model else step)
        usage = {"promptTokenCount": 9, "candidatesTokenCount": 8, "thoughtsTokenCount": 4, "totalTokenCount": 21}
        reply = {"modelVersion": model, "responseId": f"r-{next(self._ids)}", "usageMetadata": usage}
        if verb == "generateContent":
            return reply | {"candidates": [candidate(parts, last=True)]}
        return (event(reply | {"candidates": [candidate([p], last=p is parts[-1])]}) for p in parts)


def check(model: str, body: Json, step: int, sent: list[Any], wanted: list[list[Json]]) -> None:
    """Refuse what holds a proof that it must not hold, or lacks one that it must."""
    if "frail" in model:
        if step:
            raise Answer(404, {"error": {"code": 404, "type": "not_found_error", "message": "The model is gone."}})
    elif "other" in model:
        text = json.dumps(body)
        found = [mark for mark in (*PROOFS, *WRAPPED) if mark in text]
        if found:
            raise Answer(400, {"error": {"message": f"somebody else's proofs: {found}", "type": "invalid"}})
        return
    sent = [joined(turn) for turn in sent]
    same = [len(one) for one in sent] == [len(one) for one in wanted] and all(
        alike(got, want) for one, other in zip(sent, wanted, strict=True) for got, want in zip(one, other, strict=True)
    )
    if not same:
        told = f"not as it was told: {json.dumps(sent)} instead of {json.dumps(wanted)}"
        raise Answer(400, {"error": {"code": 400, "type": "invalid_request_error", "message": told}})


def joined(turn: list[Json]) -> list[Json]:
    """Return the pieces of a turn with neighbouring texts as one: a client may send them as they were streamed."""
    found: list[Json] = []
    for piece in turn:
        if found and piece.keys() - {"type"} == found[-1].keys() - {"type"} == {"text"}:
            found[-1] = piece | {"text": found[-1]["text"] + piece["text"]}
        else:
            found.append(piece)
    return found


def alike(got: Json, want: Json) -> bool:
    """Tell whether *got* is *want*; a thought and its proof wholly, a call by what it asks for."""
    if want.get("type") in ("thinking", "redacted_thinking"):
        return got == want
    if "functionCall" in want:
        called = got.get("functionCall", {})
        asked = {name: called.get(name) for name in ("name", "args")}
        return asked == want["functionCall"] and decoded(got.get("thoughtSignature", "")) == decoded(want["thoughtSignature"])  # fmt: skip
    if want.get("type") == "function_call":
        same = (got.get("call_id"), got.get("name")) == (want["call_id"], want["name"])
        return same and json.loads(got["arguments"]) == json.loads(want["arguments"])
    return want.items() <= got.items()


def decoded(signature: str) -> bytes:
    """Return the bytes of a field that may be in either alphabet, as with Google."""
    return base64.urlsafe_b64decode(signature.replace("+", "-").replace("/", "_"))


def candidate(parts: list[Json], *, last: bool) -> Json:
    return {"content": {"parts": parts, "role": "model"}, "index": 0} | ({"finishReason": "STOP"} if last else {})


def event(data: Json) -> bytes:
    name = b"event: %b\n" % data["type"].encode() if "type" in data else b""
    return b"%bdata: %b\n\n" % (name, json.dumps(data).encode())


def messages_stream(reply: Json) -> Iterator[bytes]:
    yield event({"type": "message_start", "message": reply | {"content": [], "stop_reason": None}})
    for at, block in enumerate(reply["content"]):
        deltas: list[Json]
        start = dict(block)
        if block["type"] == "thinking":
            start |= {"thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": one} for one in pieces(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        elif block["type"] == "tool_use":
            start["input"] = {}
            deltas = [{"type": "input_json_delta", "partial_json": one} for one in pieces(json.dumps(block["input"]))]
        elif block["type"] == "text":
            start["text"] = ""
            deltas = [{"type": "text_delta", "text": one} for one in pieces(block["text"])]
        else:
            deltas = []
        yield event({"type": "content_block_start", "index": at, "content_block": start})
        for delta in deltas:
            yield event({"type": "content_block_delta", "index": at, "delta": delta})
        yield event({"type": "content_block_stop", "index": at})
    ended = {"stop_reason": reply["stop_reason"], "stop_sequence": None}
    yield event({"type": "message_delta", "delta": ended, "usage": {"output_tokens": 8}})
    yield event({"type": "message_stop"})


def responses_stream(reply: Json) -> Iterator[bytes]:
    for number, data in enumerate(responses_events(reply)):
        yield event({**data, "sequence_number": number})


def responses_events(reply: Json) -> Iterator[Json]:
    begun = reply | {"output": [], "status": "in_progress", "usage": None}
    yield {"type": "response.created", "response": begun}
    for at, item in enumerate(reply["output"]):
        place = {"item_id": item["id"], "output_index": at}
        if item["type"] == "function_call":
            yield {"type": "response.output_item.added", "output_index": at, "item": item | {"arguments": ""}}
            for one in pieces(item["arguments"]):
                yield {"type": "response.function_call_arguments.delta", **place, "delta": one}
            yield {"type": "response.function_call_arguments.done", **place, "arguments": item["arguments"]}
        elif item["type"] == "message":
            place |= {"content_index": 0}
            yield {"type": "response.output_item.added", "output_index": at, "item": item | {"content": []}}
            yield {"type": "response.content_part.added", **place, "part": item["content"][0] | {"text": ""}}
            for one in pieces(FINAL):
                yield {"type": "response.output_text.delta", **place, "delta": one, "logprobs": []}
            yield {"type": "response.output_text.done", **place, "text": FINAL, "logprobs": []}
            yield {"type": "response.content_part.done", **place, "part": item["content"][0]}
        else:
            yield {"type": "response.output_item.added", "output_index": at, "item": item | {"summary": []}}
            for number, part in enumerate(item["summary"]):
                here = place | {"summary_index": number}
                yield {"type": "response.reasoning_summary_part.added", **here, "part": part | {"text": ""}}
                for one in pieces(part["text"]):
                    yield {"type": "response.reasoning_summary_text.delta", **here, "delta": one}
                yield {"type": "response.reasoning_summary_text.done", **here, "text": part["text"]}
                yield {"type": "response.reasoning_summary_part.done", **here, "part": part}
        yield {"type": "response.output_item.done", "output_index": at, "item": item}
    yield {"type": "response.completed", "response": reply}
