"""What the gateway itself reads of a request that it relays. Everything else stays the bytes it came as."""

import re
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args

import msgspec

from headgate.core.errors import BadRequest
from headgate.dialects import anthropic_words, openai_words, wire
from headgate.dialects.json_guard import look

Raw = msgspec.Raw
T = TypeVar("T")
MAX_TOKENS = 10**9  # no model is near it; more is a mistake, and would break arithmetic elsewhere
MAX_MESSAGES = 100_000
Tokens = Annotated[int, msgspec.Meta(ge=1, le=MAX_TOKENS)]
Name = Annotated[str, msgspec.Meta(min_length=1)]
_PATH = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
_MISSING = re.compile(r"missing required field `([^`]+)`")


class Envelope(msgspec.Struct, gc=False):
    """The fields that routing, limits and money need, and the whole body beside them."""

    known: ClassVar[frozenset[str]] = frozenset()

    body: bytes
    model: str
    fields: dict[str, Raw]
    """Every top-level field, undecoded."""
    stream: bool = False
    max_tokens: int | None = None
    """The caller's limit of the answer, per choice."""
    n: int = 1
    include_usage: bool = False
    """The caller asked for usage in the stream."""
    user: str | None = None
    """Whom the caller names as its end user."""
    outline: bytes | None = None
    """The body without its long strings (``json_open.Opened``), where it was made; its words and names stand here."""

    @property
    def least_output(self) -> int:
        """The shortest limit of the answer that a provider takes with the rest of the request."""
        return 1

    @property
    def goes_on(self) -> bool:
        """The provider works on the answer whether or not somebody waits for it, and keeps it to be fetched."""
        return False

    def unknown_fields(self) -> list[str]:
        """Name the top-level fields that this dialect does not define."""
        return [name for name in self.fields if name not in self.known]

    def patched(self, model: str, *, include_usage: bool = False, max_tokens: int | None = None) -> bytes:
        """Return the body for *model*, every other value byte for byte; the very bytes that came if nothing differs."""
        if model == self.model and max_tokens is None:
            return self.body
        fields: dict[str, Any] = self.fields.copy()
        fields["model"] = model
        if max_tokens is not None:
            fields["max_tokens"] = max_tokens
        return wire.encode(fields)


Role = Literal["user", "assistant", "system", "developer", "tool", "function"]


class _Message(msgspec.Struct, gc=False):
    role: Role
    content: Raw = wire.NULL


class _StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class _ChatHead(msgspec.Struct, gc=False):
    model: Name
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = False
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = 1
    stream_options: _StreamOptions | None = None
    tools: list[dict[str, Raw]] | None = None
    user: str | None = None
    safety_identifier: str | None = None


class ChatEnvelope(Envelope, gc=False):
    """A Chat Completions request."""

    known: ClassVar[frozenset[str]] = openai_words.FIELDS

    def patched(
        self, model: str, *, include_usage: bool = False, max_tokens: int | None = None, spelt: str = "max_tokens"
    ) -> bytes:
        """As in :class:`Envelope`; *include_usage* asks for usage at the end of the stream.

        *spelt* is the target's own name of the limit, for where the caller gave none.
        """
        ask = include_usage and self.stream and not self.include_usage
        if model == self.model and not ask and max_tokens is None:
            return self.body
        fields: dict[str, Any] = self.fields.copy()
        fields["model"] = model
        if ask:
            options = fields.get("stream_options", wire.NULL)
            kept = {} if options == wire.NULL else wire.members(options)
            fields["stream_options"] = {**kept, "include_usage": True}
        if max_tokens is not None:
            given = [
                name for name in ("max_completion_tokens", "max_tokens") if fields.get(name, wire.NULL) != wire.NULL
            ]
            for name in given or (spelt,):
                fields[name] = max_tokens
        return wire.encode(fields)


class _Turn(msgspec.Struct, gc=False):
    role: Literal["user", "assistant", "system"]
    content: Raw = wire.NULL


class _Metadata(msgspec.Struct, gc=False):
    user_id: str | None = None


