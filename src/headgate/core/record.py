"""Record, the frozen account of an exchange that has ended, and its parts."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from headgate.core.money import Usage

Status = Literal["success", "fallback", "failure"]
Role = Literal["", "hedge", "fan-out", "resume", "shared"]
Compared = Literal["better", "worse", "equal"]
Billed = Literal["usage", "estimated", "uncertain", "none"]
"""What a cost rests on."""
CostSource = Literal["price", "stated", "doubted"]
"""Who says what was used costs: the price table, or the provider in its answer, where its account's row takes that for
the bill. ``doubted``: it did, nobody can believe it, and the price table counts."""


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
    billed: Billed = "none"
    cost_source: CostSource = "price"
    stated_nano: int | None = None
    """What the provider states that it costs, believed or not; ``None`` for nothing, or what is no amount."""
    upstream_id: str | None = None
    unsent: bool = False
    """It ended before anything was sent: for want of room, say."""
    role: Role = ""
    """What it was made for, where not in its turn: a second call because the first was slow, one of several at once,
    or to go on where another broke off. ``shared``: no call at all, but a part in another's, paid like one."""


class Choice(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Why a route's deployments were tried in the order they were: with it alone, the order is worked out again.

    In the process that decided it, settings, targets, scores and order may be ``msgspec.Raw``: those written already,
    which many records share (``routing.retold.read``).

    The least score is the best, ``None`` is a deployment removed, and equal ones go by the next row. See
    ``routing.policy`` and ``routing.retold``.
    """

    by: tuple[str, ...]
    """The kinds of the strategies, as the route lists them."""
    settings: tuple[dict[str, Any], ...] = ()
    """What each was set to; empty where all are as they come."""
    targets: tuple[str, ...]
    """The candidates, ``provider/model``."""
    scores: Sequence[Sequence[float | None] | None]
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


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened in one exchange. Logs, metrics, traces, usage and analytics are projections of it.

    Money is nano-dollars, instants are microseconds since 1970 in UTC, durations are milliseconds.
    """

    id: str
    trace_id: str
    at: int
    tenant_id: str
    surface: str
    operation: str
    status: Status
    http_status: int
    parent_id: str | None = None
    """The caller's own span, where it told of one: 16 hexadecimal digits."""
    key_id: str | None = None
    team_id: str | None = None
    user_id: str | None = None
    app_id: str | None = None
    end_user: str | None = None
    session: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] | None = None
    route: str | None = None
    stream: bool = False
    model_requested: str | None = None
    model_used: str | None = None
    """``provider/model`` that answered; of a call that failed, the one that failed it last."""
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
    code: str | None = None
    """The error code, or ``client_closed`` for a caller who left; absent on success."""
    error_message: str | None = None
    attempts: tuple[Attempt, ...] = ()
    finish: str | None = None
    usage: Usage = msgspec.field(default_factory=Usage)
    cost_nano: int | None = None
    """``None`` where no price is known: never a zero that was not stated."""
    billed: Billed = "none"
    held_nano: int = 0
    passed: tuple[str, ...] = ()
    """Soft budgets that were passed with it."""
    dropped: tuple[str, ...] = ()
    defaulted: tuple[str, ...] = ()
    latency_ms: float | None = None
    """The provider's share, from the last dispatch to its last byte."""
    total_ms: float = 0.0
    overhead_ms: float = 0.0
    """The gateway's own share: the rest of the total, without waits for a provider to be ready."""
    first_token_ms: float | None = None
    resumed: int = 0
    """How often the answer broke off and was gone on with."""
    bytes_in: int = 0
    bytes_out: int = 0
    part_of: str | None = None
    """The call for which the gateway itself asked a model, as a judge: it is on record, and paid, with that call."""
    shadow_of: str | None = None
    """The call that this one is a copy of, or compares with its copy."""
    compared: Compared | None = None
    """What a judge said of a copy's answer."""
    address: str | None = None
    worker: int = 0

    @property
    def cost_source(self) -> CostSource:
        """That of its attempts; of several, what is most worth a look."""
        found = {one.cost_source for one in self.attempts}
        return "doubted" if "doubted" in found else "stated" if "stated" in found else "price"
