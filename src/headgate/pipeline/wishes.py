"""What a body asks of the gateway itself: the object ``headgate`` and the list ``models``. No provider sees either."""

from typing import Annotated, Any, Literal

import msgspec

from headgate.core.call import Call, Options
from headgate.core.errors import BadRequest
from headgate.dialects import wire
from headgate.dialects.envelope import Name, read
from headgate.dialects.json_guard import top_level
from headgate.pipeline.options import MAX_METADATA, MAX_TAGS, MAX_TEXT
from headgate.pipeline.shape import Cut, Format

MAX_MODELS = 20
MAX_PACE = 5000

Meta = msgspec.Meta
_Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]


class Wishes(msgspec.Struct, forbid_unknown_fields=True):
    """The object ``headgate``: the same options as the headers ``x-headgate-*``, with ``_`` for ``-``.

    Where both say something, the body counts.
    """

    tags: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=MAX_TAGS)] = ()
    user: _Text | None = None
    session: _Text | None = None
    timeout: Annotated[float, Meta(ge=0.001, le=3600)] | None = None
    on_unsupported: Literal["refuse", "drop"] | None = None
    metadata: dict[str, Any] | None = None
    stream_info: bool | None = None
    clamp: bool | None = None
    format: Format | None = None
    """What the answer's text is turned into: ``text``, ``markdown``, ``html`` (sanitized), ``json``, ``code``."""
    chunk: Cut | None = None
    """What each event of a stream holds: a ``token``, a ``word``, a ``sentence``, a ``line``."""
    pace: Annotated[float, Meta(ge=1, le=MAX_PACE)] | None = None
    """Milliseconds from one event of a stream to the next."""


_wishes = msgspec.json.Decoder(Wishes)
_models = msgspec.json.Decoder(Annotated[list[Name], Meta(min_length=1, max_length=MAX_MODELS)])


def take_wishes(call: Call) -> None:
    """Read and take out what is the gateway's own; raise ``BadRequest`` naming what makes no sense."""
    envelope = call.envelope
    fields: dict[str, msgspec.Raw] = envelope.fields
    asked, listed = fields.pop("headgate", None), fields.pop("models", None)
    envelope.body = call.body = wire.encode(fields)
    if asked is not None:
        call.options = merged(call.options, read(_wishes, asked, "headgate"), len(asked))
    if listed is not None:
        names = read(_models, listed, "models")
        call.names = tuple(dict.fromkeys([envelope.model, *names]))


def merged(options: Options, wishes: Wishes, size: int) -> Options:
    """Return *options* with what *wishes* say over them."""
    if wishes.metadata is not None and size > MAX_METADATA:
        raise BadRequest(
            f"headgate.metadata takes at most {MAX_METADATA} characters.",
            code="invalid_option",
            param="headgate.metadata",
        )
    said = {name: value for name, value in msgspec.structs.asdict(wishes).items() if value is not None and value != ()}
    return msgspec.structs.replace(options, **said)


def name_first(body: bytes, error: BadRequest) -> bytes:
    """Return *body*, which names no model, with the first of its list as the model; raise *error* without a list."""
    fields: dict[str, Any] = dict(top_level(body))
    if "models" not in fields or fields.get("model", wire.NULL) != wire.NULL:
        raise error
    fields["model"] = read(_models, fields["models"], "models")[0]
    return wire.encode(fields)
