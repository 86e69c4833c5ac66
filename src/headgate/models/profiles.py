"""What a model takes, by its name: the hand-kept rules of ``data/profiles.toml``, whose head says what each means."""

import re
from functools import cache
from typing import Any

import msgspec

from headgate.dialects.base import PLAIN, Profile
from headgate.models.table import DATA


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"part": "in"}):
    """One rule; ``UNSET`` says nothing."""

    name: str
    part: str = ""
    kinds: tuple[str, ...] = ()
    sampling: bool | msgspec.UnsetType = msgspec.UNSET
    penalties: bool | msgspec.UnsetType = msgspec.UNSET
    stop: bool | msgspec.UnsetType = msgspec.UNSET
    efforts: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    thinking: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    forced_tools: bool | msgspec.UnsetType = msgspec.UNSET
    system_midway: bool | msgspec.UnsetType = msgspec.UNSET
    cache_points: bool | msgspec.UnsetType = msgspec.UNSET
    tools_by: str | msgspec.UnsetType = msgspec.UNSET
    searches: bool | msgspec.UnsetType = msgspec.UNSET
    image_tokens: int | msgspec.UnsetType = msgspec.UNSET
    max_tokens_field: str | msgspec.UnsetType = msgspec.UNSET
    reasons: bool | msgspec.UnsetType = msgspec.UNSET

    def applies(self, kind: str, model: str) -> bool:
        """Whether it speaks of *model* (in lower case) at a *kind* of provider."""
        if self.part not in model or (self.kinds and kind not in self.kinds):
            return False
        return re.search(self.name, model) is not None


class Ruled(msgspec.Struct, frozen=True):
    """What the rules say of one model."""

    profile: Profile = PLAIN
    max_tokens_field: str | None = None
    reasons: bool | None = None
    """It reasons without being asked; ``None`` where no rule tells."""


FIELDS = tuple(name for name in Profile.__struct_fields__ if name in Rule.__struct_fields__)


@cache
def rules() -> tuple[Rule, ...]:
    """Return the rules in their order; the file is read at the first call."""
    import tomllib  # here, because a gateway whose routes name no model never needs it

    listed: dict[str, Any] = tomllib.loads((DATA / "profiles.toml").read_text("utf-8"))
    return msgspec.convert(listed["rule"], tuple[Rule, ...])


def ruled(kind: str, model: str) -> Ruled:
    """Return what the rules say of *model*, the provider's own name, at a *kind* of provider."""
    name = model.lower()
    said: dict[str, Any] = {}
    field: str | None = None
    reasons: bool | None = None
    for rule in rules():
        if not rule.applies(kind, name):
            continue
        said.update((f, value) for f in FIELDS if (value := getattr(rule, f)) is not msgspec.UNSET)
        field = field if rule.max_tokens_field is msgspec.UNSET else rule.max_tokens_field
        reasons = reasons if rule.reasons is msgspec.UNSET else rule.reasons
    return Ruled(Profile(**said) if said else PLAIN, field, reasons)
