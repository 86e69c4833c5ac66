"""The sandbox's answers as bytes, in OpenAI's form: whole, as server-sent events, and as errors."""

from collections.abc import Iterator

from headgate.providers.sandbox.answer import Answer, Call
from headgate.providers.sandbox.thinking import detail
from headgate.providers.sandbox.wire import Chat, encode

FINGERPRINT = b'"system_fingerprint":"fp_sandbox"'
DONE = b"data: [DONE]\n\n"
ARGUMENT_PIECE = 24
"""Characters of a tool call's arguments in one event."""


def usage(prompt: int, answers: list[Answer]) -> bytes:
    """Return the usage object: every choice's tokens, the prompt's once."""
    done = sum(answer.tokens for answer in answers)
    thought = sum(len(answer.thought) for answer in answers)
    return (
        b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
        b'"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":%d}}'
    ) % (prompt, done, prompt + done, thought)


def whole(head: bytes, prompt: int, answers: list[Answer]) -> bytes:
    """Return a chat completion. *head* is from :func:`headed`."""
    choices = b",".join([_choice(index, answer) for index, answer in enumerate(answers)])
    return b'{%b"object":"chat.completion","choices":[%b],"usage":%b,%b}' % (
        head,
        choices,
        usage(prompt, answers),
        FINGERPRINT,
    )


def headed(seed: bytes, created: int, model: str) -> bytes:
    """Return the fields that say which answer this is."""
    return b'"id":"chatcmpl-%b","created":%d,"model":%b,' % (seed.hex().encode(), created, encode(model))


def _choice(index: int, answer: Answer) -> bytes:
    content = encode("".join(answer.said)) if not answer.calls else b"null"
    more = b',"tool_calls":[%b]' % b",".join([_call(call) for call in answer.calls]) if answer.calls else b""
    if answer.thought:
        text = "".join(answer.thought)
        more += b',"reasoning":%b,"reasoning_details":[%b]' % (encode(text), detail(text))
    return (
        b'{"index":%d,"message":{"role":"assistant","content":%b,"refusal":null%b},"logprobs":null,"finish_reason":"%b"}'
        % (index, content, more, answer.finish.encode())
    )


def _call(call: Call, arguments: str | None = None) -> bytes:
    return b'{"id":%b,"type":"function","function":{"name":%b,"arguments":%b}}' % (
        encode(call.id),
        encode(call.name),
        encode(call.arguments if arguments is None else arguments),
    )


def events(head: bytes, chat: Chat, prompt: int, answers: list[Answer]) -> Iterator[bytes]:
    """Yield a stream's events, one answer after the other: role, deltas, finish; then usage if asked, and the end."""
    options = chat.stream_options
    counted = options is not None and bool(options.include_usage)
    before = b'data: {%b"object":"chat.completion.chunk",%b,"choices":[{"index":%%d,"delta":' % (
        head.replace(b"%", b"%%"),
        FINGERPRINT,
    )
    after = b',"logprobs":null,"finish_reason":null}]%b}\n\n' % (b',"usage":null' if counted else b"")
    last = b'{},"logprobs":null,"finish_reason":"%%b"}]%b}\n\n' % (b',"usage":null' if counted else b"")
    for index, answer in enumerate(answers):
        start = before % index
        content = b"null" if answer.calls else b'""'
        yield b'%b{"role":"assistant","content":%b,"refusal":null}%b' % (start, content, after)
        for piece in answer.thought:
            yield b'%b{"reasoning":%b}%b' % (start, encode(piece), after)
        if answer.thought:
            proved = detail("".join(answer.thought))
            yield b'%b{"reasoning_details":[%b]}%b' % (start, proved, after)
        for piece in answer.said:
            yield b'%b{"content":%b}%b' % (start, encode(piece), after)
        for number, call in enumerate(answer.calls):
            for delta in _call_deltas(number, call):
                yield b'%b{"tool_calls":[%b]}%b' % (start, delta, after)
        yield start + last % answer.finish.encode()
    if counted:
        yield b'data: {%b"object":"chat.completion.chunk",%b,"choices":[],"usage":%b}\n\n' % (
            head,
            FINGERPRINT,
            usage(prompt, answers),
        )
    yield DONE


def _call_deltas(number: int, call: Call) -> Iterator[bytes]:
    """Yield a call's name, then its arguments bit by bit, as the vendor's streams do."""
    yield b'{"index":%d,%b' % (number, _call(call, "")[1:])
    for start in range(0, len(call.arguments), ARGUMENT_PIECE):
        piece = call.arguments[start : start + ARGUMENT_PIECE]
        yield b'{"index":%d,"function":{"arguments":%b}}' % (number, encode(piece))


def error(message: str, kind: str, code: str | None, param: str | None = None) -> bytes:
    """Return an error body."""
    return encode({"error": {"message": message, "type": kind, "param": param, "code": code}})
