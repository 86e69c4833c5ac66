"""``/doctor``: what is right and wrong with the gateway, in words, and what to do."""

import asyncio
from typing import Literal

from headgate.admin.crud import Parts
from headgate.admin.fields import Answer
from headgate.admin.route import Route


class FindingAnswer(Answer):
    """One thing that was looked at."""

    check: str
    state: Literal["ok", "warn", "fail"]
    words: str
    """What it is like and, where something is wrong, why."""
    do: str
    """What to do about it; empty where nothing is to be done."""


class Findings(Answer):
    """Everything that was looked at, by the home that answers; ``state`` is the worst of it."""

    state: Literal["ok", "warn", "fail"]
    data: list[FindingAnswer]


async def diagnose(to: Parts) -> Findings:
    """Look at providers, queues, journal, database, clock, disk, certificate, workers and configuration."""
    found = await asyncio.to_thread(to.findings)
    states = {one.state for one in found}
    worst: Literal["ok", "warn", "fail"] = "fail" if "fail" in states else "warn" if "warn" in states else "ok"
    return Findings(state=worst, data=[FindingAnswer(**one._asdict()) for one in found])


ROUTES = (
    Route(
        method="GET", path="/doctor", permission="doctor:view", endpoint=diagnose, tag="health", object="gateway",
        summary="What is right and wrong with the gateway",
    ),
)  # fmt: skip
