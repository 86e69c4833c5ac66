"""What asks a model is shown a request as models see it: what others mask is masked, and nobody else waits for that."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from headgate.guardrails.mask import plain_placeholder
from headgate.guardrails.rules import Rule, rule
from headgate.guardrails.turns import in_turn
from headgate.guardrails.types import Means, Posted, Span, Unavailable

PII = {"kind": "pii", "types": ["email"], "action": "mask"}
JUDGE = {"kind": "judge", "model": "m", "policy": "No advice.", "on": ["input"]}
MODERATION = {"kind": "openai_moderation", "api_key": "k"}
SAFETY = {"kind": "azure_content_safety", "url": "https://h", "api_key": "k"}
PRESIDIO = {"kind": "presidio", "url": "https://h", "action": "mask"}
SAID = Span("I am jane@corp.example.")


def rules(*entries: Mapping[str, Any]) -> tuple[Rule, ...]:
    return tuple([rule(f"{number}-{entry['kind']}", entry) for number, entry in enumerate(entries)])


def mask(number: int, kind: str, value: str) -> str:
    return plain_placeholder(kind)


class World:
    """Answers for models and services, and keeps what they were shown."""

    def __init__(self, presidio: Any = ()) -> None:
        self.presidio = presidio
        self.models: list[str] = []
        self.services: list[str] = []
        self.order: list[str] = []
        self.wait = 0.0
        self.means = Means(self.post, self.ask)

    async def ask(self, model: str, system: str, text: str) -> str:
        self.order.append("model")
        self.models.append(text)
        return '{"violates": true, "score": 1}'

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Posted:
        if "analyze" in url and "contentsafety" not in url:
            await asyncio.sleep(self.wait)
            self.order.append("presidio")
            if self.presidio is None:
                raise Unavailable("down")
            return Posted(200, json.dumps(self.presidio).encode())
        self.order.append("service")
        self.services.append(body.decode())
        flagged = {"results": [{"categories": {"hate": True}, "category_scores": {"hate": 0.9}}], "flagged": False}
        return Posted(200, json.dumps(flagged).encode())


@pytest.mark.parametrize("shadow", [False, True])
async def test_a_judge_sees_what_models_see(shadow: bool) -> None:
    world = World()
    first, second = await in_turn(rules(JUDGE, {**PII, "shadow": shadow}), "input", [SAID], world.means, mask)
    assert (first.rule, first.verdict.act, second.rule, second.verdict.act) == (0, "block", 1, "mask")
    [shown] = world.models
    assert ("jane@" in shown) is shadow and ("I am <EMAIL>." in shown) is not shadow


@pytest.mark.parametrize(
    ("entry", "masked"),
    [
        (MODERATION, True),
        (SAFETY, True),
        ({**SAFETY, "blocklists": ["names"]}, False),
        ({**MODERATION, "action": "mask"}, False),
        ({"kind": "lakera", "api_key": "k"}, False),
        ({"kind": "http", "url": "https://h"}, False),
    ],
)
async def test_services_that_look_for_harm_alone_do_too(entry: dict[str, Any], masked: bool) -> None:
    world = World()
    found = await in_turn(rules(PII, entry), "input", [SAID], world.means, mask)
    assert ("jane@" not in world.services[0]) is masked
    for one in found[1].verdict.findings:
        assert (one.start, one.end) == (0, len(SAID.text))


async def test_nobody_else_waits() -> None:
    world = World([{"start": 5, "end": 22, "entity_type": "EMAIL_ADDRESS", "score": 1.0}])
    world.wait = 0.1
    found = await in_turn(rules(JUDGE, PRESIDIO, {"kind": "lakera"}), "input", [SAID], world.means, mask)
    assert world.order == ["service", "presidio", "model"] and "jane@" not in world.models[0]
    assert [one.rule for one in found] == [0, 1, 2]


@pytest.mark.parametrize(("fail", "asked"), [("closed", False), ("open", True)])
async def test_a_call_that_is_refused_already_is_not_judged(fail: str, asked: bool) -> None:
    world = World(None)
    found = await in_turn(rules(JUDGE, {**PRESIDIO, "fail": fail}), "input", [SAID], world.means, mask)
    assert bool(world.models) is asked
    assert found[-1].checked.act == "not_run"


async def test_answers_are_looked_at_as_they_are() -> None:
    world = World()
    await in_turn(rules(JUDGE, PII), "output", [SAID], world.means, None)
    assert "jane@" in world.models[0]
