"""Guardrails by API: what is configured, with every version it had, and trying them on texts before anybody relies on
them."""

import asyncio
from time import time_ns
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends
from pydantic import Field

from headgate.access.types import Principal
from headgate.admin.fields import Answer, Body
from headgate.admin.named import operations
from headgate.admin.parts import AdminParts
from headgate.admin.refusals import faulty
from headgate.admin.route import Route, caller, parts
from headgate.config.types import ConfigError
from headgate.core.errors import BadRequest
from headgate.guardrails.mask import Masks, plain_placeholder, tenant_key
from headgate.guardrails.remote.base import Remote
from headgate.guardrails.rules import Rule
from headgate.guardrails.run import Outcome
from headgate.guardrails.turns import in_turn
from headgate.guardrails.types import NONE, Means, Side, Span
from headgate.guardrails.whole import edited
from headgate.storage.object_rows import ObjectRow

MAX_TEXTS = 200
MAX_CHARACTERS = 200_000
"""Of the texts of one trial together."""
DRAFT = "draft"
SIDES: dict[str, tuple[Side, ...]] = {
    "output": ("output",),
    "thinking": ("input", "output"),
    "tool_argument": ("input", "output"),
}
"""Where texts of a place are met with, if not in requests alone: thoughts and calls of tools are sent back."""

Place = Literal["system", "user", "assistant", "tool_result", "tool_argument", "document", "output", "thinking"]
Line = Annotated[str, Field(max_length=MAX_CHARACTERS)]


class Trial(Body):
    """Texts, and what is to look at them."""

    texts: Annotated[list[Line], Field(min_length=1, max_length=MAX_TEXTS)]
    """Each is looked at by itself."""
    place: Place = "user"
    """Where they stand. What does not look there, by its ``places`` or by ``on``, finds nothing."""
    guardrails: Annotated[list[str], Field(max_length=32, default_factory=list)]
    """Names of those that are configured."""
    config: dict[str, Any] | None = None
    """A draft of one, as it would stand in the configuration; it is called ``draft``."""


class Found(Answer):
    """What was found, by its characters."""

    start: int
    end: int
    type: str
    score: float


class Verdict(Answer):
    """What one guardrail says of one text."""

    guardrail: str
    kind: str
    act: str
    reason: str
    score: float | None
    ms: float
    findings: list[Found]


class Tried(Answer):
    """What becomes of one text."""

    passed: bool
    """Nothing refuses it."""
    text: str
    """How it reads after all masks."""
    verdicts: list[Verdict]


class Report(Answer):
    """What became of the texts, in their order."""

    data: list[Tried]


async def try_guardrails(
    body: Trial, who: Annotated[Principal, Depends(caller)], to: Annotated[AdminParts, Depends(parts)]
) -> Report:
    """Run guardrails on texts as they would run on a call. Nothing is recorded and no model is asked."""
    if sum(map(len, body.texts)) > MAX_CHARACTERS:
        raise BadRequest(
            f"The texts have more than {MAX_CHARACTERS:,} characters together; send fewer.",
            code="string_above_max_length",
            param="texts",
        )
    rules = await _rules(body, who, to)
    sender = None
    means: Means = NONE
    if any(isinstance(rule.guardrail, Remote) for rule in rules):
        from headgate.guardrails.reach import poster
        from headgate.transport.client import Http1Sender

        sender = Http1Sender()
        means = Means(poster(sender))
    sides = SIDES.get(body.place, ("input",))
    rules = tuple([rule for rule in rules if not set(rule.guardrail.on).isdisjoint(sides)])
    try:
        masks = Masks(tenant_key(to.derived.signing, who.tenant_id))
        return Report(data=[await _tried(text, body.place, rules, masks, means) for text in body.texts])
    finally:
        if sender is not None:
            await sender.close()


async def _rules(body: Trial, who: Principal, to: AdminParts) -> tuple[Rule, ...]:
    """Return what is to be tried; raise ``BadRequest`` for a name that there is not, and a draft that is wrong."""
    names = list(body.guardrails)
    if body.config is None:
        guarding = (await asyncio.to_thread(to.snapshot)).guarding
    else:
        now = time_ns() // 1000
        row = ObjectRow(
            id="new",
            tenant_id=who.tenant_id,
            kind="guardrail",
            name=DRAFT,
            version=1,
            body=msgspec.json.encode(body.config).decode(),
            created_at=now,
            updated_at=now,
        )
        try:
            guarding = (await asyncio.to_thread(to.live.tried, row)).snapshot.guarding
        except ConfigError as error:
            raise faulty(error, "guardrails", row) from None
        names.append(DRAFT)
    if not names:
        raise BadRequest(
            "Name `guardrails`, or send a `config`.", code="missing_required_parameter", param="guardrails"
        )
    if guarding is None:
        raise BadRequest(
            f"There is no guardrail {names[0]!r}: none is configured.", code="unknown_guardrail", param="guardrails"
        )
    found: tuple[Rule, ...] = guarding.chosen(who.tenant_id, names)
    return found


async def _tried(text: str, place: Place, rules: tuple[Rule, ...], masks: Masks, means: Means) -> Tried:
    span = Span(text, place)

    def mask(number: int, kind: str, value: str) -> str:
        return masks.put(kind, value) if rules[number].reversible else plain_placeholder(kind)

    side = SIDES.get(place, ("input",))[-1]
    outcomes = await in_turn(rules, side, [span], means, mask if side == "input" else None)
    changed = edited([span], rules, outcomes, None, mask)
    refused = any(one.verdict.act == "block" and not rules[one.rule].guardrail.shadow for one in outcomes)
    return Tried(passed=not refused, text=changed.get(0, text), verdicts=[_shown(one) for one in outcomes])


def _shown(outcome: Outcome) -> Verdict:
    checked = outcome.checked
    return Verdict(
        guardrail=checked.guardrail,
        kind=checked.kind,
        act=checked.act,
        reason=checked.reason,
        score=checked.score,
        ms=checked.ms,
        findings=[Found(start=f.start, end=f.end, type=f.type, score=f.score) for f in outcome.verdict.findings],
    )


ROUTES = (
    *operations("guardrail", "guardrails", tag="guardrails"),
    Route(
        method="POST",
        path="/guardrails/test",
        permission="guardrails:test",
        endpoint=try_guardrails,
        summary="Try guardrails on texts",
        tag="guardrails",
        object="guardrail",
        writes=tuple(Trial.model_fields),
    ),
)
"""Routes about guardrails."""
