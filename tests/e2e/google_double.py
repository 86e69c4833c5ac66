"""Google as a double: Gemini 3, which wants each call's signature back, and Claude at Vertex, signed for by a token."""

import json
from collections.abc import Iterator
from typing import Any

from tests.e2e.doubles import Answer, Double, Json

SIGNATURE = "c2lnbmF0dXJlK29mL3RoaXM9"
USAGE = {"promptTokenCount": 9, "candidatesTokenCount": 8, "thoughtsTokenCount": 4, "totalTokenCount": 21}


class Google(Double):
    """Both services on one port."""

    media = "text/event-stream"

    def answer(self, path: str, body: Json, key: str) -> Json | Iterator[bytes]:
        if "/publishers/anthropic/" in path:
            return self._claude(path, body, key)
        if path.endswith(":countTokens"):
            return {"totalTokens": 42}
        if path.endswith(":batchEmbedContents"):
            return {"embeddings": [{"values": [0.5, float(at)]} for at, _ in enumerate(body["requests"])]}
        parts = self._parts(body["contents"])
        reply = {"modelVersion": "gemini-3-flash", "responseId": "r-1", "usageMetadata": USAGE}
        if ":generateContent" in path:
            candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP", "index": 0}
            return {"candidates": [candidate], **reply}
        return self._streamed(parts, reply)

    def _parts(self, contents: list[Json]) -> list[Json]:
        calls = [part for turn in contents for part in turn["parts"] if "functionCall" in part]
        if calls and calls[0].get("thoughtSignature") != SIGNATURE:
            raise Answer(400, {"error": {"code": 400, "message": f"Function call is missing a thought_signature: {calls}", "status": "INVALID_ARGUMENT"}})  # fmt: skip
        if calls:
            results = [
                part["functionResponse"] for turn in contents for part in turn["parts"] if "functionResponse" in part
            ]
            return [{"text": "It is " + ", ".join(json.dumps(one["response"]) for one in results)}]
        called = [{"functionCall": {"name": "get_weather", "args": {"city": city}}} for city in ("Paris", "Rome")]
        called[0]["thoughtSignature"] = SIGNATURE  # type: ignore[assignment]
        return [{"text": "Two cities, two calls.", "thought": True}, *called]

    def _streamed(self, parts: list[Json], reply: Json) -> Iterator[bytes]:
        for at, part in enumerate(parts):
            candidate: Json = {"content": {"parts": [part], "role": "model"}, "index": 0}
            if at == len(parts) - 1:
                candidate["finishReason"] = "STOP"
            yield b"data: %b\r\n\r\n" % json.dumps({"candidates": [candidate], **reply}).encode()

    def _claude(self, path: str, body: Json, key: str) -> Json:
        good = key == "Bearer token-1" and body["anthropic_version"] == "vertex-2023-10-16" and "model" not in body
        if not good or not path.endswith("/models/claude-x:rawPredict"):
            raise Answer(400, {"error": {"code": 400, "message": f"{path} {key} {sorted(body)}"}})
        content: list[Any] = [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVkLWJ5LWNsYXVkZQ=="},
            {"type": "text", "text": "Good day."},
        ]
        said = [block for turn in body["messages"] if turn["role"] == "assistant" for block in turn["content"]]
        if said and said[0] != content[0]:
            raise Answer(400, {"error": {"code": 400, "message": f"the thought was changed: {said}"}})
        return {"id": "m", "type": "message", "role": "assistant", "model": "claude-x", "content": content,
                "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 4}}  # fmt: skip
