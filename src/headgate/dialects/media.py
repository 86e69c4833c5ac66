"""OpenAI's moderations and images: relayed to those who offer them, never translated.

See <https://platform.openai.com/docs/api-reference/moderations> and
<https://platform.openai.com/docs/api-reference/images>.
"""

from typing import Annotated, Any, ClassVar, Literal, NoReturn

import msgspec

from headgate.core.chat import Request
from headgate.core.errors import BadRequest
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.base import Sniff, Tap
from headgate.dialects.envelope import Envelope, Name, read
from headgate.dialects.fields import starts
from headgate.dialects.json_guard import top_level
from headgate.dialects.media_tap import MediaTap
from headgate.dialects.media_usage import BYTES_PER_TOKEN, Reported, usage_of
from headgate.dialects.openai import OpenAIChat
from headgate.dialects.openai_reply import no_reply
from headgate.dialects.upstream import read_stream_error
from headgate.dialects.wire import ODD

MAX_INPUTS = 2048
Meta = msgspec.Meta
Text = Annotated[str, Meta(min_length=1)]
PICTURE = {"low": 408, "medium": 1584, "high": 6240}
"""Tokens of one picture by quality, at the larger sizes; <https://platform.openai.com/docs/guides/image-generation>."""


class MediaEnvelope(Envelope, gc=False):
    """A request for something other than text."""

    text_size: int = 0
    """Characters of what is to be said or drawn."""
    form: str = ""
    """What decides about the answer's size: a picture's quality, a sound's format."""

    @property
    def bound(self) -> int:
        """The most tokens that the prompt can be."""
        return len(self.body)

    def patched(self, model: str, *, include_usage: bool = False, max_tokens: int | None = None) -> bytes:
        """As in :class:`Envelope`; there is nothing else to patch."""
        return Envelope.patched(self, model)


class Media(OpenAIChat):
    """What the dialects here share with chat: how errors look. Nobody is asked in another dialect than the caller's."""

    def tap(self, *, hide_usage: bool) -> Tap:
        """Watch a relayed stream."""
        return MediaTap()

    def read_request(self, body: bytes) -> Request:
        """There is no neutral form."""
        raise BadRequest("This operation is not translated.", code="unsupported_operation", param="model")

    def guess(self, envelope: Any, reply: bytes, got: int) -> Usage:
        """Return what a call used whose provider does not say; *reply* is the answer, empty if *got* bytes passed."""
        return Usage(len(envelope.body) // BYTES_PER_TOKEN)


class _ModerationHead(msgspec.Struct, gc=False):
    input: msgspec.Raw
    model: Name = "omni-moderation-latest"


class _Part(msgspec.Struct, gc=False):
    type: Literal["text", "image_url"]


_moderation = msgspec.json.Decoder(_ModerationHead)
_text = msgspec.json.Decoder(str)
_texts = msgspec.json.Decoder(Annotated[list[str], Meta(min_length=1, max_length=MAX_INPUTS)])
_parts = msgspec.json.Decoder(Annotated[list[_Part], Meta(min_length=1, max_length=MAX_INPUTS)])


class ModerationEnvelope(MediaEnvelope, gc=False):
    """A request to judge texts and pictures. A model that is left out is the one OpenAI takes then."""

    known: ClassVar[frozenset[str]] = frozenset({"model", "input"})


class _Moderated(msgspec.Struct, gc=False):
    results: list[msgspec.Raw] | None = None
    usage: Reported | None = None
    model: str | None = None
    id: str | None = None
    error: Any = None


_moderated = msgspec.json.Decoder(_Moderated)


class Moderations(Media):
    """``/moderations``."""

    name = "openai-moderations"
    path = "/moderations"

    @staticmethod
    def envelope(body: bytes) -> ModerationEnvelope:  # type: ignore[override]  # a narrower answer than chat's
        """Read a request; raise ``BadRequest`` with the path of the field to blame."""
        fields = top_level(body)
        head = read(_moderation, body)
        if not starts(head.input, b"["):
            read(_text, head.input, "input")
        elif any(starts(one, b"{") for one in wire.items(head.input)[:1]):
            read(_parts, head.input, "input")
        else:
            read(_texts, head.input, "input")
        return ModerationEnvelope(body, head.model, fields)

    @staticmethod
    def sniff(body: bytes) -> Sniff:
        """Read usage (some report it), model and id of a reply."""
        seen = _decoded(_moderated, body)
        if seen.error is not None:
            raise read_stream_error(seen.error)
        if seen.results is None:
            no_reply("holds no results")
        return Sniff(usage_of(seen.usage), None, seen.model, seen.id)


class _ImageHead(msgspec.Struct, gc=False):
    prompt: Text
    model: Name = "dall-e-2"
    n: Annotated[int, Meta(ge=1, le=10)] | None = 1
    size: str | None = None
    quality: str | None = None
    style: str | None = None
    background: Literal["transparent", "opaque", "auto"] | None = None
    response_format: Literal["url", "b64_json"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Annotated[int, Meta(ge=0, le=100)] | None = None
    moderation: str | None = None
    stream: bool | None = False
    partial_images: Annotated[int, Meta(ge=0, le=3)] | None = None
    user: str | None = None


_image = msgspec.json.Decoder(_ImageHead)


class ImageEnvelope(MediaEnvelope, gc=False):
    """A request for pictures. A model that is left out is the one OpenAI takes then."""

    known: ClassVar[frozenset[str]] = frozenset(_ImageHead.__struct_fields__)


class _Drawn(msgspec.Struct, gc=False):
    data: list[msgspec.Raw] | None = None
    usage: Reported | None = None
    error: Any = None


_drawn = msgspec.json.Decoder(_Drawn)


class Images(Media):
    """``/images/generations``."""

    name = "openai-images"
    path = "/images/generations"

    @staticmethod
    def envelope(body: bytes) -> ImageEnvelope:  # type: ignore[override]  # a narrower answer than chat's
        """Read a request; raise ``BadRequest`` with the path of the field to blame."""
        fields = top_level(body)
        head = read(_image, body)
        return ImageEnvelope(
            body, head.model, fields, head.stream is True, None, head.n or 1, True, head.user,
            text_size=len(head.prompt), form=head.quality or "",
        )  # fmt: skip

    @staticmethod
    def sniff(body: bytes) -> Sniff:
        """Read usage and the number of pictures of a reply; the number alone is not what every model is charged by."""
        seen = _decoded(_drawn, body)
        if seen.error is not None:
            raise read_stream_error(seen.error)
        if seen.data is None:
            no_reply("holds no pictures")
        usage = usage_of(seen.usage)
        if usage is not None:
            usage.images = len(seen.data)
            usage.image_output = usage.image_output or usage.output
        return Sniff(usage)

    def guess(self, envelope: Any, reply: bytes, got: int) -> Usage:
        """The pictures that came, or were asked for; a token-priced model's by their quality."""
        try:
            drawn = len(_drawn.decode(reply).data or ()) if reply else envelope.n
        except ODD:
            drawn = envelope.n
        tokens = drawn * PICTURE.get(envelope.form, PICTURE["high"])
        prompt = envelope.text_size // BYTES_PER_TOKEN + 1
        return Usage(prompt, tokens, images=drawn, image_output=tokens)


def _decoded(decoder: "msgspec.json.Decoder[Any]", body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except ODD:
        _none()


def _none() -> NoReturn:
    no_reply("is not what was asked for")