class _CountHead(msgspec.Struct, gc=False):
    model: Name
    messages: Annotated[list[_Turn], msgspec.Meta(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = False
    max_tokens: Tokens | None = None
    metadata: _Metadata | None = None
    tools: list[dict[str, Raw]] | None = None


class _MessagesHead(_CountHead, gc=False, kw_only=True):
    max_tokens: Tokens


class MessagesEnvelope(Envelope, gc=False):
    """A Messages request, or a count_tokens one."""

    known: ClassVar[frozenset[str]] = anthropic_words.FIELDS

    @property
    def least_output(self) -> int:
        """More than what is to be thought: the limit holds for both."""
        return 1 + thought(self.fields.get("thinking", wire.NULL))


class _Thinking(msgspec.Struct, gc=False):
    budget_tokens: int | None = None


_THINKING = msgspec.json.Decoder(_Thinking)


def thought(told: Raw) -> int:
    """Return the tokens to think that Anthropic's ``thinking`` names; 0 where it names none."""
    try:
        return (_THINKING.decode(told).budget_tokens or 0) if told != wire.NULL else 0
    except msgspec.ValidationError:
        return 0  # for the provider to refuse


_LIMITS = ("max_completion_tokens", "max_tokens")
_CHAT = msgspec.json.Decoder(_ChatHead)
_MESSAGES = msgspec.json.Decoder(_MessagesHead)
_COUNT = msgspec.json.Decoder(_CountHead)
_NO_TURN = [{"role": "user", "content": ""}]
_ROLES = frozenset(f'"{role}"'.encode() for role in get_args(Role))
_SPEAKS = frozenset({"user", "system", "developer", "tool"})  # an assistant's turn may be all tool calls


def chat_envelope(body: bytes) -> ChatEnvelope:
    """Read a Chat Completions request; raise ``BadRequest`` with the path of the field to blame."""
    fields, opened = look(body)
    turns = opened.objects.get("messages")
    if turns and _all_plain(turns):  # looked at already: what is left to read is short
        head = read(_CHAT, wire.encode({**fields, "messages": _NO_TURN}))
    else:
        head = read(_CHAT, body)
    for index, message in enumerate(head.messages):
        if message.content == wire.NULL and message.role in _SPEAKS:
            raise no_content(index)
    limit = head.max_completion_tokens
    if limit is None:
        limit = head.max_tokens
    elif head.max_tokens is not None:
        limit = min(limit, head.max_tokens)
    options = head.stream_options
    return ChatEnvelope(
        body,
        head.model,
        fields,
        head.stream is True,
        limit,
        head.n or 1,
        options is not None and options.include_usage is True,
        head.safety_identifier if head.user is None else head.user,
        opened.outline,
    )


def _all_plain(turns: list[dict[str, Raw]]) -> bool:
    """Tell whether *turns* are as :class:`_Message` has them, so that nothing of them is to be refused."""
    if len(turns) > MAX_MESSAGES:
        return False
    null = wire.NULL
    for turn in turns:
        content = turn.get("content", null)
        if content == null or bytes(turn.get("role", null)) not in _ROLES:
            return False
    return True


def messages_envelope(body: bytes, *, counting: bool = False) -> MessagesEnvelope:
    """Read a Messages request (one to count its tokens needs no ``max_tokens``); raise as :func:`chat_envelope`."""
    fields, opened = look(body)
    head: _CountHead = read(_COUNT, body) if counting else read(_MESSAGES, body)
    for index, turn in enumerate(head.messages):
        if turn.content == wire.NULL:
            raise no_content(index)
    user = head.metadata.user_id if head.metadata is not None else None
    return MessagesEnvelope(
        body, head.model, fields, head.stream is True, head.max_tokens, 1, True, user, opened.outline
    )


def read(decoder: "msgspec.json.Decoder[T]", body: bytes | Raw, at: str = "") -> T:
    """Decode what the guard has let through; raise ``BadRequest`` naming the field below *at*."""
    try:
        return wire.typed(decoder, body)
    except msgspec.ValidationError as error:
        raise invalid(str(error), at) from None


def invalid(reason: str, at: str = "") -> BadRequest:
    """Say what a validation error means, in the codes that OpenAI uses, with the path of the field below *at*."""
    found = _PATH.search(reason)
    path = found[1] if found else ""
    text = reason[: found.start()] if found else reason
    param = at + ("." if at and path and not path.startswith("[") else "") + path
    missing = _MISSING.search(text)
    if missing:
        param = f"{param}.{missing[1]}" if param else missing[1]
        return BadRequest(f"Missing required parameter: '{param}'.", code="missing_required_parameter", param=param)
    return BadRequest(f"Invalid value for '{param}': {text[:1].lower()}{text[1:]}.", code=_code(text), param=param)


def _code(text: str) -> str:
    if ", got" in text:
        return "invalid_type"
    for sign, code in (
        ("`array` of length >=", "empty_array"),
        ("`array` of length <=", "array_above_max_length"),
        ("of length >=", "empty_string"),
        (">=", "below_min_value"),
        ("<=", "above_max_value"),
    ):
        if sign in text:
            return code
    return "invalid_value"


def no_content(index: int) -> BadRequest:
    """The refusal of a message that says nothing."""
    param = f"messages[{index}].content"
    return BadRequest(
        f"Invalid value for '{param}': expected a string or an array of parts, got null.",
        code="invalid_type",
        param=param,
    )
