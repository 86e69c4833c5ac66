"""Guardrails around a call: its text is looked at before anything is spent, and its answer before anybody sees it.

A route without guardrails has none of this among its steps. Requests and answers are edited in their own dialect:
what nothing was found in goes on byte for byte.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from msgspec.structs import replace

from headgate.core.call import Call
from headgate.core.errors import AnswerRefused, BadRequest, Unavailable
from headgate.dialects.media_form import texts_in
from headgate.dialects.splice import holds, splice
from headgate.dialects.text import Path, Piece, Walker, tokens_in, wants_json
from headgate.dialects.walkers import WALKERS
from headgate.guardrails.frames import frames
from headgate.guardrails.mask import Masks, plain_placeholder, tenant_key
from headgate.guardrails.rules import Checked, Rule, Rules
from headgate.guardrails.run import Outcome, must_run
from headgate.guardrails.stream import Filter, Tripped
from headgate.guardrails.turns import seen
from headgate.guardrails.types import Guards, Means, Span
from headgate.guardrails.whole import edited
from headgate.pipeline.ask import ask
from headgate.pipeline.grants import of_tenant, stay_within
from headgate.pipeline.parts import JSON, Parts
from headgate.pipeline.rewrite import document_of, rewrite, shown
from headgate.pipeline.steps import authorize
from headgate.routing.table import Route

PLAIN_FORMS = (b'"text"', b'"srt"', b'"vtt"')
"""Forms of a transcription that are text, even where it reads as a document."""
MOST_CHECKS = 64
"""Verdicts of one call that are recorded."""


class Guard:
    """What looks at one call, and what it has found."""

    __slots__ = ("checks", "json", "masks", "means", "plain", "rules", "walker")

    def __init__(self, call: Call, parts: Parts, rules: Rules, walker: Walker) -> None:
        guards: Guards = parts.guards or Guards()
        self.rules = rules
        self.walker = walker
        self.masks = Masks(tenant_key(guards.secret, call.who.tenant_id))
        self.checks: list[Checked] = []
        self.json = False
        self.plain = call.media != JSON and bytes(call.envelope.fields.get("response_format", b"")) in PLAIN_FORMS
        self.means = Means(guards.post(), partial(ask, call, parts), partial(ask, call, parts, within=of_tenant))

    async def request(self, call: Call, parts: Parts) -> None:
        """Look at the request, and mask in it what is to be masked; raise where it is to be refused.

        Where it is sent to another route, the guardrails of that one look at it too, and at its answer; each once.
        """
        rules, left = self.rules.input, [call.route]
        while rules:
            here = call.route
            await self._look(call, parts, rules, left)
            if call.route is here or parts.snapshot.guarding is None:
                return
            left.append(call.route)
            seen = {rule.name for rule in self.rules.input}
            self.rules = parts.snapshot.guarding.joined(self.rules, call)
            not_past(self.rules, call)
            rules = tuple([rule for rule in self.rules.input if rule.name not in seen])

    async def _look(self, call: Call, parts: Parts, rules: tuple[Rule, ...], left: Sequence[Route]) -> None:
        pieces = self._pieces(call, rules)
        spans = [Span(piece.text, piece.place, piece.json) for piece in pieces]
        for span in spans if len(left) == 1 else ():  # later there are placeholders of ours
            self.masks.avoid(span.text)
        put = partial(self._put, rules)
        outcomes = await seen(rules, "input", pieces, spans, self.means, put)
        self._note(outcomes)
        must_run(rules, outcomes)
        for outcome in outcomes:
            rule = rules[outcome.rule]
            if outcome.verdict.act == "block" and not rule.guardrail.shadow:
                self._stop(call, parts, rule, outcome, pieces, left)
        changed = edited(spans, rules, outcomes, None, put)
        if changed:
            rewrite(call, {pieces[i].path: text for i, text in changed.items()})

    def _pieces(self, call: Call, rules: Sequence[Rule]) -> list[Piece]:
        """Return the text of the request; refuse what *rules* must look at and nobody can read."""
        if call.media != JSON:
            return list(texts_in(call.body, call.envelope.content_type))
        document = document_of(call.body)
        self.json = wants_json(document)
        if (field := tokens_in(document)) is not None:
            self._cannot(rules, field)
        return list(self.walker.request(document))

    def _cannot(self, rules: Sequence[Rule], field: str) -> None:
        """Record that *rules* cannot look at numbers of tokens; raise ``BadRequest`` where one must."""
        here = [rule for rule in rules if rule.guardrail.looks_at("user")]
        why = f"{field} has numbers of tokens, which cannot be read"
        for one in here:
            shadow = one.guardrail.shadow
            self.checks.append(
                Checked(guardrail=one.name, kind=one.kind, on="input", act="not_run", shadow=shadow, reason=why)
            )
        must = [rule.name for rule in here if rule.guardrail.fail == "closed" and not rule.guardrail.shadow]
        if must:
            raise BadRequest(
                f"The guardrail {must[0]!r} cannot look at this request: {why}. Send {field!r} as text.",
                code="unsupported_operation",
                param=field,
            )

    async def whole(self, body: bytes, dropped: list[str] | None = None) -> bytes:
        """Return a whole answer as its caller may see it; raise :class:`AnswerRefused` where that is not at all.

        What had to go with a text that changed (log probabilities) is added to *dropped*.
        """
        if not self.rules.reads_answers:
            return body
        try:
            document = None if self.plain else json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            return await self._plain(body)
        pieces = list(self.walker.reply(document))
        changed = await self._answers(pieces)
        edits: dict[Path, str | None] = {pieces[i].path: text for i, text in changed.items()}
        gone = {beside for path in edits for beside in self.walker.beside(path)}
        if dropped is not None:
            dropped += {str(path[-1]) for path in gone if holds(document, path)}.difference(dropped)
        edits |= dict.fromkeys(gone)
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
        if call.passing.dropped:
            call.dropped += [name for name in call.passing.dropped if name not in call.dropped]
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
        changed = await self._answers([Piece((), text, "output")])
        return changed[0].encode() if changed else body

    async def _answers(self, pieces: Sequence[Piece]) -> dict[int, str]:
        rules = self.rules.output
        spans = [Span(p.text, p.place, p.json or (self.json and p.place == "output" and not p.aside)) for p in pieces]
        outcomes = await seen(rules, "output", pieces, spans, self.means) if rules else []
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

    def _stop(
        self, call: Call, parts: Parts, rule: Rule, outcome: Outcome, pieces: Sequence[Piece], left: Sequence[Route]
    ) -> None:
        """Refuse the request, or send it elsewhere: never back to a route that it has *left*."""
        circle = ""
        if rule.guardrail.action == "reroute" and rule.guardrail.to is not None:
            route = parts.snapshot.table_of(call.who.tenant_id).resolve(rule.guardrail.to)
            if route.name not in [one.name for one in left[:-1]]:
                why = f"sent to {rule.guardrail.to} by the guardrail {rule.name}"
                call.route = replace(route, reason=f"{route.reason}, {why}")
                call.asked = ()
                authorize(call, parts)
                if rule.own:
                    stay_within(call, rule.guardrail.to)
                return
            circle = f"; it would go to {rule.guardrail.to}, from where another has sent it here"
        first = outcome.verdict.findings[0] if outcome.verdict.findings else None
        raise BadRequest(
            f"The guardrail {rule.name!r} refuses this request: {outcome.verdict.reason}{circle}.",
            code="content_policy_violation",
            param=shown(pieces[first.span].path) if first is not None else None,
        )

    def _put(self, rules: Sequence[Rule], number: int, kind: str, value: str) -> str:
        rule = rules[number]
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
        not_past(rules, call)
        call.guard = guard = Guard(call, parts, rules, walker)
        if not rules.input:
            return None
        return guard.request(call, parts)

    return guard_input


def not_past(rules: Rules, call: Call) -> None:
    """Refuse a call whose answer would be fetched later, where *rules* look at answers."""
    if rules.reads_answers and call.envelope.goes_on:
        raise BadRequest(
            "background is not possible here: a guardrail looks at answers, and this one would be fetched past it.",
            code="unsupported_parameter",
            param="background",
        )


def refused(rule: Rule, reason: str) -> AnswerRefused:
    """Return the refusal of an answer; ``reask`` and ``reroute`` let another one be asked for."""
    action = rule.guardrail.action
    return AnswerRefused(
        f"The guardrail {rule.name!r} refuses the answer: {reason}.",
        again=action in ("reask", "reroute"),
        same_target=action == "reask",
    )
