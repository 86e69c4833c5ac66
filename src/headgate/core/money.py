"""Integer money: prices in pico-dollars a unit, amounts in nano-dollars, one rounding a call.

1 USD = 10**9 nano-dollars = 10**12 pico-dollars. A price of 1.00 USD per million tokens is 10**6 pico-dollars a token.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

NANO = 10**9
PICO_PER_NANO = 1000
PICO_PER_USD_PER_MILLION = 10**6
MAX_NANO = 2**63 - 1
ENDLESS = 2**62


class Usage(msgspec.Struct, omit_defaults=True, gc=False):
    """What one exchange used, in one arithmetic for every provider.

    ``input`` counts the whole prompt, cache reads and writes included; ``output`` counts everything generated,
    reasoning included. A dialect converts its provider's own arithmetic (some exclude what others include). All but the
    last four are tokens.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    """Prompt tokens read from the provider's cache; part of ``input``."""
    cache_write: int = 0
    """Prompt tokens written to the provider's cache, for whatever time; part of ``input``."""
    reasoning: int = 0
    """Generated tokens spent on reasoning; part of ``output``."""
    cache_write_1h: int = 0
    """Prompt tokens written to be kept for an hour or longer; part of ``cache_write``."""
    audio_input: int = 0
    """Prompt tokens of sound; part of ``input``."""
    audio_cached: int = 0
    """Prompt tokens of sound read from the cache; part of ``audio_input`` and of ``cached``."""
    audio_output: int = 0
    """Generated tokens of sound; part of ``output``."""
    image_input: int = 0
    """Prompt tokens of pictures; part of ``input``."""
    image_output: int = 0
    """Generated tokens of pictures; part of ``output``."""
    images: int = 0
    """Pictures made, where they are charged by the piece."""
    searches: int = 0
    """Searches the provider made for the answer, or search units of a reranking."""
    characters: int = 0
    """Characters read aloud."""
    milliseconds: int = 0
    """Length of the sound heard or made."""

    @property
    def total(self) -> int:
        """Prompt and completion together."""
        return self.input + self.output


def together(usages: Iterable[Usage]) -> Usage:
    """Return what all of *usages* used."""
    found = list(usages)
    return Usage(**{name: sum([getattr(one, name) for one in found]) for name in Usage.__struct_fields__})


class Extra(msgspec.Struct, frozen=True, omit_defaults=True):
    """Prices of the rarer kinds, in pico-dollars; ``None`` costs what the kind it is part of costs."""

    reasoning: int | None = None
    cache_write_1h: int | None = None
    audio_input: int | None = None
    audio_cached: int | None = None
    audio_output: int | None = None
    image_input: int | None = None
    image_output: int | None = None
    image: int = 0
    """A picture made."""
    search: int = 0
    character: int = 0
    millisecond: int = 0

    def over(self, usage: Usage, price: "Price") -> int:
        """Return how much more (or less) than by the plain kinds *usage* costs, in pico-dollars."""
        pico = (
            usage.images * self.image
            + usage.searches * self.search
            + usage.characters * self.character
            + usage.milliseconds * self.millisecond
        )
        if usage.cache_write_1h and self.cache_write_1h is not None:
            write = price.input if price.cache_write is None else price.cache_write
            pico += min(usage.cache_write_1h, usage.cache_write) * (self.cache_write_1h - write)
        if usage.audio_input or usage.image_input:
            pico += self._heard_and_seen(usage, price)
        if usage.reasoning or usage.audio_output or usage.image_output:
            left = usage.output
            for tokens, kind in (
                (usage.audio_output, self.audio_output),
                (usage.image_output, self.image_output),
                (usage.reasoning, self.reasoning),
            ):
                taken = min(tokens, left)  # some report more reasoning than they report output
                left -= taken
                if kind is not None:
                    pico += taken * (kind - price.output)
        return pico

    def _heard_and_seen(self, usage: Usage, price: "Price") -> int:
        cached = min(usage.audio_cached, usage.audio_input, usage.cached)
        fresh = max(usage.input - usage.cached - usage.cache_write, 0)  # what the plain price was taken for
        heard = min(usage.audio_input - cached, fresh)
        seen = min(usage.image_input, fresh - heard)
        pico = 0
        audio = price.input if self.audio_input is None else self.audio_input
        again = audio if price.cached is None else price.cached  # without a price for what is cached, it costs in full
        if self.audio_cached is not None:
            again = self.audio_cached
        pico += cached * (again - (price.input if price.cached is None else price.cached))
        pico += heard * (audio - price.input)
        if self.image_input is not None:
            pico += seen * (self.image_input - price.input)
        return pico

    def units(self, most: Usage) -> int:
        """Return what the pieces in *most* (not its tokens) cost, in pico-dollars."""
        return (
            most.images * self.image
            + most.searches * self.search
            + most.characters * self.character
            + most.milliseconds * self.millisecond
        )

    @property
    def dearest_input(self) -> int:
        """The dearest kind of prompt token named here."""
        return max(self.cache_write_1h or 0, self.audio_input or 0, self.audio_cached or 0, self.image_input or 0)

    @property
    def dearest_output(self) -> int:
        """The dearest kind of generated token named here."""
        return max(self.reasoning or 0, self.audio_output or 0, self.image_output or 0)


