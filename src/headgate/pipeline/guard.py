"""Guardrails around a call: its text is looked at before anything is spent, and its answer before anybody sees it.

A route without guardrails has none of this among its steps. Requests and answers are edited in their own dialect:
what nothing was found in goes on byte for byte.
"""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from headgate.core.call import Call
from headgate.core.errors import AnswerRefused, BadRequest, Unavailable
from headgate.dialects.json_guard import duplicate
from headgate.dialects.splice import splice
from headgate.dialects.text import Path, Piece, Walker, wants_json
from headgate.dialects.walkers import WALKERS
from headgate.guardrails.frames import frames
from headgate.guardrails.mask import Masks, plain_placeholder, tenant_key
from headgate.guardrails.rules import Checked, Rule, Rules, compiled
from headgate.guardrails.run import Outcome, examine, must_run
from headgate.guardrails.stream import Filter, Tripped
from headgate.guardrails.types import Guards, Means, Span
from headgate.guardrails.whole import edited
from headgate.pipeline.ask import ask
from headgate.pipeline.parts import Parts, StepCall
from headgate.pipeline.steps import authorize
from headgate.routing.table import Route, RouteConfig

MOST_COMBINED = 1024
"""Combinations of guardrails that callers ask for by name, kept compiled."""
MOST_CHECKS = 64
"""Verdicts of one call that are recorded."""


class Guarding:
    """Which guardrails there are, and which of them a call passes. Made once for each configuration."""

    __slots__ = ("_always", "_known", "_picky", "_stepped", "_steps")

    def __init__(
        self,
        shared: Mapping[str, Rule],
        own: Mapping[str, Mapping[str, Rule]],
        stepped: Callable[[RouteConfig, StepCall], tuple[StepCall, ...]],
    ) -> None:
        """*own* are those that tenants have besides, by tenant; *stepped* returns the steps of a route with a guard."""
        self._known = {"": shared, **{tenant: {**shared, **rules} for tenant, rules in own.items()}}
        self._always = {
            tenant: tuple([name for name, one in rules.items() if one.guardrail.always])
            for tenant, rules in self._known.items()
        }
        self._picky = frozenset(
            tenant
            for tenant, rules in self._known.items()
            if any(one.guardrail.keys or one.guardrail.tags for one in rules.values())
        )
        self._stepped = stepped
        self._steps: dict[tuple[str, tuple[str, ...], tuple[str, ...], bool], tuple[StepCall, ...]] = {}

    def route_of(self, call: Call) -> Route:
        """Return the route of *call* with the steps that its guardrails add; raise for a name that there is not."""
        tenant = call.who.tenant_id if call.who.tenant_id in self._known else ""
        route: Route = call.route
        names = (*self._always[tenant], *route.config.guardrails)
        for asked in call.asked:
            names += tuple(asked.config.guardrails)
        names = tuple(dict.fromkeys((*names, *call.options.guardrails)))
        if tenant in self._picky and names:
            known = self._known[tenant]
            names = tuple([name for name in names if name not in known or concerns(known[name], call)])
        if not names:
            return route
        key = (tenant, names, tuple(route.config.skip), route.config.cache is not None)
        steps = self._steps.get(key)
        if steps is None:
            if len(self._steps) >= MOST_COMBINED:
                self._steps.clear()
            steps = self._steps[key] = self._stepped(route.config, guarding(self.rules(tenant, names)))
        return msgspec.structs.replace(route, steps=steps)

    def rules(self, tenant: str, names: Sequence[str]) -> Rules:
        """Return the guardrails *names* of a tenant, compiled; raise as :meth:`chosen`."""
        return compiled(self.chosen(tenant, names))

    def chosen(self, tenant: str, names: Sequence[str]) -> tuple[Rule, ...]:
        """Return the guardrails *names* of a tenant; raise ``BadRequest`` for one that there is not."""
        known = self._known.get(tenant, self._known[""])
        for name in names:
            if name not in known:
                raise no_guardrail(name, known)
        return tuple([known[name] for name in names])


def concerns(rule: Rule, call: Call) -> bool:
    """Whether *rule* looks at calls of this key, and with these tags."""
    guardrail = rule.guardrail
    if guardrail.keys and call.who.id not in guardrail.keys:
        return False
    return not guardrail.tags or not {*call.options.tags, *call.who.tags}.isdisjoint(guardrail.tags)


def no_guardrail(name: str, known: Collection[str]) -> BadRequest:
    """The refusal of a guardrail that is not configured."""
    there = f"There are: {', '.join(sorted(known)[:20])}" if known else "None is configured"
    return BadRequest(
        f"There is no guardrail {name[:64]!r}. {there}.", code="unknown_guardrail", param="x-headgate-guardrails"
    )


