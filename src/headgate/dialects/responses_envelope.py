"""What the gateway itself reads of a request for a response; everything else stays the bytes it came as."""

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from headgate.core.errors import BadRequest
from headgate.dialects import responses_words, wire
from headgate.dialects.envelope import MAX_MESSAGES, Envelope, Name, Tokens, read
from headgate.dialects.json_guard import look

Raw = msgspec.Raw


class _Item(msgspec.Struct, gc=False):
    type: str | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None


class _Head(msgspec.Struct, gc=False):
    model: Name
    input: str | Annotated[list[_Item], msgspec.Meta(max_length=MAX_MESSAGES)] | None = None
    stream: bool | None = False
    max_output_tokens: Tokens | None = None
    tools: list[dict[str, Raw]] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    previous_response_id: str | None = None
    store: bool | None = None


_head = msgspec.json.Decoder(_Head)
_CONTEXTS = ("previous_response_id", "prompt", "conversation")


class ResponsesEnvelope(Envelope, gc=False):
    """A request for a response."""

    known: ClassVar[frozenset[str]] = responses_words.FIELDS

    previous: str | None = None
    """The response that this one goes on from."""
    store: bool = True
    """The caller wants it kept, as it does unless it says otherwise."""

    @property
    def goes_on(self) -> bool:
        """It is asked for in the background."""
        return bytes(self.fields.get("background", b"")) == b"true"

    def patched(self, model: str, *, include_usage: bool = False, max_tokens: int | None = None) -> bytes:
        """As in :class:`Envelope`."""
        if model == self.model and max_tokens is None:
            return self.body
        fields: dict[str, Any] = self.fields.copy()
        fields["model"] = model
        if max_tokens is not None:
            fields["max_output_tokens"] = max_tokens
        return wire.encode(fields)


def responses_envelope(body: bytes) -> ResponsesEnvelope:
    """Read a request for a response; raise ``BadRequest`` with the path of the field to blame."""
    fields, opened = look(body)
    head = read(_head, body)
    if head.input is None and all(fields.get(name, wire.NULL) == wire.NULL for name in _CONTEXTS):
        raise BadRequest("Missing required parameter: 'input'.", code="missing_required_parameter", param="input")
    if head.input == [] and head.previous_response_id is None:
        raise BadRequest("Invalid value for 'input': expected an item at least.", code="empty_array", param="input")
    return ResponsesEnvelope(
        body,
        head.model,
        fields,
        head.stream is True,
        head.max_output_tokens,
        1,
        True,
        head.safety_identifier if head.user is None else head.user,
        opened.outline,
        head.previous_response_id,
        head.store is not False,
    )
