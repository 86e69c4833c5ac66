"""What a dialect is: one wire format, both directions, bytes and values only."""

from typing import Protocol

import msgspec

from headgate.core.chat import Chunk, Reply, Request
from headgate.core.errors import HeadgateError, UpstreamFailed
from headgate.core.money import Usage
from headgate.dialects.envelope import Envelope


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one model does with parameters that its siblings take; the defaults are those of an obliging model."""

    sampling: bool = True
    """False where ``temperature``, ``top_p`` and ``top_k`` are refused, even at their defaults."""
    penalties: bool = True
    stop: bool = True
    efforts: tuple[str, ...] = ()
    """The reasoning efforts it takes, weakest first; empty where unknown."""
    thinking: tuple[str, ...] = ()
    """How it may be told to think: ``adaptive``, ``enabled`` (a budget), ``disabled``, ``level``; empty: unknown."""
    forced_tools: bool = True
    """False where a tool may not be forced."""
    system_midway: bool = False
    """It takes system messages in the middle of a conversation."""
    cache_points: bool = False
    """It takes explicit cache markers."""
    prefill: str = ""
    """How it goes on from the beginning of an answer: ``message`` where that is the last message, ``prefix`` where it
    is marked so too (Mistral, DeepSeek), ``continue`` where the request says so (vLLM), ``never``; empty: unknown."""
    speaks: tuple[str, ...] = ()
    """The dialects it can be reached by, best first; empty where its provider's all do."""
    tools_by: str | None = None
    """The dialect it must be asked in where tools are sent and reasoning is on."""
    image_tokens: int = 16_384
    """The most tokens that a picture can come to, however large it is."""
    searches: bool = False
    """It searches the web for every answer, and does not say so."""


PLAIN = Profile()


class Abilities(msgspec.Struct, frozen=True):
    """What a dialect must know of the model it writes for."""

    model: str
    """The provider's own name of it."""
    name: str
    """``provider/model``, for messages to people."""
    max_output: int | None = None
    context: int | None = None
    """The longest prompt, in tokens, where the configuration itself says it: a server of one's own may be told."""
    reasoning: bool = False
    stream_usage: bool = True
    """False where the server refuses ``stream_options``."""
    max_tokens_field: str = "max_tokens"
    """``max_completion_tokens`` for OpenAI's newer models."""
    kind: str = ""
    """The kind of provider: what a row of the catalogue is called."""
    profile: Profile = PLAIN


class Written(msgspec.Struct):
    """A request as the target speaks it, and what became of what it has no word for."""

    body: bytes
    dropped: list[str] = []
    """Paths of source fields left out by permission."""
    defaulted: list[str] = []
    """``path=value`` of what had to be supplied."""


class Sniff(msgspec.Struct):
    """What the gateway reads of a reply that it relays: nothing else is decoded."""

    usage: Usage | None = None
    finish: str | None = None
    """The neutral reason of the first choice: stop, length, tool_calls, content_filter."""
    model: str | None = None
    id: str | None = None
    under_way: bool = False
    """It is no answer yet: the provider works on it, and nothing is known of what it will use."""


class Tap(Protocol):
    """Watches one relayed stream: cuts reads at event borders and reads usage, finish and errors on the way.

    After every feed: ``usage`` is the last complete one, ``finish`` the last reason in
    neutral words, ``text_bytes`` the UTF-8 bytes of
    generated text so far (for estimates), ``events`` the number of complete events, ``started`` is true once content
    (or its natural end) was seen, ``ended`` once the dialect's terminator was seen, and ``failure`` is what the stream
    itself reported as an error. Bytes after the end are dropped. ``usage_flagged`` tells that a usage was told which
    nobody can believe (it is not taken), ``malformed`` counts events left out because they were no JSON.
    """

    usage: Usage | None
    usage_flagged: bool
    malformed: int
    finish: str | None
    text_bytes: int
    events: int
    started: bool
    ended: bool
    failure: UpstreamFailed | None

    def feed(self, data: bytes) -> bytes:
        """Take what was read; return what may be forwarded now: whole events only. Never raises for bad data."""
        ...

    def close(self) -> bytes:
        """The upstream has ended: return what completes the stream, or set ``failure`` where it was cut."""
        ...


class Reader(Protocol):
    """Turns one upstream stream into chunks. Fields as in :class:`Tap`.

    ``model`` may be set before the first feed: it is told where the upstream names none.
    """

    model: str
    usage: Usage | None
    usage_flagged: bool
    malformed: int
    finish: str | None
    text_bytes: int
    events: int
    started: bool
    ended: bool
    failure: UpstreamFailed | None

    def feed(self, data: bytes) -> list[Chunk]:
        """Take what was read, cut anywhere; return the chunks it completes."""
        ...

    def close(self) -> list[Chunk]:
        """The upstream has ended: return the last chunks, or set ``failure`` where it was cut."""
        ...


class Writer(Protocol):
    """Prints chunks as one stream of the caller's dialect.

    ``id`` and ``created`` (seconds since 1970) may be set before the first write: they are printed where the upstream
    gave none.
    """

    id: str
    created: int

    def write(self, chunks: list[Chunk]) -> bytes:
        """Return the events for *chunks*; empty where they complete none."""
        ...

    def close(self) -> bytes:
        """Return the terminator of a stream that ended well."""
        ...


class Dialect(Protocol):
    """One wire format. Everything here is pure: the same input always gives the same output."""

    name: str
    path: str
    """Where its requests are posted, below the base URL; ``{model}`` stands where the path names the model."""
    stream_type: str
    """The content type of its streams. Where one may hold a sign of life, ``ping`` is what it looks like."""
    reply_type: str
    """The content type of its whole replies; empty where the upstream's own is passed on."""

    def envelope(self, body: bytes) -> Envelope:
        """Read what the gateway itself needs of a request; raise ``BadRequest`` as :meth:`read_request`."""
        ...

    def read_request(self, body: bytes) -> Request:
        """Raise ``BadRequest`` naming the field for what the format forbids."""
        ...

    def write_request(self, request: Request, to: Abilities, *, drop: bool) -> Written:
        """Raise ``BadRequest('unsupported_parameter')`` for what the target has no word for, unless *drop* allows."""
        ...

    def read_reply(self, body: bytes) -> Reply:
        """Raise ``UpstreamFailed('upstream_invalid_response')`` for what is no reply."""
        ...

    def write_reply(self, reply: Reply) -> bytes:
        """Print a whole answer."""
        ...

    def sniff(self, body: bytes) -> Sniff:
        """Read what the gateway needs of a whole reply that is relayed; raise as :meth:`read_reply`."""
        ...

    def tap(self, *, hide_usage: bool) -> Tap:
        """Watch a relayed stream; *hide_usage* takes out the usage-only event the caller did not ask for."""
        ...

    def reader(self) -> Reader:
        """Read an upstream stream."""
        ...

    def writer(self, request: Request) -> Writer:
        """Print a stream for the caller of *request*."""
        ...

    def read_error(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> UpstreamFailed:
        """Classify what a provider answered with a status of 400 or more: by status, then by body."""
        ...

    def write_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error as this dialect's clients expect it."""
        ...

    def write_stream_error(self, error: HeadgateError, request_id: str) -> bytes:
        """Print an error as the last event of a stream that has begun."""
        ...
