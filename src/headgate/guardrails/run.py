"""Run guardrails side by side, each within its time; one that does not run says so and never passes for having run."""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from time import monotonic

import msgspec

from headgate.core.errors import Unavailable as NotAvailable
from headgate.guardrails.rules import Checked, Rule
from headgate.guardrails.scan import Folded
from headgate.guardrails.types import ALLOW, Finding, Means, Side, Span, Unavailable, Verdict

log = logging.getLogger("headgate.guardrails")

MOST_REASON = 200


class Outcome(msgspec.Struct, frozen=True):
    """What one rule answered. ``rule`` is its place in the list that was run."""

    rule: int
    verdict: Verdict
    checked: Checked


async def examine(rules: Sequence[Rule], side: Side, spans: Sequence[Span], means: Means) -> list[Outcome]:
    """Return what each of *rules* says of *spans*; findings name spans by their place in *spans*.

    Raise ``guardrail_unavailable`` where one that must run could not.
    """
    jobs = []
    for i, rule in enumerate(rules):
        chosen = [(n, span) for n, span in enumerate(spans) if rule.guardrail.looks_at(span.place)]
        if chosen:
            jobs.append(_one(i, rule, side, chosen, means))
    if len(jobs) == 1:
        return [await jobs[0]]
    return list(await asyncio.gather(*jobs))


async def _one(i: int, rule: Rule, side: Side, chosen: list[tuple[int, Span]], means: Means) -> Outcome:
    guardrail = rule.guardrail
    if rule.own:
        means = Means(means.post, means.ask_given)
    began = monotonic()
    spans = [span for _, span in chosen]
    plain: dict[int, Folded] = {}
    if not guardrail.escapes and guardrail.streaming != "pattern":
        plain = {n: Folded(span.text, True) for n, span in enumerate(spans) if span.json and "\\" in span.text}
        spans = [Span(plain[n].text, span.place) if n in plain else span for n, span in enumerate(spans)]
    try:
        async with asyncio.timeout(guardrail.timeout):
            if sum([len(span.text) for span in spans]) > guardrail.long:
                said = await asyncio.to_thread(guardrail.check, spans, means)
            else:
                said = guardrail.check(spans, means)
            verdict = said if isinstance(said, Verdict) else await said
    except TimeoutError:
        return _not_run(i, rule, side, f"took over {guardrail.timeout:g} s", began)
    except Unavailable as error:
        return _not_run(i, rule, side, str(error), began)
    except Exception:
        log.exception("guardrail %s crashed", rule.name)
        return _not_run(i, rule, side, "crashed", began)
    ms = (monotonic() - began) * 1000
    found = tuple([_placed(one, chosen[one.span], plain.get(one.span)) for one in _sound(verdict, spans)])
    # what refuses a text and does not say where leaves nothing to mask: it would pass untouched
    act = "block" if verdict.act == "mask" and not found else verdict.act
    verdict = msgspec.structs.replace(verdict, act=act, findings=found)
    return Outcome(i, verdict, told(rule, side, verdict, ms))


def _placed(one: Finding, where: tuple[int, Span], folded: Folded | None) -> Finding:
    """Return a finding by the number of its span among all, and by its place in the text as it was."""
    start, end = one.start, one.end
    if folded is not None:
        start, end = folded.back(start, len(where[1].text)), folded.end(end)
    return msgspec.structs.replace(one, span=where[0], start=start, end=end)


def _sound(verdict: Verdict, spans: Sequence[Span]) -> list[Finding]:
    return [
        one
        for one in verdict.findings
        if 0 <= one.span < len(spans) and 0 <= one.start < one.end <= len(spans[one.span].text)
    ]


def told(rule: Rule, side: Side, verdict: Verdict, ms: float) -> Checked:
    """Return a verdict as it is recorded."""
    guardrail = rule.guardrail
    act = verdict.act
    named = act if act != "block" or guardrail.action not in ("reask", "reroute") else guardrail.action
    counts = Counter([one.type for one in verdict.findings])
    return Checked(
        guardrail=rule.name,
        kind=rule.kind,
        on=side,
        act=named,
        shadow=guardrail.shadow,
        found=dict(counts.most_common(32)),
        score=verdict.score,
        reason=verdict.reason[:MOST_REASON],
        ms=round(ms, 3),
    )


def _not_run(i: int, rule: Rule, side: Side, why: str, began: float) -> Outcome:
    ms = (monotonic() - began) * 1000
    checked = Checked(
        guardrail=rule.name,
        kind=rule.kind,
        on=side,
        act="not_run",
        shadow=rule.guardrail.shadow,
        reason=why[:MOST_REASON],
        ms=round(ms, 3),
    )
    return Outcome(i, ALLOW, checked)


def must_run(rules: Sequence[Rule], outcomes: Sequence[Outcome]) -> None:
    """Raise ``guardrail_unavailable`` where a rule that fails closed did not run."""
    for one in outcomes:
        guardrail = rules[one.rule].guardrail
        if one.checked.act == "not_run" and guardrail.fail == "closed" and not guardrail.shadow:
            raise NotAvailable(
                f"The guardrail {rules[one.rule].name!r} could not look at this call, and is set to let nothing "
                "through then. Ask again.",
                code="guardrail_unavailable",
            )
