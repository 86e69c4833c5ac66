"""A Bedrock of our own: it checks every request by AWS's own model and signature, and answers by what was asked.

boto3 is the reference client that shows it to be one: see ``test_bedrock_sdk.py``.
"""

import base64
import itertools
import json
import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import botocore.auth
import botocore.credentials
import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.validate import ParamValidator

from headgate.dialects.event_stream import encode
from tests.answering import Answer, Answering, Asked

KEY, SECRET, BEARER = "AKIADOUBLE", "double/secret+key", "bedrock-api-key-double"
PATH = re.compile(r"/model/([^/]+)/(converse|converse-stream)\Z")
CUT = 61  # bytes of a stream in one piece: frames are cut anywhere
USAGE = {"inputTokens": 9, "outputTokens": 8, "totalTokens": 22, "cacheReadInputTokens": 5}
THOUGHT = {"reasoningContent": {"reasoningText": {"text": "Let me think.", "signature": "c2lnbmF0dXJl"}}}
STATUS = {
    "ThrottlingException": 429,
    "ValidationException": 400,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
}


class Refusal(Exception):
    """What the service raises."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


class BedrockDouble(Answering):
    """``taken`` holds every request that was let in: model, verb and body."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, dict[str, Any]]] = []
        self.read = threading.Event()
        """What fails midway fails when this is set: a test may clear it until what comes before has been read."""
        self.read.set()
        shape = botocore.session.get_session().get_service_model("bedrock-runtime").operation_model("Converse")
        self._shape = shape.input_shape
        super().__init__(self._answer)

    def _answer(self, asked: Asked) -> Answer:
        headers = {"content-type": "application/json", "x-amzn-requestid": "double-1"}
        try:
            self.check_signature(asked)
            model, verb, body = self.checked(asked)
            content, stop = answer(body, model)
        except Refusal as refusal:
            kind = refusal.name + ":http://internal.amazon.com/coral/com.amazon.bedrock/"
            return STATUS[refusal.name], {"message": str(refusal)}, {**headers, "x-amzn-errortype": kind}
        if verb == "converse":
            output = {"message": {"role": "assistant", "content": content}}
            whole = {"output": output, "stopReason": stop, "usage": USAGE, "metrics": {"latencyMs": 1}}
            return 200, whole, headers
        framed = {"content-type": "application/vnd.amazon.eventstream"}
        return 200, self._pieces(*stream(content, stop, last_text(body))), framed

    def _pieces(self, told: bytes, error: bytes) -> Iterator[bytes]:
        yield from cut(told)
        if error:
            self.read.wait(10)
            yield from cut(error)

    def check_signature(self, asked: Asked) -> None:
        """As AWS does: the same request, signed anew with the key that it names, at the time that it names."""
        given = asked.headers
        said = given.get("authorization", "")
        if said == f"Bearer {BEARER}":
            return
        found = re.match(
            r"AWS4-HMAC-SHA256 Credential=(\w+)/\d{8}/us-east-1/bedrock/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)\Z",
            said,
        )
        if found is None or found[1] != KEY:
            raise Refusal("AccessDeniedException", f"no such key: {said[:80]}")
        signed = AWSRequest(
            "POST", self.url + asked.path, data=asked.body, headers={n: given[n] for n in found[2].split(";")}
        )
        signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(KEY, SECRET), "bedrock", "us-east-1")
        signed.context["timestamp"] = given["x-amz-date"]
        if signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed) != found[3]:
            raise Refusal("AccessDeniedException", "The request signature we calculated does not match")

    def checked(self, asked: Asked) -> tuple[str, str, dict[str, Any]]:
        """Check a request by the service's own model."""
        found = PATH.match(asked.path)
        if found is None:
            raise Refusal("ResourceNotFoundException", f"nothing at {asked.path}")
        model, body = unquote(found[1]), asked.json
        report = ParamValidator().validate({"modelId": model, **body}, self._shape)
        if report.has_errors():
            raise Refusal("ValidationException", report.generate_report())
        roles = [message["role"] for message in body["messages"]]
        if any(one == other for one, other in itertools.pairwise(roles)):
            raise Refusal("ValidationException", "roles must alternate")
        if any("toolUse" in block for block in blocks(body)) and "toolConfig" not in body:
            raise Refusal("ValidationException", "The toolConfig field must be defined when using toolUse")
        self.taken.append((model, found[2], body))
        return model, found[2], body


def cut(data: bytes) -> Iterator[bytes]:
    """Pieces of a stream."""
    return (data[at : at + CUT] for at in range(0, len(data), CUT))


