"""OpenAI's Realtime API, as far as the gateway reads it: the events that tell of responses, and what they used.

https://platform.openai.com/docs/api-reference/realtime-server-events
"""

import msgspec

from headgate.core.money import Usage


class _Tokens(msgspec.Struct):
    audio_tokens: int = 0
    cached_tokens: int = 0
    cached_tokens_details: "_Tokens | None" = None


class Reported(msgspec.Struct):
    """A ``usage`` object."""

    input_tokens: int = 0
    output_tokens: int = 0
    input_token_details: _Tokens = msgspec.field(default_factory=_Tokens)
    output_token_details: _Tokens = msgspec.field(default_factory=_Tokens)


class Response(msgspec.Struct):
    """A response under way, or done."""

    id: str | None = None
    status: str | None = None
    usage: Reported | None = None


class Event(msgspec.Struct):
    """What a server tells."""

    type: str = ""
    response: Response | None = None


class _Named(msgspec.Struct):
    type: str = ""


_event = msgspec.json.Decoder(Event).decode
_named = msgspec.json.Decoder(_Named).decode


def read_event(message: str) -> Event:
    """Read what was told; of an event with fields of other types than OpenAI's, its name alone."""
    try:
        return _event(message)
    except msgspec.MsgspecError:
        pass
    try:
        return Event(_named(message).type)
    except msgspec.MsgspecError:
        return Event()


def usage_of(told: Reported) -> Usage:
    """The usage of one response; sound is told apart, since it costs more."""
    read, written = told.input_token_details, told.output_token_details
    cached = read.cached_tokens_details
    return Usage(
        input=max(told.input_tokens, 0),
        output=max(told.output_tokens, 0),
        cached=max(read.cached_tokens, 0),
        audio_input=max(read.audio_tokens, 0),
        audio_cached=max(cached.audio_tokens, 0) if cached is not None else 0,
        audio_output=max(written.audio_tokens, 0),
    )
