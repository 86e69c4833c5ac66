"""The registry: what is known of a model, from the configuration first, then from the data shipped with the package."""

import msgspec

from headgate.providers.base import PriceConfig, Timeouts


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One ``models:`` entry of the configuration, under its ``provider/model`` name.

    A field left out takes what the shipped data says of that model.
    """

    price: PriceConfig | None = None
    context: int | None = None
    """Tokens of prompt and answer together."""
    max_output: int | None = None
    """The most tokens one answer can have."""
    reasoning: bool | None = None
    """True for a model that thinks before it answers: its time limits are longer."""
    timeouts: Timeouts = Timeouts()
    max_tokens_field: str | None = None
    """``max_tokens`` or ``max_completion_tokens``: the name the server knows the output limit by."""
