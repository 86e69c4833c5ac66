"""Call, the one mutable account of an exchange while it runs, and what its caller asked of the gateway itself."""

from typing import Any, Literal

import msgspec

from headgate.core.chat import Request
from headgate.core.errors import HeadgateError
from headgate.core.ids import new_id, now
from headgate.core.money import Usage
from headgate.core.names import kept
from headgate.core.record import Attempt, Billed, Cached, Choice, Compared, Role

Operation = Literal[
    "chat",
    "embeddings",
    "count_tokens",
    "models",
    "rerank",
    "moderations",
    "images",
    "speech",
    "transcription",
    "raw",
]
MEDIA: frozenset[Operation] = frozenset(("moderations", "images", "speech", "transcription"))
"""What is relayed and never translated: its dialects guess the usage that a provider does not report."""


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one caller asked of the gateway itself, in ``x-headgate-*`` headers."""

    tags: tuple[str, ...] = ()
    user: str | None = None
    session: str | None = None
    timeout: float | None = None
    """Seconds for the whole call."""
    on_unsupported: Literal["refuse", "drop"] | None = None
    metadata: dict[str, Any] | None = None
    stream_info: bool = False
    clamp: bool = True
    guardrails: tuple[str, ...] = ()
    """Names of guardrails besides those of the route."""
    requires: tuple[str, ...] = ()
    """Capabilities that the model must have, in the registry's words."""
    format: Literal["as-is", "text", "markdown", "html", "json", "code"] | None = None
    chunk: Literal["as-is", "token", "word", "sentence", "line"] | None = None
    pace: float | None = None
    """Milliseconds between the events of a stream."""
    strategy: str | list[dict[str, Any]] | None = None
    """How the caller's own list of models is to be ordered."""
    cache: Any = None
    """What is asked of the cache (``cache.rules.Control``)."""

    @property
    def shaped(self) -> bool:
        """The answer is wanted in another shape than it comes in."""
        return self.format is not None or self.chunk is not None or self.pace is not None


NO_OPTIONS = Options()


