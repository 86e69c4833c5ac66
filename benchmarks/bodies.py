"""What is sent and what the mock answers: fixed bytes, so that every target does the same work."""

import json
from typing import Any

SMALL_BYTES = 540
ANSWER_BYTES = 586
LARGE_BYTES = 300_000
LARGE_MESSAGES = 80
CHUNKS = 100
PACED_CHUNKS = 20
# The model's name asks for the way in which a stream is sent: every event for itself, back to back; all in one write;
# 20 chunks 10 ms apart; or the first event and 2 ms later the rest, so that its way through can be timed undisturbed.
FLAT, BURST, PACED, LATE = MODELS = ("mock", "mock-burst", "mock-paced", "mock-late")
PACED_SECONDS = 0.010
LATE_SECONDS = 0.002
REPLY_MARK = b"thirteen lanterns"  # in every answer's text: proof that the answer is the mock's

SYSTEM = "You are a careful assistant. Answer in one short paragraph and say when you are not sure."
WORDS = 'The ferry leaves at nine; "bring a coat", she wrote, and the café by the pier opens early.\n'
REPLY = "At the end of the pier hang thirteen lanterns, one for each boat that came home through the fog that night."


def dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def padded(value: dict[str, Any], text: dict[str, Any], key: str, size: int) -> bytes:
    """Serialize *value* after lengthening `text[key]` with plain words until it is *size* bytes."""
    filler = (WORDS.split("\n")[0].replace('"', "").replace("é", "e") + " ") * (size // 60 + 1)
    text[key] += filler[: size - len(dump(value))]
    body = dump(value)
    if len(body) != size:
        raise ValueError(f"{len(body)} bytes instead of {size}")
    return body


def small(model: str, stream: bool = False) -> bytes:
    """A chat request of 540 bytes (a stream asks for usage too, within the same size)."""
    user = {"role": "user", "content": ""}
    body: dict[str, Any] = {"model": model, "messages": [{"role": "system", "content": SYSTEM}, user]}
    body |= {"temperature": 0.2, "max_tokens": 256}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return padded(body, user, "content", SMALL_BYTES)


def large(model: str) -> bytes:
    """A chat request of 300 KB: 80 messages, with quotes, line ends and letters outside ASCII to escape."""
    turns = [{"role": ("user", "assistant")[i % 2], "content": WORDS * 38} for i in range(LARGE_MESSAGES - 1)]
    last = {"role": "user", "content": ""}
    body = {"model": model, "messages": [*turns, last], "temperature": 0.2, "max_tokens": 256}
    return padded(body, last, "content", LARGE_BYTES)


def messages(model: str, stream: bool = False) -> bytes:
    """The small request in Anthropic's dialect, 540 bytes."""
    user = {"role": "user", "content": ""}
    body: dict[str, Any] = {"model": model, "max_tokens": 256, "system": SYSTEM, "messages": [user]}
    if stream:
        body["stream"] = True
    return padded(body, user, "content", SMALL_BYTES)


def chat_answer() -> bytes:
    """An OpenAI chat completion of 586 bytes, usage included."""
    message = {"role": "assistant", "content": REPLY, "refusal": None}
    body = {
        "id": "chatcmpl-9f3b7c1e5a2d4860",
        "object": "chat.completion",
        "created": 1763700000,
        "model": "mock-2026-01-01",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 112, "completion_tokens": 24, "total_tokens": 136},
        "system_fingerprint": "fp_",
    }
    return padded_fingerprint(body)


def padded_fingerprint(body: dict[str, Any]) -> bytes:
    body["system_fingerprint"] += "0" * (ANSWER_BYTES - len(dump(body)))
    return dump(body)


def chat_events(count: int) -> list[bytes]:
    """The server-sent events of an OpenAI chat stream: *count* content chunks, a finish, usage, `[DONE]`."""
    base = {"id": "chatcmpl-9f3b7c1e5a2d4860", "object": "chat.completion.chunk", "created": 1763700000}
    base |= {"model": "mock-2026-01-01", "system_fingerprint": "fp_0"}

    def event(choices: list[Any], usage: Any) -> bytes:
        return b"data: " + dump({**base, "choices": choices, "usage": usage}) + b"\n\n"

    def choice(delta: dict[str, str], finish: str | None = None) -> list[Any]:
        return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]

    texts = stream_texts(count)
    first = event(choice({"role": "assistant", "content": texts[0]}), None)
    middle = [event(choice({"content": text}), None) for text in texts[1:]]
    usage = {"prompt_tokens": 112, "completion_tokens": count, "total_tokens": 112 + count}
    return [first, *middle, event(choice({}, "stop"), None), event([], usage), b"data: [DONE]\n\n"]


def stream_texts(count: int) -> list[str]:
    return [REPLY_MARK.decode() + ": ", *(f"{WORDS.split()[i % 16]} " for i in range(count - 1))]


def message_answer() -> bytes:
    """An Anthropic message with usage."""
    usage = {"input_tokens": 112, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 24}
    return dump(
        {
            "id": "msg_019f3b7c1e5a2d4860",
            "type": "message",
            "role": "assistant",
            "model": "mock-2026-01-01",
            "content": [{"type": "text", "text": REPLY}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": usage,
        }
    )


def message_events(count: int) -> list[bytes]:
    """The named events of an Anthropic stream with *count* text deltas."""
    message = json.loads(message_answer()) | {"content": [], "stop_reason": None}
    message["usage"]["output_tokens"] = 1
    block = {"type": "text", "text": ""}
    deltas = [{"type": "text_delta", "text": text} for text in stream_texts(count)]
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    documents: list[dict[str, Any]] = [
        {"type": "message_start", "message": message},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": count}},
        {"type": "message_stop"},
    ]
    return [b"event: %s\ndata: %s\n\n" % (document["type"].encode(), dump(document)) for document in documents]
