"""What would become of a call: its route, its deployments with reasons and prices, and the room after it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headgate.access.types import Principal
from headgate.core.call import Call, Options
from headgate.core.errors import Forbidden
from headgate.core.money import usd
from headgate.dialects import DIALECTS
from headgate.pipeline.once import DEFAULT_OUTPUT
from headgate.pipeline.parts import Snapshot
from headgate.pipeline.steps import authorize, plan, resolve
from headgate.pipeline.wishes import take_wishes
from headgate.providers.base import Target
from headgate.routing.policy import Policy, verdicts
from headgate.routing.types import Standing, Verdict

CHAT = ("openai-chat", "openai-responses", "openai-completions", "anthropic-messages", "gemini")
ANTHROPIC = frozenset(("system", "anthropic_version", "thinking", "stop_sequences", "mcp_servers"))
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
    """A budget of the key before and after the call, were it to cost all that is held for it."""

    window: str
    cap_usd: str
    used_usd: str
    after_usd: str
    """What would be left."""
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


def explain(
    snapshot: Snapshot, standing: Standing, asked: Asked, who: Principal, used: Sequence[int] = ()
) -> Explanation:
    """Return what would become of *asked*; *used* is what is spent of each budget of *who*, in nano-dollars.

    Raise as the steps do for what no route is to be found for, or what is no request.
    """
    call = _call(asked, who)
    parts: Any = _Bare(snapshot, standing, _Share(used))
    refused = None
    resolve(call, parts)
    candidates = call.route.targets
    granted: set[str] = set()
    try:
        authorize(call, parts)
        granted = {target.name for target in call.plan}
        plan(call, parts)
    except Forbidden as error:
        refused = error.message
        call.plan = ()
    policy: Policy | None = call.route.policy
    choice = call.choice
    told = verdicts(choice) if choice is not None else []
    found = _candidates(call, candidates, granted, {one.target: one for one in told}, standing)
    first = next((one for one in call.plan), None)
    most = _hold(call, first) if first is not None else None
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
        budgets=[
            Room(
                window=budget.window,
                cap_usd=usd(budget.amount),
                used_usd=usd(spent),
                after_usd=usd(budget.amount - spent - (most or 0)),
                enough=most is not None and spent + most <= budget.amount,
            )
            for budget, spent in zip(who.budgets, used, strict=False)
        ],
    )


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
        hold = _hold(call, target)
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


def _hold(call: Call, target: Target) -> int | None:
    """The most that the call can cost at *target*, in nano-dollars, as an attempt would hold it."""
    if target.price is None:
        return None
    wanted = call.envelope.max_tokens or target.max_output or DEFAULT_OUTPUT
    if target.max_output is not None:
        wanted = min(wanted, target.max_output)
    return target.price.bound(len(call.body), wanted * call.envelope.n)


class _Bare:
    """The few parts that the steps to the plan need."""

    def __init__(self, snapshot: Snapshot, health: Standing, books: "_Share") -> None:
        self.snapshot = snapshot
        self.health = health
        self.books = books


class _Share:
    def __init__(self, used: Sequence[int]) -> None:
        self._used = used

    def used_share(self, who: Principal) -> float | None:
        """See ``Books``."""
        shares = [
            spent / budget.amount for budget, spent in zip(who.budgets, self._used, strict=False) if budget.amount
        ]
        return max(shares, default=None)
