"""Opaque proofs of one provider, carried through the fields of another's format and handed back to the first alone.

A format with one opaque string to a thought (Anthropic's ``signature``, Responses' ``encrypted_content``) has no room
for whose it is and which tool call it belongs to. So a foreign one travels wrapped, and is unwrapped when it returns.
The wrapping is deterministic: a replayed history stays byte for byte what it was.
"""

import msgspec

from headgate.dialects import wire

PREFIX = "hg1."


class Opaque(msgspec.Struct, frozen=True, array_like=True):
    """A proof and whose it is; fields as in :class:`headgate.core.chat.Thinking`."""

    source: str
    signature: str | None = None
    redacted: str | None = None
    of: str | None = None
    id: str | None = None


_decoder = msgspec.json.Decoder(Opaque)


_MARKS = {
    "anthropic-messages": b'"hg1.',
    "openai-responses": b'"hg1.',
    "bedrock-converse": b'"hg1.',
    "gemini": b'"aGcxL',  # in base64
}


def carries(dialect: str, body: bytes) -> bool:
    """Tell whether a request may hold a wrapped proof, which its own dialect's provider must not be sent."""
    mark = _MARKS.get(dialect)
    return mark is not None and mark in body


def wrap(proof: Opaque) -> str:
    """Return *proof* as one string."""
    return PREFIX + wire.encode(proof).decode()


def unwrap(text: str) -> Opaque | None:
    """Return the proof that *text* wraps; ``None`` for a native one."""
    if not text.startswith(PREFIX):
        return None
    try:
        return _decoder.decode(text[len(PREFIX) :])
    except (msgspec.MsgspecError, UnicodeEncodeError):  # the latter for a lone surrogate
        return None
