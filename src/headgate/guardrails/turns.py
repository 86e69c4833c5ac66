"""Guardrails in two turns: what asks a model is shown a text as the model of the call will see it, masked.

The others look at the text as it came, side by side with these: what is to be found must be seen, and what masks says
where in that text it stands.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

from msgspec.structs import replace

from headgate.dialects.text import Piece
from headgate.guardrails.lane import Mask
from headgate.guardrails.rules import Rule
from headgate.guardrails.run import Outcome, examine
from headgate.guardrails.types import Means, Side, Span
from headgate.guardrails.whole import edited


async def seen(
    rules: Sequence[Rule],
    side: Side,
    pieces: Sequence[Piece],
    spans: Sequence[Span],
    means: Means,
    mask: Mask | None = None,
) -> list[Outcome]:
    """Return what each of *rules* says of *spans*, the text of *pieces*; see :func:`in_turn`.

    What judges a text as a whole, its form or its length, looks at what was said alone.
    """
    said = [i for i, piece in enumerate(pieces) if not piece.aside]
    wholes = [i for i, rule in enumerate(rules) if rule.guardrail.streaming == "whole"]
    if not wholes or len(said) == len(pieces):
        return await in_turn(rules, side, spans, means, mask)
    found: list[Outcome] = []
    others = [i for i in range(len(rules)) if i not in wholes]
    for which, where in ((others, range(len(spans))), (wholes, said)):
        mine: Mask | None = None if mask is None else partial(_numbered, mask, which)
        for one in await in_turn([rules[i] for i in which], side, [spans[i] for i in where], means, mine):
            findings = tuple([replace(finding, span=where[finding.span]) for finding in one.verdict.findings])
            found.append(replace(one, rule=which[one.rule], verdict=replace(one.verdict, findings=findings)))
    return found


def _numbered(mask: Mask, which: Sequence[int], number: int, kind: str, value: str) -> str:
    return mask(which[number], kind, value)


async def in_turn(
    rules: Sequence[Rule], side: Side, spans: Sequence[Span], means: Means, mask: Mask | None
) -> list[Outcome]:
    """Return what each of *rules* says of *spans*, as :func:`examine` does, in the order of *rules*.

    Those that see masked texts wait for those that mask, and for no others; *mask* gives the placeholders (``None``:
    nothing is masked here). They are not asked where one of those refuses the call, or must run and could not.
    """
    late = [i for i, rule in enumerate(rules) if rule.guardrail.sees_masked()] if mask is not None else []
    early = [i for i, rule in enumerate(rules) if masks(rule)] if late else []
    if mask is None or not early:
        return await examine(rules, side, spans, means)

    async def some(which: Sequence[int], texts: Sequence[Span]) -> list[Outcome]:
        found = await examine([rules[i] for i in which], side, texts, means)
        return [replace(one, rule=which[one.rule]) for one in found]

    async def both() -> list[Outcome]:
        first = await some(early, spans)
        if any(stops(rules[one.rule], one) for one in first):
            return first
        changed = edited(spans, rules, first, None, mask)
        shown = [replace(span, text=changed[i]) if i in changed else span for i, span in enumerate(spans)]
        return [*first, *[whole(one, spans, changed) for one in await some(late, shown)]]

    others = [i for i in range(len(rules)) if i not in early and i not in late]
    waited, beside = await asyncio.gather(both(), some(others, spans))
    return sorted([*waited, *beside], key=lambda one: one.rule)


def masks(rule: Rule) -> bool:
    """Whether *rule* changes texts."""
    return rule.guardrail.action == "mask" and not rule.guardrail.shadow


def stops(rule: Rule, outcome: Outcome) -> bool:
    """Whether a call with this *outcome* of *rule*, one that masks, goes no further."""
    not_run = outcome.checked.act == "not_run" and rule.guardrail.fail == "closed"
    return not_run or outcome.verdict.act == "block"


def whole(outcome: Outcome, spans: Sequence[Span], changed: dict[int, str]) -> Outcome:
    """Return *outcome* with what was found in masked texts in the whole of these, as they came."""
    findings = tuple(
        [
            replace(one, start=0, end=len(spans[one.span].text)) if one.span in changed else one
            for one in outcome.verdict.findings
        ]
    )
    return replace(outcome, verdict=replace(outcome.verdict, findings=findings))