class Guard:
    """What looks at one call, and what it has found."""

    __slots__ = ("checks", "json", "masks", "means", "rules", "walker")

    def __init__(self, call: Call, parts: Parts, rules: Rules, walker: Walker) -> None:
        guards: Guards = parts.guards or Guards()
        self.rules = rules
        self.walker = walker
        self.masks = Masks(tenant_key(guards.secret, call.who.tenant_id))
        self.checks: list[Checked] = []
        self.json = False
        self.means = Means(guards.post(), partial(ask, call, parts))

    async def request(self, call: Call, parts: Parts) -> None:
        """Look at the request, and mask in it what is to be masked; raise where it is to be refused."""
        document = document_of(call.body)
        self.json = wants_json(document)
        pieces = list(self.walker.request(document))
        spans = [Span(piece.text, piece.place, piece.json) for piece in pieces]
        for span in spans:
            self.masks.avoid(span.text)
        rules = self.rules.input
        outcomes = await examine(rules, "input", spans, self.means)
        self._note(outcomes)
        must_run(rules, outcomes)
        for outcome in outcomes:
            rule = rules[outcome.rule]
            if outcome.verdict.act == "block" and not rule.guardrail.shadow:
                await self._stop(call, parts, rule, outcome, pieces)
        changed = edited(spans, rules, outcomes, None, self._put)
        if changed:
            rewrite(call, {pieces[i].path: text for i, text in changed.items()})

    async def whole(self, body: bytes) -> bytes:
        """Return a whole answer as its caller may see it; raise :class:`AnswerRefused` where that is not at all."""
        if not self.rules.reads_answers:
            return body
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return await self._plain(body)
        if not isinstance(document, dict):
            return body
        pieces = list(self.walker.reply(document))
        changed = await self._answers(
            [Span(p.text, p.place, p.json or (self.json and p.place == "output")) for p in pieces]
        )
        edits: dict[Path, str | None] = {pieces[i].path: text for i, text in changed.items()}
        for path in list(edits):
            edits |= dict.fromkeys(self.walker.beside(path))
        return splice(body, edits) if edits else body

    async def stream(self, call: Call, out: bytes, *, final: bool) -> bytes:
        """Return what of a stream's whole events *out* may go on now; raise as :meth:`whole`."""
        if not self.rules.reads_answers:
            return out
        if call.passing is None:
            call.passing = Filter(
                self.walker,
                frames(call.dialect.stream_type),
                self.rules.output,
                self.masks,
                self._keep,
                self.means,
                json=self.json,
            )
        try:
            passed: bytes = await call.passing.pass_on(out, final=final)
        except Tripped as tripped:
            self._streamed(call.passing)
            raise refused(tripped.rule, tripped.reason) from None
        except Unavailable as error:
            self._streamed(call.passing)
            raise AnswerRefused(error.message, code=error.code) from None
        if final:
            self._streamed(call.passing)
        return passed

    async def final(self, body: bytes) -> bytes:
        """Return the whole of an answer that was streamed, as its caller has got it; nothing is recorded anew."""
        noted = len(self.checks)
        try:
            return await self.whole(body)
        except AnswerRefused:
            return b""
        finally:
            del self.checks[noted:]

    def line(self) -> str:
        """Return the header line that tells what was found in the request; nothing where nothing was."""
        acts = {one.guardrail: one.act for one in self.checks if one.act != "allow" and not one.shadow}
        if not acts:
            return ""
        return f"x-headgate-guardrails: {', '.join(f'{name}={act}' for name, act in acts.items())}\r\n"

    async def _plain(self, body: bytes) -> bytes:
        """An answer that is text and no document, such as a transcription."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            return body
        changed = await self._answers([Span(text, "output")])
        return changed[0].encode() if changed else body

    async def _answers(self, spans: Sequence[Span]) -> dict[int, str]:
        rules = self.rules.output
        outcomes = await examine(rules, "output", spans, self.means) if rules else []
        self._note(outcomes)
        try:
            must_run(rules, outcomes)
        except Unavailable as error:
            raise AnswerRefused(error.message, code=error.code) from None
        for outcome in outcomes:
            rule = rules[outcome.rule]
            if outcome.verdict.act == "block" and not rule.guardrail.shadow:
                raise refused(rule, outcome.verdict.reason)
        return edited(spans, rules, outcomes, self.masks if self.masks else None, self._keep)

    async def _stop(self, call: Call, parts: Parts, rule: Rule, outcome: Outcome, pieces: Sequence[Piece]) -> None:
        """Refuse the request, or send it elsewhere."""
        if rule.guardrail.action == "reroute" and rule.guardrail.to is not None:
            call.route = parts.snapshot.table_of(call.who.tenant_id).resolve(rule.guardrail.to)
            call.asked = ()
            why = f"sent to {rule.guardrail.to} by the guardrail {rule.name}"
            call.route = msgspec.structs.replace(call.route, reason=f"{call.route.reason}, {why}")
            authorize(call, parts)
            return
        first = outcome.verdict.findings[0] if outcome.verdict.findings else None
        raise BadRequest(
            f"The guardrail {rule.name!r} refuses this request: {outcome.verdict.reason}.",
            code="content_policy_violation",
            param=shown(pieces[first.span].path) if first is not None else None,
        )

    def _put(self, number: int, kind: str, value: str) -> str:
        rule = self.rules.input[number]
        return self.masks.put(kind, value) if rule.reversible else plain_placeholder(kind)

    def _keep(self, number: int, kind: str, value: str) -> str:
        """What takes the place of a value in the answer; what the caller has sent itself is no secret to it."""
        rule = self.rules.output[number]
        known = rule.reversible and self.masks.of(kind, value) is not None
        return value if known else plain_placeholder(kind)

    def _note(self, outcomes: Sequence[Outcome]) -> None:
        self.checks += [one.checked for one in outcomes][: MOST_CHECKS - len(self.checks)]

    def _streamed(self, seen: Filter) -> None:
        """Record what was found in a stream, once."""
        rules = self.rules.output
        for number, counts in seen.seen.items():
            rule = rules[number]
            act = rule.guardrail.action
            found = dict(counts.most_common(32))
            reason = ", ".join(f"{count} {kind}" for kind, count in sorted(found.items()))
            seen.outcomes.append(
                Checked(
                    guardrail=rule.name,
                    kind=rule.kind,
                    on="output",
                    act=act,
                    shadow=rule.guardrail.shadow,
                    found=found,
                    reason=reason[:200],
                )
            )
        seen.seen = {}
        self.checks += seen.outcomes[: MOST_CHECKS - len(self.checks)]
        seen.outcomes = []


def guarding(rules: Rules) -> Callable[[Call, Parts], Awaitable[None] | None]:
    """Return the step that puts calls under *rules*."""

    def guard_input(call: Call, parts: Parts) -> Awaitable[None] | None:
        walker = WALKERS.get(call.dialect.name)
        if walker is None:
            raise BadRequest(
                f"The route {call.route.name!r} has guardrails, which cannot look into this kind of request.",
                code="unsupported_operation",
                param="model",
            )
        call.guard = guard = Guard(call, parts, rules, walker)
        if not rules.input or call.media != b"application/json":
            return None
        return guard.request(call, parts)

    return guard_input


def document_of(body: bytes) -> Any:
    """Decode a request whose JSON was checked; refuse names that an object has twice: two readers may see two texts."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            raise duplicate(next(name for name in names if names.count(name) > 1))
        return found

    return json.loads(body, object_pairs_hook=once)


