"""Integer money: prices in pico-dollars a unit, amounts in nano-dollars, one rounding a call.

1 USD = 10**9 nano-dollars = 10**12 pico-dollars. A price of 1.00 USD per million tokens is 10**6 pico-dollars a token.
"""

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

import msgspec

NANO = 10**9
PICO_PER_NANO = 1000
PICO_PER_USD_PER_MILLION = 10**6
MAX_NANO = 2**63 - 1


class Usage(msgspec.Struct, omit_defaults=True):
    """Tokens of one exchange, in one arithmetic for every provider.

    ``input`` counts the whole prompt, cache reads and writes included; ``output`` counts everything generated,
    reasoning included. A dialect converts its provider's own arithmetic (some exclude what others include).
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    """Prompt tokens read from the provider's cache; part of ``input``."""
    cache_write: int = 0
    """Prompt tokens written to the provider's cache; part of ``input``."""
    reasoning: int = 0
    """Generated tokens spent on reasoning; part of ``output``."""

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.input + self.output


class Price(msgspec.Struct, frozen=True):
    """Pico-dollars per token of each kind, and per request. ``None`` falls back to the plain kind."""

    input: int = 0
    output: int = 0
    cached: int | None = None
    cache_write: int | None = None
    request: int = 0

    def cost(self, usage: Usage) -> int:
        """Return what *usage* costs, in nano-dollars, rounded once, half to even."""
        cached = self.input if self.cached is None else self.cached
        write = self.input if self.cache_write is None else self.cache_write
        plain = max(usage.input - usage.cached - usage.cache_write, 0)
        pico = plain * self.input + usage.cached * cached + usage.cache_write * write + usage.output * self.output
        return half_even(pico + self.request)

    def bound(self, input_tokens: int, output_tokens: int) -> int:
        """Return the most that so many tokens can cost, in nano-dollars, rounded up."""
        dearest = max(self.input, self.cached or 0, self.cache_write or 0)
        return -(-(input_tokens * dearest + output_tokens * self.output + self.request) // PICO_PER_NANO)


def half_even(pico: int) -> int:
    """Pico-dollars to nano-dollars, half to even."""
    nano, rest = divmod(pico, PICO_PER_NANO)
    return nano + (rest > 500 or (rest == 500 and nano % 2 == 1))


def per_million(usd: float | int | str) -> int:
    """Return pico-dollars a token for a price in USD per million tokens."""
    return int((Decimal(str(usd)) * PICO_PER_USD_PER_MILLION).to_integral_value(ROUND_HALF_EVEN))


def nano_from_usd(usd: float | int | str) -> int:
    """Return nano-dollars for an amount in USD; raise ``ValueError`` for what is no amount."""
    try:
        nano = (Decimal(str(usd)) * NANO).to_integral_value(ROUND_HALF_EVEN)
    except InvalidOperation:
        raise ValueError(f"{usd!r} is not an amount in USD") from None
    if not nano.is_finite() or abs(nano) > MAX_NANO:
        raise ValueError(f"{usd!r} is out of range for an amount in USD")
    return int(nano)


def usd(nano: int) -> str:
    """Return an amount as a plain decimal string in USD, up to 9 places: ``'0.00012'``."""
    sign, whole, part = "-" if nano < 0 else "", *divmod(abs(nano), NANO)
    return f"{sign}{whole}.{part:09d}".rstrip("0").rstrip(".") if part else f"{sign}{whole}"
