"""The neutral form: Request, Message, Part, Reply, Chunk. A superset of what providers say.

Every object carries ``extra``: raw values this form has no word for, tagged with the dialect they came from. They are
printed again to the same dialect, and reported (refused, or dropped by permission) to any other.
"""

from typing import Any, Literal

import msgspec

from headgate.core.money import Usage

Role = Literal["system", "developer", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "tool_calls", "content_filter", "error"]


class Extra(msgspec.Struct):
    """What the neutral form has no word for: the fields of one object, as ``dialect`` wrote them."""

    dialect: str
    fields: dict[str, Any]
    form: dict[str, str] = {}
    """How the source spelt what can be spelt in two ways; for printing to the same dialect, never reported."""


class Citation(msgspec.Struct, omit_defaults=True):
    """Where a piece of an answer's text comes from."""

    url: str | None = None
    title: str | None = None
    quote: str | None = None
    """What the source says there, word for word."""
    start: int | None = None
    end: int | None = None
    """The span of the answer's part that is backed, in characters."""
    source: str | None = None
    """Which of the documents that were sent, in the dialect's own words."""
    extra: Extra | None = None


Cache = Literal["", "5m", "1h"]
"""A prompt-cache marker: cache the prefix up to and with this part, for so long (``""``: as the provider does)."""


class Text(msgspec.Struct, tag=True):
    """Plain text."""

    text: str
    extra: Extra | None = None
    citations: list[Citation] | None = None
    cache: Cache | None = None


class Image(msgspec.Struct, tag=True):
    """An image by ``url``, or by base64 ``data`` with its ``media_type``."""

    url: str | None = None
    data: str | None = None
    media_type: str | None = None
    detail: str | None = None
    extra: Extra | None = None
    cache: Cache | None = None


class Audio(msgspec.Struct, tag=True):
    """Base64 audio and its format (``wav``, ``mp3``)."""

    data: str
    format: str
    extra: Extra | None = None


class File(msgspec.Struct, tag=True):
    """A document by ``url``, provider ``file_id``, or base64 ``data``."""

    url: str | None = None
    file_id: str | None = None
    data: str | None = None
    media_type: str | None = None
    name: str | None = None
    extra: Extra | None = None
    cache: Cache | None = None


class ToolCall(msgspec.Struct, tag=True):
    """A call the model asks for. ``arguments`` is the JSON text as the model wrote it, valid or not."""

    id: str
    name: str
    arguments: str
    extra: Extra | None = None
    cache: Cache | None = None


class ToolResult(msgspec.Struct, tag=True):
    """What a tool answered."""

    call_id: str
    parts: list["Part"]
    is_error: bool = False
    extra: Extra | None = None
    cache: Cache | None = None


class Thinking(msgspec.Struct, tag=True):
    """Reasoning. ``signature`` and ``redacted`` are opaque and go back only to the dialect in ``source``.

    Without ``of`` it stands before the part that it led to; with ``of`` it is the proof of that tool call.
    """

    text: str = ""
    signature: str | None = None
    redacted: str | None = None
    source: str | None = None
    extra: Extra | None = None
    of: str | None = None
    """The id of the tool call that ``signature`` belongs to (Gemini signs calls, not thoughts)."""
    id: str | None = None
    """The provider's own id of it (Responses)."""


class Refusal(msgspec.Struct, tag=True):
    """The model declines, in its own words."""

    text: str
    extra: Extra | None = None


Part = Text | Image | Audio | File | ToolCall | ToolResult | Thinking | Refusal


class Message(msgspec.Struct):
    """One turn."""

    role: Role
    parts: list[Part]
    name: str | None = None
    extra: Extra | None = None