def rewrite(call: Call, edits: Mapping[Path, str | None]) -> None:
    """Write *edits* into the body of *call*, and read again what was read of it."""
    call.body = splice(call.body, edits)
    model, previous = call.envelope.model, None
    if call.keeper is not None:  # what is kept of a conversation is what was said, to be masked anew in its next turn
        call.keeper.said = call.envelope.fields.get("input")
    if call.request is not None and call.request.extra is not None:
        previous = call.request.extra.form.get("previous")
    if call.path_model:
        call.envelope = call.dialect.envelope_at(call.body, call.path_model, stream=call.path_stream)
    else:
        call.envelope = call.dialect.envelope(call.body)
    if call.envelope.model != model:  # `take_wishes` has put another in
        call.envelope.model = model
    call.request = None
    if previous is not None:
        call.request = call.dialect.read_request(call.body)
        extra = call.request.extra if call.request is not None else None
        if extra is not None:
            extra.form["previous"] = previous


def refused(rule: Rule, reason: str) -> AnswerRefused:
    """Return the refusal of an answer; ``reask`` and ``reroute`` let another one be asked for."""
    action = rule.guardrail.action
    return AnswerRefused(
        f"The guardrail {rule.name!r} refuses the answer: {reason}.",
        again=action in ("reask", "reroute"),
        same_target=action == "reask",
    )


def shown(path: Path) -> str:
    """Return ``messages[0].content`` for its parts."""
    return "".join([f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]).removeprefix(".")