class Price(msgspec.Struct, frozen=True):
    """Pico-dollars per token of each kind, and per request. ``None`` falls back to the plain kind."""

    input: int = 0
    output: int = 0
    cached: int | None = None
    cache_write: int | None = None
    request: int = 0
    extra: Extra | None = None
    """The rarer kinds, where any has a price of its own."""
    tiers: "tuple[Tier, ...]" = ()
    """Other prices for longer prompts, by rising length. One of them holds for the whole call."""

    def cost(self, usage: Usage) -> int:
        """Return what *usage* costs, in nano-dollars, rounded once, half to even."""
        for tier in self.tiers[::-1]:
            if usage.input > tier.above:
                return tier.price.cost(usage)
        cached = self.input if self.cached is None else self.cached
        write = self.input if self.cache_write is None else self.cache_write
        plain = usage.input - usage.cached - usage.cache_write
        if plain < 0:
            plain = 0
        pico = plain * self.input + usage.cached * cached + usage.cache_write * write + usage.output * self.output
        if self.extra is not None:
            pico += self.extra.over(usage, self)
        return half_even(pico + self.request)

    def bound(self, input_tokens: int, output_tokens: int, most: Usage | None = None) -> int:
        """Return the most that so many tokens of any kind can cost, in nano-dollars, rounded up.

        *most* bounds what is not tokens: its ``images``, ``searches``, ``characters`` and ``milliseconds``.
        """
        fixed, output = self._dearest(input_tokens, most)
        nano = -(-(fixed + output_tokens * output) // PICO_PER_NANO)
        for tier in self.tiers:
            if input_tokens > tier.above:
                nano = max(nano, tier.price.bound(input_tokens, output_tokens, most))
        return nano

    def affordable(self, input_tokens: int, nano: int, most: Usage | None = None) -> int:
        """Return the most output tokens for which :meth:`bound` stays within *nano*; negative if the rest does not."""
        fixed, output = self._dearest(input_tokens, most)
        pico = nano * PICO_PER_NANO - fixed
        tokens = pico // output if output else (ENDLESS if pico >= 0 else -1)
        for tier in self.tiers:
            if input_tokens > tier.above:
                tokens = min(tokens, tier.price.affordable(input_tokens, nano, most))
        return tokens

    def _dearest(self, input_tokens: int, most: Usage | None) -> tuple[int, int]:
        """Return pico-dollars for everything but the answer, and for one token of the answer, at the dearest."""
        dearest, output, fixed = self.input, self.output, self.request
        if self.cached is not None or self.cache_write is not None:
            dearest = max(dearest, self.cached or 0, self.cache_write or 0)
        extra = self.extra
        if extra is not None:
            dearest, output = max(dearest, extra.dearest_input), max(output, extra.dearest_output)
            if most is not None:
                fixed += extra.units(most)
        return fixed + input_tokens * dearest, output


class Tier(msgspec.Struct, frozen=True):
    """The price of a call whose prompt is longer than ``above`` tokens; it has no tiers itself."""

    above: int
    price: Price


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
    except ArithmeticError:  # no number at all, or one with an exponent that nothing holds
        raise ValueError(f"{usd!r} is not an amount in USD") from None
    if not nano.is_finite() or abs(nano) > MAX_NANO:
        raise ValueError(f"{usd!r} is out of range for an amount in USD")
    return int(nano)


def usd(nano: int) -> str:
    """Return an amount as a plain decimal string in USD, up to 9 places: ``'0.00012'``."""
    sign, whole, part = "-" if nano < 0 else "", *divmod(abs(nano), NANO)
    return f"{sign}{whole}.{str(part).zfill(9)}".rstrip("0") if part else f"{sign}{whole}"
