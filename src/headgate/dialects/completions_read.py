"""Reads Completions requests, <https://platform.openai.com/docs/api-reference/completions/create>."""

from typing import Annotated, Any, ClassVar

import msgspec

from headgate.core.chat import Extra, Message, Request, Text
from headgate.dialects import wire
from headgate.dialects.completions_words import FIELDS, NAME
from headgate.dialects.envelope import MAX_TOKENS, ChatEnvelope, Name, read
from headgate.dialects.fields import Fields, starts, text
from headgate.dialects.fit import RAW
from headgate.dialects.json_guard import top_level
from headgate.dialects.openai_shapes import stop, stream, stream_usage

Meta = msgspec.Meta
MAX_PROMPTS = 2048
_Token = Annotated[int, Meta(ge=0, le=2**31)]
_Tokens = Annotated[list[_Token], Meta(min_length=1, max_length=1_000_000)]
_Limit = Annotated[int, Meta(ge=0, le=MAX_TOKENS)]
_Choices = Annotated[int, Meta(ge=1, le=128)]

_text = msgspec.json.Decoder(str)
_texts = msgspec.json.Decoder(Annotated[list[str], Meta(min_length=1, max_length=MAX_PROMPTS)])
_tokens = msgspec.json.Decoder(_Tokens)
_batches = msgspec.json.Decoder(Annotated[list[_Tokens], Meta(min_length=1, max_length=MAX_PROMPTS)])
_limit = msgspec.json.Decoder(_Limit)
_choices = msgspec.json.Decoder(_Choices)
_temperature = msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=2)])
_share = msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=1)])
_penalty = msgspec.json.Decoder(Annotated[float, Meta(ge=-2, le=2)])
_bias = msgspec.json.Decoder(dict[str, float])
_top = msgspec.json.Decoder(Annotated[int, Meta(ge=0, le=20)])
_any_int = msgspec.json.Decoder(int)


class _StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class _Head(msgspec.Struct, gc=False):
    model: Name
    prompt: msgspec.Raw
    stream: bool | None = False
    max_tokens: _Limit | None = None
    n: _Choices | None = 1
    best_of: _Choices | None = 1
    stream_options: _StreamOptions | None = None
    user: str | None = None


class CompletionsEnvelope(ChatEnvelope, gc=False):
    """A Completions request. ``n`` counts everything that is generated: the answers to every prompt."""

    known: ClassVar[frozenset[str]] = FIELDS


_head = msgspec.json.Decoder(_Head)


def envelope(body: bytes) -> CompletionsEnvelope:
    """Read what the gateway itself needs; raise ``BadRequest`` with the path of the field to blame."""
    fields = top_level(body)
    head = read(_head, body)
    options = head.stream_options
    return CompletionsEnvelope(
        body,
        head.model,
        fields,
        head.stream is True,
        head.max_tokens,
        max(head.n or 1, head.best_of or 1) * len(_prompts(head.prompt)),
        options is not None and options.include_usage is True,
        head.user,
    )


def _prompts(value: msgspec.Raw) -> list[Any]:
    """Return the prompts of either kind: a text, texts, tokens, or arrays of tokens; raise ``BadRequest``."""
    if not starts(value, b"["):
        return [read(_text, value, "prompt")]
    items = wire.items(value)
    one = items[0] if items else wire.NULL
    if starts(one, b"["):
        return read(_batches, value, "prompt")
    if starts(one, b'"') or not items:
        return read(_texts, value, "prompt")
    return [read(_tokens, value, "prompt")]


def read_request(body: bytes) -> Request:
    """Read a request; raise ``BadRequest`` naming the field for what the format forbids.

    One text becomes one message of the user. Several, or tokens, stay as they are: chat has no word for them.
    """
    given = Fields(top_level(body))
    form: dict[str, str] = {}
    top = given.take("logprobs", _top)
    request = Request(
        model=given.need("model", given.text("model")),
        messages=[_message(given)],
        max_tokens=_max_tokens(given),
        temperature=given.take("temperature", _temperature),
        top_p=given.take("top_p", _share),
        stop=stop(given, form),
        seed=given.take("seed", _any_int),
        n=given.take("n", _choices),
        frequency_penalty=given.take("frequency_penalty", _penalty),
        presence_penalty=given.take("presence_penalty", _penalty),
        logit_bias=given.take("logit_bias", _bias),
        logprobs=None if top is None else True,
        top_logprobs=top or None,
        user=given.text("user"),
        stream=stream(given, form),
        stream_usage=stream_usage(given, form),
    )
    request.extra = Extra(NAME, given.rest, form)
    return request


def _message(given: Fields) -> Message:
    value = given.need("prompt", given.raw("prompt"))
    prompts = _prompts(value)
    only = prompts[0]
    if len(prompts) == 1 and isinstance(only, str):
        listed = starts(value, b"[")
        said = text(wire.items(value)[0] if listed else value, "prompt")
        form = {"prompt": "list"} if listed else {}
        return Message("user", [Text(said)] if said else [], extra=Extra(NAME, {}, form))
    shown = "\n\n".join(one if isinstance(one, str) else " ".join(map(str, one)) for one in prompts)
    return Message("user", [Text(shown, Extra(NAME, {"prompt": value}, {"part": RAW}))])


def _max_tokens(given: Fields) -> int | None:
    value = given.take("max_tokens", _limit)
    if value == 0:  # only the prompt is asked for, with 'echo'; nothing else can do that
        given.rest["max_tokens"] = msgspec.Raw(b"0")
    return value or None
