"""What the configuration may say of a model: one ``models:`` entry."""

from typing import Literal

import msgspec

from headgate.providers.base import Capacity, PriceConfig, Timeouts


class ProfileConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the model does with parameters, where that is not what the shipped rules say."""

    sampling: bool | None = None
    """Off where ``temperature``, ``top_p`` and ``top_k`` are refused."""
    penalties: bool | None = None
    stop: bool | None = None
    efforts: list[str] | None = None
    """The reasoning efforts it takes, weakest first."""
    thinking: list[str] | None = None
    """How it may be told to think: ``adaptive``, ``enabled``, ``disabled``, ``level``."""
    forced_tools: bool | None = None
    system_midway: bool | None = None
    cache_points: bool | None = None
    prefill: Literal["message", "prefix", "continue", "never"] | None = None
    """How it goes on from the beginning of an answer, for routes with ``resume``: ``message`` where that is the last
    message, ``prefix`` where it must be marked so too (Mistral; DeepSeek with a ``base_url`` that ends in ``/beta``),
    ``continue`` for vLLM's ``continue_final_message``."""
    speaks: list[str] | None = None
    """The dialects it can be reached by, best first."""
    tools_by: str | None = None
    """The dialect it must be asked in where tools are sent and it reasons."""


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One ``models:`` entry of the configuration, under its ``provider/model`` name.

    A field left out takes what the shipped data says of that model.
    """

    price: PriceConfig | None = None
    context: int | None = None
    """The longest prompt it takes, in tokens."""
    max_output: int | None = None
    """The most tokens one answer can have."""
    reasoning: bool | None = None
    """True for a model that thinks before it answers: its time limits are longer."""
    timeouts: Timeouts = Timeouts()
    max_tokens_field: str | None = None
    """``max_tokens`` or ``max_completion_tokens``: the name the server knows the output limit by."""
    base: str | None = None
    """The model it is, ``kind/model``, where its own name does not tell: for deployments and fine-tunes."""
    profile: ProfileConfig = ProfileConfig()
    capabilities: list[str] | None = None
    """What it can do besides its kind: ``tools``, ``vision`` and so on."""
    use_cases: list[str] | None = None
    status: Literal["active", "testing", "deprecated"] | None = None
    regions: list[str] | None = None
    compliance: list[str] | None = None
    """Tags of the programmes it is under, for rules that ask for one."""
    concurrency: int | Capacity | None = None
    """How many calls of it may be under way at once: a number, or how many and who waits for how long."""
