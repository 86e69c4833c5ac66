"""One model, layer by layer: what the configuration says of it, its provider, the data; and what they make together."""

from typing import Any

import msgspec

from headgate.dialects.base import PLAIN, Profile
from headgate.models.config import ModelConfig, ProfileConfig
from headgate.models.profiles import Ruled
from headgate.models.table import Model
from headgate.providers.catalog import row
from headgate.providers.discovery import Learned

UNKNOWN = Model("")
PREFILL = {"vllm": "continue", "sandbox": "message"}
"""How every model of a kind goes on from the beginning of an answer."""
PREFIXED = {"mistral": "prefix", "deepseek": "never"}
"""How those do of which the data says that they can, where a last message is not enough:
<https://docs.mistral.ai/guides/prefix>, <https://api-docs.deepseek.com/guides/chat_prefix_completion>."""


class Known(msgspec.Struct, frozen=True):
    """The layers of one model."""

    ours: ModelConfig
    learned: Learned
    model: Model
    kind: str
    name: str
    """The name that rules go by."""


def reasons(known: Known, rules: Ruled) -> bool:
    """Whether it reasons without being asked: where no rule tells, one that can is taken to."""
    if known.ours.reasoning is not None:
        return known.ours.reasoning
    return rules.reasons if rules.reasons is not None else "reasoning" in known.model.can.split()


def can(known: Known) -> tuple[str, ...]:
    """What it can do besides its kind."""
    if known.ours.capabilities is not None:
        return tuple(known.ours.capabilities)
    can = known.model.can.split()
    if known.learned.efforts and "reasoning" not in can:
        can.append("reasoning")
    return tuple(can)


def profile(known: Known, rules: Ruled) -> Profile:
    """The rules, then the data's dialects, then what the provider says, then the configuration."""
    said: dict[str, Any] = {}
    speaks = known.model.speaks or row(known.kind).speaks
    if speaks:
        said["speaks"] = speaks
    if known.kind in PREFILL or "prefill" in can(known):
        said["prefill"] = PREFILL.get(known.kind) or PREFIXED.get(known.kind, "message")
    if known.learned.efforts is not None:
        said["efforts"] = known.learned.efforts
    if known.learned.thinking is not None:
        said["thinking"] = known.learned.thinking
    for field in ProfileConfig.__struct_fields__:
        value = getattr(known.ours.profile, field)
        if value is not None:
            said[field] = tuple(value) if isinstance(value, list) else value
    if not said:
        return rules.profile
    made = msgspec.structs.replace(rules.profile, **said)
    return PLAIN if made == PLAIN else made