class Call(msgspec.Struct, kw_only=True, eq=False):
    """One exchange while it runs. Steps read and write it; ``pipeline.run`` settles it exactly once.

    ``who``, ``envelope``, ``route``, ``slot``, ``plan`` and ``holds`` are filled by the steps of their names; their
    types belong to the layers above, which is why they are ``Any`` here.
    """

    surface: str
    operation: Operation
    dialect: Any
    link: Any
    headers: list[tuple[bytes, bytes]]
    t0: float
    """Monotonic seconds when the request's head was complete."""
    query: bytes = b""
    address: str | None = None
    memo: dict[str, Any] | None = None
    """What was made of its headers and target alone, for the next with the same (``transport.server_head.Head``)."""
    id: str = msgspec.field(default_factory=new_id)
    at: int = msgspec.field(default_factory=now)
    """Microseconds since 1970, UTC."""
    trace_id: str = ""
    """The caller's W3C trace id; else the id without its dashes."""
    parent_id: str | None = None
    """The caller's span, in 16 hexadecimal digits, where a ``traceparent`` names it."""
    path_model: str = ""
    """The model, where the path names it and not the body."""
    path_stream: bool = False
    media: bytes = b"application/json"
    """The content type that the body must have."""
    pinned: str = ""
    """The provider that the path names: the model is called as it calls it, and the body is all its own."""
    word: bytes | None = None
    """Its ``Idempotency-Key``."""
    taken: Any = None
    """What takes down its answer, where it has such a key (``pipeline.repeat.Taken``)."""
    body: bytes = b""
    options: Options = NO_OPTIONS
    before: int | None = None
    """The most tokens that its provider puts in front of its prompt, where that keeps them and they were counted."""
    bound: bool = False
    """It names what a provider keeps for an account: at another it names nothing, or something else."""
    limit: int | None = None
    """The limit of the answer that its route gives it, where its caller gave none."""
    deadline: float = 0.0
    who: Any = None
    envelope: Any = None
    names: tuple[str, ...] = ()
    """The caller's own order of models or routes, where it gave one; then ``asked`` holds what each stands for."""
    asked: tuple[Any, ...] = ()
    request: Request | None = None
    """The neutral form, read once and only where a target speaks another dialect."""
    route: Any = None
    slot: Any = None
    plan: tuple[Any, ...] = ()
    reason: str | None = None
    choice: Choice | None = None
    advice: Any = None
    """What others were asked before the plan was made (``pipeline.advise``); ``None`` where nobody was yet."""
    conversation: int = 0
    """A hash of the conversation, where it is to be remembered who answered it."""
    target: Any = None
    verdicts: list[Any] = []
    """What became of each candidate for the call, and by which rule (``routing.types.Verdict``)."""
    guard: Any = None
    """What looks at its text (``pipeline.guard.Guard``), where something does."""
    passing: Any = None
    """What its stream goes through there (``guardrails.stream.Filter``)."""
    proven: Any = None
    """To be called, where there is something, once an answer has begun: a deployment that was shut works again."""
    pings: Any = None
    """To be stopped once an answer has begun, where the caller is told meanwhile that something is going on."""
    thoughts: Any = None
    """What was proven of the thoughts before tool calls (``pipeline.thoughts.Thoughts``), where it may be needed."""
    resume: Any = None
    """What has been told of the answer, where it may be gone on with (``pipeline.resume.Resume``)."""
    part_of: str | None = None
    """The call for which it is made by the gateway itself."""
    shadow_of: str | None = None
    """The call that this one is a copy of."""
    compared: Compared | None = None
    """What it came to, where it compares a call with its copy."""
    flight: Any = None
    """To be given the answer, where calls that are the same wait for it."""
    cached: Cached | None = None
    """What a cache did about it so far."""
    tape: Any = None
    """What takes down its answer for a cache (``pipeline.cache_tape.Tape``)."""
    spoken: Any = None
    """The dialect that the target is asked in; ``None`` where the request goes on as it is."""
    heard: Any = None
    """What hears the answer, where what was said is kept (``pipeline.hearing.Hearing``)."""
    stated: Any = None
    """What hears what the target states that its answer costs (``pipeline.stated.Stating``), where that is its bill."""
    attempts: list[Attempt] = []
    passed_over: list[Attempt] = []
    """Those of them that were refused here before a provider was asked: none of the tries that its route allows."""
    attempt: Attempt | None = None
    """The one that answered, or the last."""
    role: Role = ""
    """What the next attempt is for."""
    rested: float = 0.0
    """Seconds that it waited before attempts: as a provider asked, for one to recover, for an equal call's answer."""
    counted: bool = False
    """The next attempt is counted among the retries of its account already."""
    claim: Any = None
    """Where several attempts are under way at once: to be asked by each before it answers (``pipeline.race``)."""
    holds: list[Any] = []
    keeper: Any = None
    """What keeps the answer once the caller has it (``keep(call, body)``), where it is to be kept."""
    streaming: bool = False
    usage: Usage = msgspec.field(default_factory=Usage)
    billed: Billed = "none"
    finish: str | None = None
    dropped: list[str] = []
    defaulted: list[str] = []
    error: HeadgateError | None = None
    status: int = 200
    bytes_out: int = 0
    settled: bool = False

    @property
    def tries(self) -> int:
        """How many of those that its route allows were made."""
        return len(self.attempts) - len(self.passed_over)

    @property
    def end_user(self) -> str | None:
        """Whom the caller names as its end user, as ``core.names`` keeps it; what is forwarded is as it was given."""
        name = self.options.user or (self.envelope.user if self.envelope is not None else None)
        return kept(name) if name else name

    @property
    def tags(self) -> tuple[str, ...]:
        """Those of the caller's key, and those that came with the request."""
        own: tuple[str, ...] = self.who.tags
        return tuple(dict.fromkeys((*own, *self.options.tags))) if own else self.options.tags

    def __post_init__(self) -> None:
        self.trace_id = self.trace_id or self.id.replace("-", "")
