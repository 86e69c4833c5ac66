"""What is told of one call, whole."""

from typing import Any, Literal

from headgate.admin.fields import Answer, Ms, UsdText, UtcTime

Billed = Literal["usage", "estimated", "uncertain", "none"]
CostSource = Literal["price", "stated", "doubted"]


class Asked(Answer):
    """Who asked for what."""

    surface: str
    operation: str
    stream: bool
    model_requested: str | None
    parameters: dict[str, Any] | None
    parent_id: str | None
    """The caller's own span, in 16 hexadecimal digits, where it told of one."""
    key_id: str | None
    team_id: str | None
    user_id: str | None
    app_id: str | None
    end_user: str | None
    session: str | None
    tags: list[str]
    metadata: dict[str, Any] | None
    address: str | None
    bytes_in: int


class Routed(Answer):
    """Where it went, and why."""

    name: str | None
    reason: str | None
    candidates: list[dict[str, Any]]
    """What became of each deployment when the route chose, and while they were tried, in words."""
    choice: dict[str, Any] | None
    """The scores and figures behind it: the order can be worked out from them alone."""
    model_used: str | None
    provider_used: str | None


class Tried(Answer):
    """One call to one deployment. Times are milliseconds since the exchange began."""

    number: int
    provider: str
    model: str
    role: str
    """What it was made for, where not in its turn: ``hedge``, ``fan-out``, ``resume``."""
    outcome: str
    status: int | None
    error: str | None
    started_ms: Ms
    headers_ms: Ms | None
    first_ms: Ms | None
    ended_ms: Ms | None
    held_usd: UsdText
    cost_usd: UsdText | None
    billed: Billed
    cost_source: CostSource
    """``stated``: the provider's own bill, as its answer tells it; ``doubted``: nobody can believe that one."""
    stated_usd: UsdText | None
    """What the provider states, believed or not."""
    upstream_id: str | None


class Charged(Answer):
    """A row of the ledger."""

    attempt: int
    target: str
    usd: UsdText
    tokens: int
    billed: str


class Tokens(Answer):
    """Tokens: ``input`` is the whole prompt, ``output`` all that was generated; the others are parts of these."""

    input: int
    output: int
    total: int
    cached: int
    cache_write: int
    reasoning: int
    more: dict[str, int]
    """What there is besides: tokens of sound and pictures, and what is charged by the piece."""


class Timing(Answer):
    """Milliseconds: in all, of it here, at the provider, and to the first token."""

    total_ms: Ms
    overhead_ms: Ms
    latency_ms: Ms | None
    first_token_ms: Ms | None


class Outcome(Answer):
    """How it ended and what it cost."""

    status: Literal["success", "fallback", "failure"]
    http_status: int
    code: str | None
    error_message: str | None
    finish: str | None
    cost_usd: UsdText | None
    billed: Billed
    cost_source: CostSource
    held_usd: UsdText
    soft_budgets: list[str]
    """Soft budgets that were passed with it."""
    dropped: list[str]
    defaulted: list[str]
    resumed: int
    """How often the answer broke off and was gone on with."""
    shadow_of: str | None
    """The call that this one is a copy of, or compares with its copy."""
    compared: str | None
    """What a judge said of the copy: ``better``, ``worse`` or ``equal``."""
    bytes_out: int
    worker: int


class Made(Answer):
    """A call that the gateway itself made for another."""

    id: str
    surface: str
    model: str | None
    status: str
    cost_usd: UsdText | None
    total_ms: float


class Trace(Answer):
    """One call, whole."""

    id: str
    trace_id: str
    at: UtcTime
    call: Asked
    route: Routed
    guardrails: list[dict[str, Any]]
    """What looked at its text, and what it found: never the text."""
    cache: dict[str, Any] | None
    """What a cache did about it, and why; null where its route has none."""
    attempts: list[Tried]
    ledger: list[Charged]
    usage: Tokens
    timing: Timing
    outcome: Outcome
    parts: list[Made]
    """What the gateway itself asked models for this call: judges, classifiers. Their cost comes on top of its own."""
    part_of: str | None
    """The call that this one was made for."""
