"""The guardrails of a route, compiled: which look at requests, which at answers, and what version of them this is."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

import msgspec

from headgate.guardrails.kinds import made
from headgate.guardrails.types import Guardrail, Side


class Rule(msgspec.Struct, frozen=True, eq=False):
    """A guardrail under its name."""

    name: str
    kind: str
    guardrail: Guardrail
    own: bool = False
    """A tenant made it for itself."""

    @property
    def reversible(self) -> bool:
        """Whether what it masks is put back in the answer."""
        return getattr(self.guardrail, "reversible", False) and self.guardrail.action == "mask"


class Rules(msgspec.Struct, frozen=True, eq=False):
    """What looks at the calls of a route."""

    input: tuple[Rule, ...]
    output: tuple[Rule, ...]
    version: str
    """Changes with any setting of any of them."""
    reversible: bool
    """Whether something may have to be put back in an answer."""

    @property
    def reads_answers(self) -> bool:
        """Whether answers are looked into at all."""
        return bool(self.output) or self.reversible


class Checked(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What one guardrail did about one side of a call, for the record: never the text."""

    guardrail: str
    kind: str
    on: Side
    act: str
    """``allow``, ``flag``, ``mask``, ``block``, ``reask``, ``reroute``, or ``not_run``."""
    shadow: bool = False
    found: dict[str, int] = {}
    """How often each type was found."""
    score: float | None = None
    reason: str = ""
    ms: float = 0.0


def rule(name: str, entry: Mapping[str, object], *, own: bool = False) -> Rule:
    """Return the rule of a checked entry of the configuration; *own* where that is a tenant's."""
    return Rule(name, str(entry["kind"]), made(entry), own)


def compiled(chosen: Iterable[Rule]) -> Rules:
    """Return *chosen* as what looks at calls, each once, in their order."""
    rules = tuple({one.name: one for one in chosen}.values())
    digest = blake2b(digest_size=8)
    for one in rules:
        digest.update(repr((one.name, one.kind, one.guardrail)).encode())
    return Rules(
        tuple([one for one in rules if "input" in one.guardrail.on]),
        tuple([one for one in rules if "output" in one.guardrail.on]),
        digest.hexdigest(),
        any(one.reversible for one in rules if "input" in one.guardrail.on),
    )