def blocks(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Every block of a request's messages."""
    return [block for message in asked["messages"] for block in message["content"]]


def last_text(asked: dict[str, Any]) -> str:
    """The last text of the user."""
    said = [b["text"] for m in asked["messages"] if m["role"] == "user" for b in m["content"] if "text" in b]
    return said[-1] if said else ""


def answer(asked: dict[str, Any], model: str) -> tuple[list[dict[str, Any]], str]:
    """Return the blocks of the answer, and why it ends."""
    text, results = last_text(asked), [b["toolResult"] for b in blocks(asked) if "toolResult" in b]
    if model == "does-not-exist":
        raise Refusal("ValidationException", "The provided model identifier is invalid.")
    if "boom" in text:
        names = {"429": "ThrottlingException", "400": "ValidationException", "403": "AccessDeniedException"}
        name = names.get(text.split()[-1])
        if name is not None:
            raise Refusal(name, f"{name} as wished")
    if results:
        if "think" in text and THOUGHT not in blocks(asked):
            raise Refusal("ValidationException", "the thoughts before a tool's call must come back unchanged")
        said = "; ".join(json.dumps(one["content"][0].get("json") or one["content"][0]["text"]) for one in results)
        return [{"text": f"The tools said: {said}"}], "end_turn"
    if "weather" in text:
        thought = [THOUGHT] if "think" in text else []
        calls = [
            {"toolUse": {"toolUseId": f"tooluse_{city}", "name": "get_weather", "input": {"city": city}}}
            for city in ("Paris", "Rome")
        ]
        return [*thought, {"text": "I will look."}, *calls], "tool_use"
    image = next((b["image"] for b in blocks(asked) if "image" in b), None)
    if image is not None:
        return [{"text": f"A {image['format']} of {len(base64.b64decode(image['source']['bytes']))} bytes"}], "end_turn"
    if "as JSON" in text:
        if "textFormat" not in asked.get("outputConfig", {}):
            raise Refusal("ValidationException", "no format was asked for")
        return [{"text": '{"name":"Ada","age":36}'}], "end_turn"
    if "think" in text:
        if "thinking" not in asked.get("additionalModelRequestFields", {}):
            raise Refusal("ValidationException", "nobody asked to think")
        return [THOUGHT, {"text": "I have thought."}], "end_turn"
    limited = asked.get("inferenceConfig", {}).get("maxTokens") == 1
    return [{"text": "Hello there, wörld 😀."}], "max_tokens" if limited else "end_turn"


def stream(content: list[dict[str, Any]], stop: str, text: str) -> tuple[bytes, bytes]:
    """Return the frames of an answer, and of the error in its middle; what *text* wishes goes wrong in them."""
    frames = [event("messageStart", {"role": "assistant"})]
    for at, block in enumerate(content):
        if "toolUse" in block:
            use = block["toolUse"]
            start = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
            frames.append(event("contentBlockStart", {"contentBlockIndex": at, "start": start}))
            deltas: list[dict[str, Any]] = [{"toolUse": {"input": piece}} for piece in pieces(json.dumps(use["input"]))]
        elif "reasoningContent" in block:
            said = block["reasoningContent"]["reasoningText"]
            deltas = [{"reasoningContent": {"text": piece}} for piece in pieces(said["text"])]
            deltas.append({"reasoningContent": {"signature": said["signature"]}})
        else:
            deltas = [{"text": piece} for piece in pieces(block["text"])]
        frames += [event("contentBlockDelta", {"contentBlockIndex": at, "delta": one}) for one in deltas]
        frames.append(event("contentBlockStop", {"contentBlockIndex": at}))
    if "boom midway" in text:
        headers = {
            ":message-type": "exception",
            ":exception-type": "throttlingException",
            ":content-type": "application/json",
        }
        return b"".join(frames[:3]), encode(headers, b'{"message":"Too many tokens in mid-stream"}')
    if "cut" in text:
        return b"".join(frames)[:-5], b""
    frames.append(event("messageStop", {"stopReason": stop}))
    frames.append(event("metadata", {"usage": USAGE, "metrics": {"latencyMs": 1}}))
    return b"".join(frames), b""


def pieces(text: str) -> list[str]:
    return [text[at : at + 5] for at in range(0, len(text), 5)]


def event(kind: str, payload: dict[str, Any]) -> bytes:
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return encode(headers, json.dumps({**payload, "p": "abcdefghij"}).encode())