class Tool(msgspec.Struct):
    """A function the model may call; ``parameters`` is a JSON schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    extra: Extra | None = None
    cache: Cache | None = None


class ToolChoice(msgspec.Struct):
    """``mode`` is auto, none, required, or named (then ``name``)."""

    mode: Literal["auto", "none", "required", "named"]
    name: str | None = None
    allowed: list[str] | None = None
    """The only tools that may be called now, by name, although more are declared."""


class Format(msgspec.Struct):
    """The shape the answer must have."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str | None = None


class Request(msgspec.Struct, kw_only=True):
    """A chat request. ``None`` means the caller left it open."""

    model: str
    messages: list[Message]
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: list[str] | None = None
    seed: int | None = None
    n: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    tools: list[Tool] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    format: Format | None = None
    effort: str | None = None
    """How hard to think: none, minimal, low, medium, high, xhigh, max."""
    thinking: Literal["off", "on", "auto"] | None = None
    """Whether to think at all; ``auto`` leaves it to the model."""
    thinking_budget: int | None = None
    """Tokens that thinking may take."""
    thoughts: bool | None = None
    """Whether the text of its thoughts is wanted."""
    verbosity: str | None = None
    service_tier: str | None = None
    """auto, default, flex, priority; any other word is the source's own."""
    cache_key: str | None = None
    """Calls of one key share a prompt cache (OpenAI's ``prompt_cache_key``)."""
    store: bool | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    stream: bool = False
    stream_usage: bool = False
    extra: Extra | None = None


class Choice(msgspec.Struct):
    """One answer. ``finish`` is the neutral reason, ``native`` the provider's own word for it."""

    index: int
    parts: list[Part]
    finish: Finish | None = None
    native: str | None = None
    stop_sequence: str | None = None
    logprobs: Any = None
    extra: Extra | None = None


class Reply(msgspec.Struct, kw_only=True):
    """A whole answer."""

    id: str
    model: str
    created: int = 0
    choices: list[Choice]
    usage: Usage | None = None
    extra: Extra | None = None
    dropped: list[str] = []
    """What of it was left out as it was printed, for want of room in the format."""
    request: Request | None = None
    """What was asked, for a format that repeats it in the answer."""
    call_id: str = ""
    """The gateway's own id of the exchange, for a format whose ids the gateway gives."""


class Start(msgspec.Struct, tag=True):
    """The answer begins. ``usage`` is what is known so far (Anthropic tells the prompt's share here)."""

    id: str
    model: str
    created: int = 0
    usage: Usage | None = None


class TextDelta(msgspec.Struct, tag=True):
    """More text of one choice; ``kind`` tells an answer from reasoning and from a refusal."""

    text: str
    choice: int = 0
    kind: Literal["text", "thinking", "refusal"] = "text"
    new: bool = False
    """A new part begins although the one before it is of the same kind."""
    logprobs: Any = None


class SignatureDelta(msgspec.Struct, tag=True):
    """The opaque proof of the reasoning just streamed, or a redacted block of it."""

    signature: str | None = None
    redacted: str | None = None
    choice: int = 0
    source: str | None = None
    of: str | None = None
    """The id of the tool call it belongs to, as in :class:`Thinking`; it comes before that call's first piece."""
    id: str | None = None


class CitationDelta(msgspec.Struct, tag=True):
    """The source of text just streamed."""

    citation: Citation
    choice: int = 0


class ToolDelta(msgspec.Struct, tag=True):
    """More of the tool call number ``index`` (0-based, per choice); ``id`` and ``name`` come with its first piece."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""
    choice: int = 0


class PartDelta(msgspec.Struct, tag=True):
    """A picture, sound or document of one choice, which comes whole."""

    part: Image | Audio | File
    choice: int = 0


class End(msgspec.Struct, tag=True):
    """One choice is complete."""

    finish: Finish
    native: str | None = None
    stop_sequence: str | None = None
    choice: int = 0


class Counted(msgspec.Struct, tag=True):
    """The usage so far; the last one is the whole."""

    usage: Usage


Chunk = Start | TextDelta | SignatureDelta | CitationDelta | ToolDelta | PartDelta | End | Counted
