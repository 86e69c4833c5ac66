"""Call, the one mutable account of an exchange while it runs, and Record, the frozen account when it has ended."""

from random import getrandbits
from time import time_ns
from typing import Any, Literal

import msgspec

from headgate.core.chat import Request
from headgate.core.errors import HeadgateError
from headgate.core.money import Usage

Status = Literal["success", "fallback", "failure"]
Role = Literal["", "hedge", "fan-out", "resume", "shared"]
Compared = Literal["better", "worse", "equal"]
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


def new_id() -> str:
    """Return a UUID version 7 (RFC 9562): 36 characters, ordered by time, so an index on it only grows at its end.

    Its 12 bits after the millisecond tell the time within it, so that what is made one after the other stays in order.
    """
    ms, ns = divmod(time_ns(), 1_000_000)
    words = (ms >> 16, ms & 0xFFFF, (ns << 12) // 1_000_000, 0x8000 | getrandbits(14), getrandbits(48))
    return "%08x-%04x-7%03x-%04x-%012x" % words  # noqa: UP031  # twice as fast as an f-string of numbers


def now() -> int:
    """Microseconds since 1970, UTC."""
    return time_ns() // 1000


class Attempt(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One call to one deployment. Times are milliseconds since the exchange began."""

    provider: str
    model: str
    started_ms: float
    headers_ms: float | None = None
    first_ms: float | None = None
    ended_ms: float | None = None
    status: int | None = None
    outcome: str = "ok"
    """``ok``, or the code of what failed."""
    error: str | None = None
    held_nano: int = 0
    cost_nano: int | None = None
    billed: Literal["usage", "estimated", "uncertain", "none"] = "none"
    upstream_id: str | None = None
    role: Role = ""
    """What it was made for, where not in its turn: a second call because the first was slow, one of several at once,
    or to go on where another broke off. ``shared``: no call at all, but a part in another's, paid like one."""


class Choice(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Why a route's deployments were tried in the order they were: with it alone, the order is worked out again.

    The least score is the best, ``None`` is a deployment removed, and equal ones go by the next row. See
    ``routing.policy``.
    """

    by: tuple[str, ...]
    """The kinds of the strategies, as the route lists them."""
    settings: tuple[dict[str, Any], ...] = ()
    """What each was set to; empty where all are as they come."""
    targets: tuple[str, ...]
    """The candidates, ``provider/model``."""
    scores: list[list[float | None] | None]
    """A row for each strategy, with a score for each candidate; ``None`` for one whose conditions were not met."""
    order: list[int]
    """Which candidates remained, best first, by their place in ``targets``."""
    first: int | None = None
    """The row that counts before the others, where one does: a conversation amid its tool calls."""
    seen: dict[str, Any] = {}
    """The figures that the scores rest on."""
    omitted: int = 0
    """Candidates that are not told, of very many."""
    also: tuple["Choice", ...] = ()
    """What else was decided for the call, on deployments that follow these."""
    whole: bool = False
    """It is on all of the call's deployments, and ``also`` is what was decided on parts of them before."""


class Cached(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a cache did about one call. Money is nano-dollars, durations are milliseconds."""

    cache: str
    """Its name."""
    verdict: Literal["hit", "miss", "stored", "refused", "bypass"]
    """``stored`` and ``refused`` are misses whose answer was kept, or was not for a ``reason``; ``bypass``: the cache
    had nothing to do with it."""
    kind: Literal["", "exact", "semantic", "flight"] = ""
    """How it was found; ``flight``: the same request was under way."""
    reason: str = ""
    of: str | None = None
    """The call that the answer was made for."""
    model: str = ""
    """``provider/model`` that gave the answer then."""
    provider: str = ""
    age_ms: float = 0.0
    similarity: float | None = None
    bound: float | None = None
    """The share of wrong semantic hits that is not passed."""
    saved_nano: int | None = None
    saved_ms: float = 0.0
    saved_tokens: int = 0

    @property
    def header(self) -> str:
        """What its caller is told."""
        return self.verdict if self.verdict in ("hit", "bypass") else "miss"


class Record(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What happened in one exchange. Logs, metrics, traces, usage and analytics are projections of it.

    Money is nano-dollars, instants are microseconds since 1970 in UTC, durations are milliseconds.
    """

    id: str
    trace_id: str
    parent_id: str | None = None
    """The caller's own span, where it told of one: 16 hexadecimal digits."""
    at: int
    tenant_id: str
    key_id: str | None = None
    team_id: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    end_user: str | None = None
    session: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] | None = None
    surface: str
    operation: str
    route: str | None = None
    stream: bool = False
    model_requested: str | None = None
    model_used: str | None = None
    provider_used: str | None = None
    routing_reason: str | None = None
    choice: Choice | None = None
    guardrails: tuple[Any, ...] = ()
    """What guardrails did: each as in ``guardrails.rules.Checked``."""
    verdicts: tuple[Any, ...] = ()
    """What became of deployments while they were tried: each as in ``routing.types.Verdict``."""
    cache: Cached | None = None
    """What a cache did; ``None`` where its route has none."""
    parameters: dict[str, Any] | None = None
    status: Status
    code: str | None = None
    """The error code, or ``client_closed`` for a caller who left; absent on success."""
    http_status: int
    error_message: str | None = None
    attempts: tuple[Attempt, ...] = ()
    finish: str | None = None
    usage: Usage = msgspec.field(default_factory=Usage)
    cost_nano: int | None = None
    """``None`` where no price is known: never a zero that was not stated."""
    billed: Literal["usage", "estimated", "uncertain", "none"] = "none"
    held_nano: int = 0
    passed: tuple[str, ...] = ()
    """Soft budgets that were passed with it."""
    dropped: tuple[str, ...] = ()
    defaulted: tuple[str, ...] = ()
    latency_ms: float | None = None
    """The provider's share, from the last dispatch to its last byte."""
    total_ms: float = 0.0
    overhead_ms: float = 0.0
    first_token_ms: float | None = None
    resumed: int = 0
    """How often the answer broke off and was gone on with."""
    bytes_in: int = 0
    bytes_out: int = 0
    shadow_of: str | None = None
    """The call that this one is a copy of, or compares with its copy."""
    compared: Compared | None = None
    """What a judge said of a copy's answer."""
    address: str | None = None
    worker: int = 0


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
    body: bytes = b""
    options: Options = NO_OPTIONS
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
    resume: Any = None
    """What has been told of the answer, where it may be gone on with (``pipeline.resume.Resume``)."""
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
    attempts: list[Attempt] = []
    attempt: Attempt | None = None
    """The one that answered, or the last."""
    role: Role = ""
    """What the next attempt is for."""
    claim: Any = None
    """Where several attempts are under way at once: to be asked by each before it answers (``pipeline.race``)."""
    holds: list[Any] = []
    keeper: Any = None
    """What keeps the answer once the caller has it (``keep(call, body)``), where it is to be kept."""
    streaming: bool = False
    usage: Usage = msgspec.field(default_factory=Usage)
    billed: Literal["usage", "estimated", "uncertain", "none"] = "none"
    finish: str | None = None
    dropped: list[str] = []
    defaulted: list[str] = []
    error: HeadgateError | None = None
    status: int = 200
    bytes_out: int = 0
    settled: bool = False

    @property
    def end_user(self) -> str | None:
        """Whom the caller names as its end user."""
        return self.options.user or (self.envelope.user if self.envelope is not None else None)

    @property
    def tags(self) -> tuple[str, ...]:
        """Those of the caller's key, and those that came with the request."""
        own: tuple[str, ...] = self.who.tags
        return tuple(dict.fromkeys((*own, *self.options.tags))) if own else self.options.tags

    def __post_init__(self) -> None:
        self.trace_id = self.trace_id or self.id.replace("-", "")
