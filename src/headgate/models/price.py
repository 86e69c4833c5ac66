"""From prices as people write them, in USD per million tokens, to the integers that costs are counted with."""

from decimal import ROUND_HALF_EVEN, Decimal

from headgate.core.money import Extra, Price, Tier, per_million
from headgate.providers.base import PriceConfig, TierConfig

TOKENS = ("reasoning", "cache_write_1h", "audio_input", "audio_cached", "audio_output", "image_input", "image_output")
PICO_PER_USD = 10**12


def price(config: PriceConfig) -> Price:
    """Return the price in pico-dollars a token, a request and a piece."""
    made = _plain(config)
    tiers = []
    for tier in sorted(config.tiers, key=lambda tier: tier.above):
        kinds = {k: v for k in TierConfig.__struct_fields__ if k != "above" and (v := getattr(tier, k)) is not None}
        tiers.append(Tier(tier.above, _plain(config, **kinds)))
    return Price(made.input, made.output, made.cached, made.cache_write, made.request, made.extra, tuple(tiers))


def _plain(config: PriceConfig, **instead: float) -> Price:
    """Return the price without tiers; *instead* goes over the kinds of *config*."""

    def rate(kind: str) -> int | None:
        value = instead.get(kind, getattr(config, kind))
        return None if value is None else per_million(value)

    extra = Extra(
        **{kind: rate(kind) for kind in TOKENS},
        image=_each(config.image),
        search=_each(config.search),
        character=per_million(config.character),
        millisecond=_each(config.second, 1000),
    )
    return Price(
        input=rate("input") or 0,
        output=rate("output") or 0,
        cached=rate("cached"),
        cache_write=rate("cache_write"),
        request=_each(config.request),
        extra=None if extra == NOTHING else extra,
    )


NOTHING = Extra()


def _each(usd: float, parts: int = 1) -> int:
    """Return pico-dollars for the *parts*th of an amount in USD."""
    if not usd:
        return 0
    return int((Decimal(str(usd)) * PICO_PER_USD / parts).to_integral_value(ROUND_HALF_EVEN))
