"""What would become of a call: its route, its deployments with reasons and prices, and the room after it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from headgate.access.types import Budget, Principal
from headgate.core.call import Call, Options
from headgate.core.errors import BadRequest, Forbidden
from headgate.core.money import usd
from headgate.dialects import DIALECTS
from headgate.ledger.accounts import worst
from headgate.ledger.purses import binding
from headgate.ledger.types import Ask
from headgate.models.tokens import counted
from headgate.pipeline.context import fitted
from headgate.pipeline.grants import add_tags
from headgate.pipeline.hold import asked_of
from headgate.pipeline.parts import Snapshot
from headgate.pipeline.steps import authorize, plan, resolve
from headgate.pipeline.wishes import take_wishes
from headgate.providers.base import Target
from headgate.routing.conversations import Conversations
from headgate.routing.policy import Policy
from headgate.routing.retold import verdicts
from headgate.routing.types import Standing, Verdict

CHAT = ("openai-chat", "openai-responses", "openai-completions", "anthropic-messages", "gemini")
ANTHROPIC = frozenset(("system", "anthropic_version", "thinking", "stop_sequences", "mcp_servers"))
NOBODY = Conversations()
WISHES = frozenset(("headgate", "models"))


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A call that might be made."""

    model: str
    body: dict[str, Any] = {}
    """A chat request as any surface takes it; ``model`` above goes over its own, and without one there is a short
    Chat Completions request."""
    dialect: str | None = None
    """Which one's it is: ``openai-chat``, ``openai-responses``, ``openai-completions``, ``anthropic-messages`` or
    ``gemini``; left out, its fields tell."""
    user: str | None = None
    session: str | None = None
    tags: tuple[str, ...] = ()
    metadata: dict[str, Any] | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment of the route: what became of it, and what the call would cost there."""

    target: str
    act: str
    """``chosen``, ``kept`` (tried where those before fail), ``removed``, or ``shut`` (not called at present)."""
    rule: str = ""
    reason: str = ""
    score: float | None = None
    hold_usd: str | None = None
    """The most it could cost: what would be held; ``None`` without a price."""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """A budget that binds the call, before and after it, were it to cost all that is held for it.

    Of money or of tokens: the other three are ``None``.
    """

    name: str
    """Whose it is; empty for the key's own."""
    window: str
    hard: bool
    cap_usd: str | None = None
    used_usd: str | None = None
    after_usd: str | None = None
    """What would be left."""
    cap_tokens: int | None = None
    used_tokens: int | None = None
    after_tokens: int | None = None
    enough: bool


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen, without anybody being called."""

    model: str
    route: str
    kind: str
    reason: str
    strategies: list[str]
    candidates: list[Candidate]
    """Best first, then those removed."""
    refused: str | None
    """Why the call would be refused; ``None`` where it would be made."""
    seen: dict[str, Any]
    """The figures that the order rests on."""
    limits: dict[str, Any]
    budgets: list[Room]


Used = Callable[[Budget, str], int]
"""What is spent of a budget in its window, in nano-dollars or tokens; the second is what its spending is kept under."""


def nothing(budget: Budget, scope: str) -> int:
    """Nobody has spent anything."""
    return 0


def explain(snapshot: Snapshot, standing: Standing, asked: Asked, who: Principal, used: Used = nothing) -> Explanation:
    """Return what would become of *asked*. To be called where no event loop runs: it may count tokens.

    Raise as the steps do for what no route is to be found for, or what is no request.
    """
    call = _call(asked, who)
    parts: Any = _Bare(snapshot, standing, _Share(used))
    if who.tags:
        add_tags(call)
    refused = None
    resolve(call, parts)
    candidates = call.route.targets
    granted: set[str] = set()
    try:
        authorize(call, parts)
        granted = {target.name for target in call.plan}
        plan(call, parts)
        if call.route.config.context is not None and call.plan:
            call.plan = asyncio.run(fitted(call, parts, call.plan))
    except (Forbidden, BadRequest) as error:
        if isinstance(error, BadRequest) and error.code != "context_length_exceeded":
            raise
        refused = error.message
        call.plan = ()
    policy: Policy | None = call.route.policy
    choice = call.choice
    told = [*(verdicts(choice) if choice is not None else []), *call.verdicts]
    found = _candidates(call, candidates, granted, {one.target: one for one in told}, standing)
    first = next((one for one in call.plan), None)
    return Explanation(
        model=asked.model,
        route=call.route.name,
        kind=call.route.kind,
        reason=call.reason or call.route.reason,
        strategies=list(policy.kinds) if policy is not None else list(choice.by) if choice is not None else [],
        candidates=found,
        refused=refused,
        seen=choice.seen if choice is not None else {},
        limits=msgspec.to_builtins(who.limits),
        budgets=rooms(call, first, used),
    )


def rooms(call: Call, target: Target | None, used: Used) -> list[Room]:
    """Return what there is, and what would be left, of each budget that binds the call at *target*."""
    ask, most, tokens = None, None, 0
    if target is not None:
        ask = asked_of(call, target)[0]
        most, tokens = _most(ask), ask.input_tokens + ask.output_tokens
    found = []
    for budget, scope in binding(call.who, ask):
        spent = used(budget, scope)
        after = budget.amount - spent - ((most or 0) if budget.unit == "nano" else tokens)
        stands: dict[str, Any] = {"cap_tokens": budget.amount, "used_tokens": spent, "after_tokens": after}
        if budget.unit == "nano":
            stands = {"cap_usd": usd(budget.amount), "used_usd": usd(spent), "after_usd": usd(after)}
        enough = after >= 0 and target is not None and (most is not None or budget.unit != "nano")
        found.append(Room(name=budget.name, window=budget.window, hard=budget.hard, enough=enough, **stands))
    return found


def _call(asked: Asked, who: Principal) -> Call:
    dialect: Any = DIALECTS[asked.dialect or spoken(asked.body)]
    call = Call(surface="explain", operation="chat", dialect=dialect, link=None, headers=[], t0=0.0)
    call.who = who
    call.advice = {}  # nobody is asked
    call.options = Options(user=asked.user, session=asked.session, tags=asked.tags, metadata=asked.metadata)
    if dialect.name == "gemini":
        call.path_model = asked.model
        call.body = msgspec.json.encode(asked.body)
        call.envelope = dialect.envelope_at(call.body, asked.model, stream=False)
    else:
        short = {"messages": [{"role": "user", "content": ""}]} if dialect.name == "openai-chat" else {}
        call.body = msgspec.json.encode({**short, **asked.body, "model": asked.model})
        call.envelope = dialect.envelope(call.body)
    if not call.envelope.fields.keys().isdisjoint(WISHES):
        take_wishes(call)
    call.streaming = call.envelope.stream
    return call


def spoken(body: Mapping[str, Any]) -> str:
    """Return the dialect that a chat request is in, by the fields that only one of them has."""
    if "contents" in body:
        return "gemini"
    if "input" in body:
        return "openai-responses"
    if "prompt" in body:
        return "openai-completions"
    tools = body.get("tools")
    theirs = isinstance(tools, list) and any(isinstance(tool, dict) and "input_schema" in tool for tool in tools)
    return "anthropic-messages" if theirs or not body.keys().isdisjoint(ANTHROPIC) else "openai-chat"


def _candidates(
    call: Call, targets: Sequence[Target], granted: set[str], told: dict[str, Verdict], standing: Standing
) -> list[Candidate]:
    order = {target.name: place for place, target in enumerate(call.plan)}
    found = []
    for target in sorted(targets, key=lambda one: order.get(one.name, len(order))):
        name = target.name
        verdict = told.get(name) or Verdict(name, "kept")
        act: str = "chosen" if order.get(name) == 0 else "kept" if name in order else "removed"
        rule, reason = verdict.rule, verdict.reason
        shut = standing.shut(name)
        if name not in granted:
            rule, reason = "grant", "the key may not use it"
        elif act == "removed" and not rule:
            rule, reason = "route", "it cannot do this, or the route's fallback removed it"
        elif shut is not None and act != "removed":
            act, rule, reason = "shut", "health", shut
        hold = _most(asked_of(call, target)[0])
        found.append(
            Candidate(
                target=name,
                act=act,
                rule=rule,
                reason=reason,
                score=verdict.score,
                hold_usd=None if hold is None else usd(hold),
            )
        )
    return found


def _most(ask: Ask) -> int | None:
    """The most that a try can cost, in nano-dollars; ``None`` without a price."""
    return None if ask.price is None else worst(ask, ask.output_tokens)


class _Bare:
    """The few parts that the steps to the plan need."""

    def __init__(self, snapshot: Snapshot, health: Standing, books: "_Share") -> None:
        self.snapshot = snapshot
        self.health = health
        self.books = books
        self.count_tokens = counted
        self.conversations = NOBODY


class _Share:
    def __init__(self, used: Used) -> None:
        self._used = used

    def used_share(self, who: Principal) -> float | None:
        """See ``Books``."""
        if not who.budgets:
            return None
        binds = [(budget, scope) for budget, scope in binding(who, None) if budget.hard]
        shares = [self._used(budget, scope) / budget.amount if budget.amount else 1.0 for budget, scope in binds]
        return max(shares, default=0.0)
