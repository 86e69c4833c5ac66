"""What the gateway itself reads of a generateContent request that it relays. The path names the model."""

from typing import Annotated, Any, ClassVar, Literal

import msgspec

from headgate.core.errors import BadRequest
from headgate.dialects import wire
from headgate.dialects.envelope import MAX_MESSAGES, Envelope, Tokens, read
from headgate.dialects.gemini_words import FIELDS
from headgate.dialects.json_guard import look

Meta = msgspec.Meta
Count = Annotated[int, Meta(ge=1, le=128)]
_CONFIG = ("generationConfig", "generation_config")
_SNAKE = {"system_instruction", "generation_config", "tool_config", "safety_settings", "cached_content", "service_tier"}


class _Content(msgspec.Struct, gc=False):
    role: Literal["user", "model", "function"] | None = None


class _Config(msgspec.Struct, gc=False):
    maxOutputTokens: Tokens | None = None
    max_output_tokens: Tokens | None = None
    candidateCount: Count | None = None
    candidate_count: Count | None = None


class _Head(msgspec.Struct, gc=False):
    contents: Annotated[list[_Content], Meta(min_length=1, max_length=MAX_MESSAGES)]
    generationConfig: _Config | None = None
    generation_config: _Config | None = None


_head = msgspec.json.Decoder(_Head)


class GeminiEnvelope(Envelope, gc=False):
    """A generateContent request."""

    known: ClassVar[frozenset[str]] = FIELDS | _SNAKE

    def patched(self, model: str, *, include_usage: bool = False, max_tokens: int | None = None) -> bytes:
        """As in :class:`Envelope`; the model stands in the body only where the caller wrote it there too."""
        if max_tokens is None and "model" not in self.fields:
            return self.body
        fields: dict[str, Any] = self.fields.copy()
        if "model" in fields:
            fields["model"] = f"models/{model}"
        if max_tokens is not None:
            name = _CONFIG[1] if _CONFIG[1] in fields else _CONFIG[0]
            config = fields.get(name, wire.NULL)
            kept = {} if config == wire.NULL else wire.members(config)
            kept.pop("max_output_tokens", None)
            fields[name] = {**kept, "maxOutputTokens": max_tokens}
        return wire.encode(fields)


def envelope_at(body: bytes, model: str, *, stream: bool) -> Envelope:
    """Read a request whose path names *model*; raise ``BadRequest`` with the path of the field to blame."""
    fields, opened = look(body)
    head = read(_head, body)
    config = head.generationConfig or head.generation_config or _Config()
    return GeminiEnvelope(
        body,
        model,
        fields,
        stream,
        config.maxOutputTokens or config.max_output_tokens,
        config.candidateCount or config.candidate_count or 1,
        True,
        outline=opened.outline,
    )


def no_model() -> BadRequest:
    """The refusal of a request whose path names no model."""
    return BadRequest(
        "The path names no model: it is /v1beta/models/{model}:generateContent.",
        code="missing_required_parameter",
        param="model",
    )
