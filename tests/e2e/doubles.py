"""Upstreams in Cohere's and Ollama's own formats. What they take is checked by the vendors' SDKs, and so, as their
clients, is what they answer."""

import base64
import gc
import inspect
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cohere
import ollama
import pydantic

from tests import answering
from tests.answering import Answering, Asked

Json = dict[str, Any]
GREETING = "Hello there, this is a scripted answer to a greeting."
PERSON = '{"name":"Ada","age":36}'
CITIES = ("Paris", "Rome")


@contextmanager
def swept() -> Iterator[None]:
    """What the vendors' clients leave open after an error is theirs: collect it here, not in somebody else's test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


class Answer(Exception):
    """A refusal: its status and body."""

    def __init__(self, status: int, body: Json) -> None:
        self.status, self.body = status, body


class Script:
    """What to say next, from what was said last."""

    def __init__(self, messages: list[Json], wants_json: bool) -> None:
        asked = [message for message in messages if message["role"] == "user"][-1]
        self.text = said(asked["content"])
        after = messages[messages.index(asked) + 1 :]
        self.results = [message for message in after if message["role"] == "tool"]
        self.cities = [city for city in CITIES if city in self.text] if "weather" in self.text else []
        self.calls = [] if self.results else self.cities
        self.wants_json = wants_json

    def answer(self) -> str:
        if self.results:
            return "It is " + " and ".join(said(one["content"]) for one in self.results) + "."
        return PERSON if self.wants_json else GREETING


def said(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content or ())


def pieces(text: str) -> list[str]:
    return [text[at : at + 7] for at in range(0, len(text), 7)]


class Double(Answering):
    """Answers JSON by JSON, whole or in pieces."""

    media = ""

    def __init__(self) -> None:
        super().__init__(self._answer)

    def _answer(self, asked: Asked) -> answering.Answer:
        try:
            found = self.answer(asked.path, asked.json, asked.headers.get("authorization", ""))
        except Answer as refusal:
            return refusal.status, refusal.body
        return (200, found) if isinstance(found, dict) else (200, found, {"content-type": self.media})

    def answer(self, path: str, body: Json, key: str) -> Json | Iterator[bytes]:
        raise NotImplementedError


class Cohere(Double):
    """The second version of Cohere's API; a field that its SDK does not know is refused, as the API does."""

    media = "text/event-stream"
    KEY = "co-key"

    def answer(self, path: str, body: Json, key: str) -> Json | Iterator[bytes]:
        method = {"/v2/chat": "chat", "/v2/embed": "embed", "/v2/rerank": "rerank"}.get(path)
        if key != f"Bearer {self.KEY}":
            raise Answer(401, {"id": "e", "message": "invalid api token"})
        if method is None:
            raise Answer(404, {"id": "e", "message": "not found"})
        known = set(inspect.signature(getattr(cohere.ClientV2, method)).parameters) | {"stream"}
        for name in body.keys() - known:
            raise Answer(422, {"id": "e", "message": f"unknown field: parameter '{name}' is not a valid field."})
        meta = {"api_version": {"version": "2"}}
        if method == "embed":
            vectors = [[0.5, float(len(text))] for text in body["texts"]]
            return {"id": "v", "embeddings": {"float": vectors}, "texts": body["texts"], "response_type": "embeddings_by_type",
                    "meta": meta | {"billed_units": {"input_tokens": 3}}}  # fmt: skip
        if method == "rerank":
            order = sorted(range(len(body["documents"])), key=lambda i: -len(body["documents"][i]))[: body.get("top_n")]
            results = [{"index": i, "relevance_score": 1 / (place + 1)} for place, i in enumerate(order)]
            return {"id": "r", "results": results, "meta": meta | {"billed_units": {"search_units": 1}}}
        return self._chat(body)

    def _chat(self, body: Json) -> Json | Iterator[bytes]:
        form = body.get("response_format") or {}
        script = Script(body["messages"], form.get("type") == "json_object")
        for status in (400, 429, 498, 500):
            if f"boom {status}" in script.text:
                raise Answer(status, {"id": "e", "message": f"boom, {status}"})
        message: Json = {"role": "assistant"}
        if script.calls and body.get("tools"):
            message["tool_plan"] = "I will look up the weather."
            message["tool_calls"] = [
                {"id": f"call_{city}", "type": "function",
                 "function": {"name": "get_weather", "arguments": json.dumps({"city": city})}}
                for city in script.calls
            ]  # fmt: skip
        else:
            seen = sum(
                part["type"] == "image_url"
                for m in body["messages"]
                for part in m.get("content") or ()
                if isinstance(part, dict)
            )
            text = f"I see {seen} image." if seen else script.answer()
            thought = [{"type": "thinking", "thinking": "Let me think."}]
            thinks = (body.get("thinking") or {}).get("type") == "enabled"
            message["content"] = [*(thought if thinks else ()), {"type": "text", "text": text}]
            if script.results:
                source = {
                    "type": "tool",
                    "id": f"{script.results[0]['tool_call_id']}:0",
                    "tool_output": {"content": "x"},
                }
                message["citations"] = [
                    {"start": 6, "end": 8, "text": text[6:8], "sources": [source], "content_index": len(message["content"]) - 1,
                     "type": "TEXT_CONTENT"}
                ]  # fmt: skip
        finish = "TOOL_CALL" if "tool_calls" in message else "COMPLETE"
        usage = {
            "billed_units": {"input_tokens": 9, "output_tokens": 8},
            "tokens": {"input_tokens": 209, "output_tokens": 8},
        }
        if body.get("stream"):
            return self._stream(message, "ERROR" if "fail" in script.text else finish, usage, cut="cut" in script.text)
        return {"id": "m", "message": message, "finish_reason": finish, "usage": usage}

    def _stream(self, message: Json, finish: str, usage: Json, *, cut: bool) -> Iterator[bytes]:
        def event(kind: str, **fields: Any) -> bytes:
            return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()

        def delta(kind: str, index: int | None, **said: Any) -> bytes:
            at = {} if index is None else {"index": index}
            return event(kind, **at, delta={"message": said})

        empty: Json = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
        yield event("message-start", id="m", delta={"message": empty})
        for piece in pieces(message.get("tool_plan", "")):
            yield delta("tool-plan-delta", None, tool_plan=piece)
        for index, block in enumerate(message.get("content", ())):
            kind = block["type"]
            yield delta("content-start", index, content={"type": kind, kind: ""})
            for piece in pieces(block[kind]):
                yield delta("content-delta", index, content={kind: piece})
            if cut:
                return
            yield event("content-end", index=index)
        for index, one in enumerate(message.get("citations", ())):
            yield delta("citation-start", index, citations=one)
            yield event("citation-end", index=index)
        for index, call in enumerate(message.get("tool_calls", ())):
            function = call["function"]
            yield delta("tool-call-start", index, tool_calls={**call, "function": {**function, "arguments": ""}})
            for piece in pieces(function["arguments"]):
                yield delta("tool-call-delta", index, tool_calls={"function": {"arguments": piece}})
            yield event("tool-call-end", index=index)
        yield event("message-end", id="m", delta={"finish_reason": finish, "usage": usage})
        yield b"data: [DONE]\n\n"


