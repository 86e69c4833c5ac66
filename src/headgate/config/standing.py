"""The limits of calls that a configuration states, as the limiter and the ledger go by them."""

import msgspec

from headgate.access.types import Limits
from headgate.config.types import LimitsConfig, RateConfig
from headgate.limits.types import Standing


def standing_of(config: LimitsConfig) -> Standing:
    """Return what *config* says of calls."""
    return Standing(
        installation=_limits(config.installation),
        user=_limits(config.user),
        end_user=_limits(config.end_user),
        models={name: _limits(rates) for name, rates in config.models.items()},
        providers={name: _limits(rates) for name, rates in config.providers.items()},
    )


def _limits(rates: RateConfig) -> Limits:
    return Limits(**msgspec.structs.asdict(rates))
