"""A Bedrock of our own: it checks every request by AWS's own model and signature, and answers by what was asked.

boto3 is the reference client that shows it to be one: see ``test_bedrock_sdk.py``.
"""

import base64
import itertools
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import botocore.auth
import botocore.credentials
import botocore.session
from botocore.awsrequest import AWSRequest
from botocore.validate import ParamValidator

from headgate.dialects.event_stream import encode

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


class BedrockDouble:
    """``asked`` holds every request that was let in: model, verb and body."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.read = threading.Event()
        """What fails midway fails when this is set: a test may clear it until what comes before has been read."""
        self.read.set()
        shape = botocore.session.get_session().get_service_model("bedrock-runtime").operation_model("Converse")
        self._shape = shape.input_shape
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                try:
                    owner.check_signature(self, body)
                    model, verb, asked = owner.checked(self.path, body)
                    content, stop = answer(asked, model)
                except Refusal as refusal:
                    self._reply(
                        STATUS[refusal.name],
                        "application/json",
                        json.dumps({"message": str(refusal)}).encode(),
                        refusal.name + ":http://internal.amazon.com/coral/com.amazon.bedrock/",
                    )
                    return
                if verb == "converse":
                    message = {"role": "assistant", "content": content}
                    whole = {
                        "output": {"message": message},
                        "stopReason": stop,
                        "usage": USAGE,
                        "metrics": {"latencyMs": 1},
                    }
                    self._reply(200, "application/json", json.dumps(whole).encode())
                else:
                    self._stream(content, stop, asked)

            def _reply(self, status: int, kind: str, body: bytes, error: str = "") -> None:
                self.send_response_only(status)
                self.send_header("content-type", kind)
                self.send_header("x-amzn-requestid", "double-1")
                if error:
                    self.send_header("x-amzn-errortype", error)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def _stream(self, content: list[dict[str, Any]], stop: str, asked: dict[str, Any]) -> None:
                self.send_response_only(200)
                self.send_header("content-type", "application/vnd.amazon.eventstream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                told, error = stream(content, stop, last_text(asked))
                self._pieces(told)
                if error:
                    owner.read.wait(10)
                    self._pieces(error)
                self.wfile.write(b"0\r\n\r\n")

            def _pieces(self, data: bytes) -> None:
                for at in range(0, len(data), CUT):
                    piece = data[at : at + CUT]
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:  # who asked has gone
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def check_signature(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        """As AWS does: the same request, signed anew with the key that it names, at the time that it names."""
        given = {name.lower(): value for name, value in request.headers.items()}
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
            "POST", self.url + request.path, data=body, headers={n: given[n] for n in found[2].split(";")}
        )
        signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(KEY, SECRET), "bedrock", "us-east-1")
        signed.context["timestamp"] = given["x-amz-date"]
        if signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed) != found[3]:
            raise Refusal("AccessDeniedException", "The request signature we calculated does not match")

    def checked(self, path: str, body: bytes) -> tuple[str, str, dict[str, Any]]:
        """Check a request by the service's own model."""
        found = PATH.match(path)
        if found is None:
            raise Refusal("ResourceNotFoundException", f"nothing at {path}")
        model, asked = unquote(found[1]), json.loads(body)
        report = ParamValidator().validate({"modelId": model, **asked}, self._shape)
        if report.has_errors():
            raise Refusal("ValidationException", report.generate_report())
        roles = [message["role"] for message in asked["messages"]]
        if any(one == other for one, other in itertools.pairwise(roles)):
            raise Refusal("ValidationException", "roles must alternate")
        if any("toolUse" in block for block in blocks(asked)) and "toolConfig" not in asked:
            raise Refusal("ValidationException", "The toolConfig field must be defined when using toolUse")
        self.asked.append((model, found[2], asked))
        return model, found[2], asked


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