class Ollama(Double):
    """Ollama's own API; what its SDK's types do not take is refused."""

    media = "application/x-ndjson"

    def answer(self, path: str, body: Json, key: str) -> Json | Iterator[bytes]:
        if body["model"] == "missing":
            raise Answer(404, {"error": "model 'missing' not found"})
        if path == "/api/embed":
            texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
            vectors = [[0.5, float(len(text))] for text in texts]
            return {"model": body["model"], "embeddings": vectors, "prompt_eval_count": 3}
        if path != "/api/chat":
            raise Answer(404, {"error": "not found"})
        try:
            ollama._types.ChatRequest.model_validate(body)
            for message in body["messages"]:
                ollama.Message.model_validate({k: v for k, v in message.items() if k != "images"}, strict=True)
        except pydantic.ValidationError as error:
            raise Answer(400, {"error": str(error)}) from None
        return self._chat(body)

    def _chat(self, body: Json) -> Json | Iterator[bytes]:
        script = Script(body["messages"], bool(body.get("format")))
        for status in (400, 429, 500):
            if f"boom {status}" in script.text:
                raise Answer(status, {"error": f"boom, {status}"})
        message: Json = {"role": "assistant", "content": ""}
        images = [base64.b64decode(data, validate=True) for m in body["messages"] for data in m.get("images") or ()]
        if body.get("think"):
            message["thinking"] = "Let me think."
        if script.calls and body.get("tools"):
            message["tool_calls"] = [
                {"id": f"call_{city}", "function": {"index": index, "name": "get_weather", "arguments": {"city": city}}}
                for index, city in enumerate(script.calls)
            ]
        else:
            message["content"] = f"I see {len(images[0])} bytes." if images else script.answer()
        done = {"done": True, "done_reason": "stop", "total_duration": 1, "prompt_eval_count": 9, "eval_count": 8}
        if body.get("stream", True):
            return self._stream(body["model"], message, done, script.text)
        return {"model": body["model"], "created_at": "2026-08-07T06:08:14.73237Z", "message": message, **done}

    def _stream(self, model: str, message: Json, done: Json, text: str) -> Iterator[bytes]:
        def line(done: Json, **said: Any) -> bytes:
            head = {"model": model, "created_at": "2026-08-07T06:08:14.73237Z"}
            return (
                json.dumps({**head, "message": {"role": "assistant", "content": "", **said}, **done}).encode() + b"\n"
            )

        for piece in pieces(message.get("thinking", "")):
            yield line({"done": False}, thinking=piece)
        for piece in pieces(message["content"]):
            yield line({"done": False}, content=piece)
        if "fail" in text:
            yield b'{"error":"the runner has died"}\n'
        if "fail" in text or "cut" in text:
            return
        if "tool_calls" in message:
            yield line({"done": False}, tool_calls=message["tool_calls"])
        yield line(done)
