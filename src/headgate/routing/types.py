"""What a routing decision is made of: what is seen of a request, what is known of a deployment, and what is decided."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from headgate.providers.base import Target


class Sight(msgspec.Struct, kw_only=True):
    """What a strategy may look at. Nothing here is read from the body again; ``text`` is empty unless one asks for it.

    A strategy that wants ``text`` says so (``Strategy.reads``), and a route without one never decodes a message.
    """

    route: str
    model: str
    """The name that was asked for."""
    operation: str
    stream: bool = False
    prompt_bound: int = 0
    """Tokens of the prompt, at most (the body's bytes)."""
    max_output: int | None = None
    needs: frozenset[str] = frozenset()
    """What the request shows that the model must be able to do: ``tools``, ``vision``, ``json_schema`` ..."""
    tenant_id: str = ""
    key_id: str | None = None
    team_id: str | None = None
    user: str | None = None
    session: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = {}
    minute: int = 0
    """Minutes since Monday 00:00 UTC."""
    text: str = ""
    """The last user turn, at most 8,000 characters."""
    prefix: int = 0
    """A hash of what a prompt cache would share: tools, system, first turns."""
    in_tool_loop: bool = False
    """The last turn is a tool's result: the model must not change now."""
    spent_share: float | None = None
    """How much of the caller's tightest budget is used, 0 to 1; ``None`` without one."""


class Measured(msgspec.Struct):
    """How a deployment has done of late; smoothed, so that one slow call does not count for much."""

    samples: int = 0
    latency_ms: float = 0.0
    """To the last byte."""
    p95_ms: float = 0.0
    first_token_ms: float = 0.0
    first_token_p95_ms: float = 0.0
    tokens_per_second: float = 0.0
    error_rate: float = 0.0
    """0 to 1; faults of the provider's own making alone."""
    inflight: int = 0
    used_at: float = 0.0
    """Monotonic seconds."""


class Standing(Protocol):
    """What is known of deployments now. Filled by attempts, read by strategies; both in memory."""

    def of(self, target: str) -> Measured:
        """Return what was measured of ``provider/model``; an empty one for a stranger."""
        ...

    def shut(self, target: str) -> str | None:
        """Say why ``provider/model`` is not to be called now (breaker, cooldown, by hand), or ``None``."""
        ...


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one candidate, and by which rule; kept in the record, so that the choice can be worked out again."""

    target: str
    act: Literal["chosen", "kept", "removed", "sunk"]
    rule: str = ""
    reason: str = ""
    score: float | None = None


class Decision(msgspec.Struct):
    """The plan, best first, and why."""

    targets: tuple[Target, ...]
    verdicts: list[Verdict]
    seen: dict[str, Any] = {}
    """Every figure the decision rests on (random number, statistics, hour), by name: with it, it is made again alike."""


class Strategy(Protocol):
    """One way to filter or rank. Its settings are its fields: they are the configuration too.

    Statistics and randomness are arguments, so the same arguments always give the same answer.
    """

    name: str
    reads: frozenset[str]
    """Costly parts of the sight that it looks at: ``text``, ``prefix``."""

    def rank(
        self, sight: Sight, candidates: Sequence[Target], standing: Standing, chance: float
    ) -> tuple[Sequence[Target], list[Verdict]]:
        """Return what stays, best first, with a verdict for each that was removed, sunk or moved."""
        ...
