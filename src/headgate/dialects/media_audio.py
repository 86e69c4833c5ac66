"""OpenAI's speech and transcription: relayed to those who offer them, never translated.

See <https://platform.openai.com/docs/api-reference/audio>.
"""

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from headgate.core.errors import BadRequest
from headgate.core.money import Usage
from headgate.dialects.base import Sniff, Tap
from headgate.dialects.envelope import Envelope, Name, invalid, read
from headgate.dialects.json_guard import top_level
from headgate.dialects.media import Media, MediaEnvelope, Text
from headgate.dialects.media_form import MEDIA, FormEnvelope, fields_of, raw_fields, texts_of
from headgate.dialects.media_tap import BytesTap, MediaTap
from headgate.dialects.media_usage import (
    BYTES_PER_TOKEN,
    CHARACTER_MS,
    PCM,
    TOKENS_PER_SECOND,
    Reported,
    duration,
    last_stamp,
    usage_of,
)
from headgate.dialects.upstream import read_stream_error
from headgate.dialects.wire import ODD

Meta = msgspec.Meta


class _Voice(msgspec.Struct, gc=False):
    id: Text


class _SpeechHead(msgspec.Struct, gc=False):
    model: Name
    input: Text
    voice: Text | _Voice
    instructions: str | None = None
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] | None = None
    speed: Annotated[float, Meta(ge=0.25, le=4.0)] | None = None
    stream_format: Literal["sse", "audio"] | None = None


_speech = msgspec.json.Decoder(_SpeechHead)


class SpeechEnvelope(MediaEnvelope, gc=False):
    """A request to read a text aloud. ``stream`` tells that events are wanted, not bytes of sound."""

    known: ClassVar[frozenset[str]] = frozenset(_SpeechHead.__struct_fields__)


class Speech(Media):
    """``/audio/speech``: answered by the sound itself, or by events of it."""

    name = "openai-speech"
    path = "/audio/speech"
    reply_type = ""

    @staticmethod
    def envelope(body: bytes) -> SpeechEnvelope:  # type: ignore[override]  # a narrower answer than chat's
        """Read a request; raise ``BadRequest`` with the path of the field to blame."""
        fields = top_level(body)
        head = read(_speech, body)
        return SpeechEnvelope(
            body, head.model, fields, head.stream_format == "sse", include_usage=True,
            text_size=len(head.input), form=head.response_format or "mp3",
        )  # fmt: skip

    def tap(self, *, hide_usage: bool) -> Tap:
        """Watch a stream of events."""
        return MediaTap()

    def sound(self) -> Tap:
        """Watch the bytes of the sound."""
        return BytesTap()

    def guess(self, envelope: Any, reply: bytes, got: int) -> Usage:
        """Every character is charged once it was sent; how long the sound is follows from them, or from its bytes."""
        length = envelope.text_size * CHARACTER_MS
        if envelope.form in ("wav", "pcm") and got:
            length = got // PCM
        tokens = length * 2 * TOKENS_PER_SECOND // 1000
        prompt = envelope.text_size // BYTES_PER_TOKEN + 1
        return Usage(
            prompt, tokens, audio_output=tokens, characters=envelope.text_size, milliseconds=length
        )  # fmt: skip


class _Spoken(msgspec.Struct, gc=False):
    usage: Reported | None = None
    duration: float | str | None = None
    error: Any = None


_spoken = msgspec.json.Decoder(_Spoken)
_FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
_SWITCH = {"true": True, "1": True, "false": False, "0": False, "": False}


class TranscriptionEnvelope(FormEnvelope, gc=False, kw_only=True):
    """A request to write down what a file says."""

    known: ClassVar[frozenset[str]] = frozenset(
        {"model", "file", "language", "prompt", "response_format", "temperature", "stream", "chunking_strategy"}
        | {"timestamp_granularities[]", "include[]", "known_speaker_names[]", "known_speaker_references[]"}
    )


class Transcriptions(Media):
    """``/audio/transcriptions``: asked by a form, answered by JSON, plain text, subtitles or events."""

    name = "openai-transcriptions"
    path = "/audio/transcriptions"
    reply_type = ""
    media = MEDIA
    """The content type of its requests."""

    @staticmethod
    def envelope(body: bytes) -> Envelope:  # type: ignore[override]  # another kind than chat's
        """A form cannot be read without the content type that it came with."""
        raise BadRequest("Send a form.", code="invalid_form")

    @staticmethod
    def envelope_form(body: bytes, content_type: bytes) -> TranscriptionEnvelope:
        """Read a request; raise ``BadRequest`` naming the field to blame."""
        found = fields_of(body, content_type)
        texts, files = texts_of(body, found)
        for name, there in (("file", files), ("model", texts)):
            if name not in there:
                raise BadRequest(
                    f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name
                )
        model = next(field for field in found if field.name == "model")
        file = files["file"]
        if not texts["model"] or file.start == file.end:
            name = "file" if texts["model"] else "model"
            raise invalid("Expected `bytes` of length >= 1", name)
        return TranscriptionEnvelope(
            body=body,
            model=texts["model"],
            fields=raw_fields(texts, files),
            stream=_checked(texts),
            include_usage=True,
            content_type=content_type,
            at=(model.start, model.end),
            file=(file.start, file.end),
        )

    @staticmethod
    def sniff(body: bytes) -> Sniff:
        """Read the usage of a reply in JSON; plain text and subtitles report none."""
        if body.lstrip()[:1] != b"{":
            return Sniff()
        try:
            seen = _spoken.decode(body)
        except ODD:
            return Sniff()
        if seen.error is not None:
            raise read_stream_error(seen.error)
        return Sniff(usage_of(seen.usage))

    def guess(self, envelope: Any, reply: bytes, got: int) -> Usage:
        """The length of the sound: as the reply says, else as the file says."""
        start, end = envelope.file
        length = _told(reply) or duration(memoryview(envelope.body)[start:end])
        tokens = length * TOKENS_PER_SECOND // 1000
        return Usage(tokens, got // BYTES_PER_TOKEN, audio_input=tokens, milliseconds=length)


class Translations(Transcriptions):
    """``/audio/translations``: the same, into English."""

    name = "openai-translations"
    path = "/audio/translations"


def is_form(content_type: bytes) -> bool:
    """Tell whether a request came as a form."""
    return content_type.partition(b";")[0].strip().lower() == MEDIA


def _checked(texts: dict[str, str]) -> bool:
    """Check the fields that have a type; return whether a stream is wanted."""
    form = texts.get("response_format", "json")
    if form not in _FORMATS:
        raise invalid(f"Invalid enum value '{form[:64]}'; expected one of {', '.join(_FORMATS)}", "response_format")
    heat = texts.get("temperature")
    if heat is not None:
        try:
            number = float(heat)
        except ValueError:
            raise invalid("Expected `float`, got `str`", "temperature") from None
        if not 0 <= number <= 1:
            raise invalid(f"Expected `float` {'<= 1' if number > 1 else '>= 0'}", "temperature")
    stream = _SWITCH.get(texts.get("stream", "").lower())
    if stream is None:
        raise invalid("Expected `bool`, got `str`", "stream")
    return stream


def _told(reply: bytes) -> int | None:
    """Return the milliseconds that a reply says it stands for."""
    if reply.lstrip()[:1] != b"{":
        return last_stamp(reply)
    try:
        seconds = float(_spoken.decode(reply).duration or 0)
    except (*ODD, ValueError):
        return None
    return round(seconds * 1000) if 0 < seconds < 10**9 else None
