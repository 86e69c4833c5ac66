"""A whole text, or many, edited by what guardrails found: masks in the place of findings, originals put back."""

from collections.abc import Sequence

from headgate.guardrails.lane import Found, Lane, Mask
from headgate.guardrails.mask import Masks
from headgate.guardrails.rules import Rule
from headgate.guardrails.run import Outcome
from headgate.guardrails.types import Span


def edited(
    spans: Sequence[Span], rules: Sequence[Rule], outcomes: Sequence[Outcome], masks: Masks | None, mask: Mask
) -> dict[int, str]:
    """Return how the spans that change read now, by their place."""
    found: dict[int, list[Found]] = {}
    for outcome in outcomes:
        guardrail = rules[outcome.rule].guardrail
        if outcome.verdict.act == "mask" and not guardrail.shadow:
            for one in outcome.verdict.findings:
                found.setdefault(one.span, []).append(Found(outcome.rule, one.start, one.end, one.type))
    out: dict[int, str] = {}
    for i, span in enumerate(spans):
        if i in found or masks:
            text = rewritten(span, found.get(i, ()), masks, mask)
            if text != span.text:
                out[i] = text
    return out


def rewritten(span: Span, found: Sequence[Found], masks: Masks | None, mask: Mask) -> str:
    """Return the text of *span* with all that was *found* masked, and originals in the place of their placeholders."""
    lane = Lane((), masks, mask, {one.guard for one in found}, json=span.json)
    lane.add(span.text)
    lane.note(found)
    lane.settle(final=True)
    return lane.cut(0, lane.size)
