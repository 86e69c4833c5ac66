"""Money: prices of every kind, one rounding, and bounds that hold."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.core.money import Extra, Price, Tier, Usage, half_even, nano_from_usd, per_million, usd

RATES = st.integers(0, 10**9)
MAYBE = st.none() | RATES
EXTRAS = st.none() | st.builds(
    Extra,
    reasoning=MAYBE, cache_write_1h=MAYBE, audio_input=MAYBE, audio_cached=MAYBE, audio_output=MAYBE,
    image_input=MAYBE, image_output=MAYBE,
    image=RATES, search=RATES, character=RATES, millisecond=RATES,
)  # fmt: skip
PLAIN = st.builds(Price, RATES, RATES, MAYBE, MAYBE, RATES, EXTRAS)


@st.composite
def prices(draw: st.DrawFn) -> Price:
    price: Price = draw(PLAIN)
    starts = sorted(draw(st.sets(st.integers(1, 100_000), max_size=3)))
    tiers = tuple(Tier(start, draw(PLAIN)) for start in starts)
    return Price(price.input, price.output, price.cached, price.cache_write, price.request, price.extra, tiers)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """What a provider may report: parts within their wholes."""
    whole = draw(st.integers(0, 200_000))
    cached = draw(st.integers(0, whole))
    write = draw(st.integers(0, whole - cached))
    output = draw(st.integers(0, 200_000))
    audio = draw(st.integers(0, whole))
    return Usage(
        whole,
        output,
        cached,
        write,
        draw(st.integers(0, 300_000)),  # some report more reasoning than output
        cache_write_1h=draw(st.integers(0, write)),
        audio_input=audio,
        audio_cached=draw(st.integers(0, min(audio, cached))),
        audio_output=draw(st.integers(0, output)),
        image_input=draw(st.integers(0, whole)),
        image_output=draw(st.integers(0, output)),
        images=draw(st.integers(0, 10)),
        searches=draw(st.integers(0, 10)),
        characters=draw(st.integers(0, 5000)),
        milliseconds=draw(st.integers(0, 5000)),
    )


@given(prices(), usages(), st.integers(0, 1000), st.integers(0, 1000))
@settings(deadline=None)
def test_a_bound_is_never_below_a_cost(price: Price, used: Usage, more_in: int, more_out: int) -> None:
    cost = price.cost(used)
    assert 0 <= cost <= price.bound(used.input + more_in, used.output + more_out, used)


@given(prices(), st.integers(0, 200_000), st.integers(0, 10**16))
@settings(deadline=None)
def test_what_is_affordable_is_the_longest_answer_within_a_bound(price: Price, tokens: int, nano: int) -> None:
    most = Usage(images=1, searches=2)
    fits = price.affordable(tokens, nano, most)
    if fits < 0:
        assert price.bound(tokens, 0, most) > nano
    elif fits < 2**62:
        assert price.bound(tokens, fits, most) <= nano < price.bound(tokens, fits + 1, most)
    else:
        assert price.bound(tokens, 10**9, most) <= nano


def test_each_kind_has_its_own_price() -> None:
    extra = Extra(7, 11, 13, 17, 19, 23, 29, image=31_000, search=37_000, character=41, millisecond=43)
    price = Price(2, 3, 1, 5, 0, extra)

    def pico(**used: int) -> int:
        return price.cost(Usage(**{kind: number * 1000 for kind, number in used.items()}))

    assert pico(input=10) == 20
    assert pico(input=10, cached=4) == 6 * 2 + 4 * 1
    assert pico(input=10, cache_write=4) == 6 * 2 + 4 * 5
    assert pico(input=10, cache_write=4, cache_write_1h=3) == 6 * 2 + 1 * 5 + 3 * 11
    assert pico(input=10, audio_input=4) == 6 * 2 + 4 * 13
    assert pico(input=10, cached=5, audio_input=4, audio_cached=3) == 4 * 2 + 2 * 1 + 1 * 13 + 3 * 17
    assert pico(input=10, image_input=4) == 6 * 2 + 4 * 23
    assert pico(output=10, reasoning=4) == 6 * 3 + 4 * 7
    assert pico(output=10, reasoning=40) == 10 * 7
    assert pico(output=10, audio_output=4) == 6 * 3 + 4 * 19
    assert pico(output=10, image_output=4) == 6 * 3 + 4 * 29
    assert price.cost(Usage(images=2, searches=1, characters=1000, milliseconds=1000)) == 62 + 37 + 41 + 43


def test_cached_sound_without_a_price_costs_what_is_cached_else_what_sound_costs() -> None:
    used = Usage(10_000, cached=4_000, audio_input=4_000, audio_cached=4_000)
    assert Price(2, cached=1, extra=Extra(audio_input=9)).cost(used) == 6 * 2 + 4 * 1
    assert Price(2, extra=Extra(audio_input=9)).cost(used) == 6 * 2 + 4 * 9


def test_a_kind_without_a_price_costs_what_it_is_part_of() -> None:
    price = Price(2000, 3000, extra=Extra())
    used = Usage(10, 10, 2, 2, 5, cache_write_1h=1, audio_input=3, audio_cached=1, audio_output=2, image_input=2)
    assert price.cost(used) == Price(2000, 3000).cost(used) == 50


@pytest.mark.parametrize(("tokens", "cost"), [(0, 0), (100, 100), (101, 202), (200, 400), (201, 603)])
def test_a_tier_holds_for_the_whole_call(tokens: int, cost: int) -> None:
    price = Price(1000, tiers=(Tier(100, Price(2000)), Tier(200, Price(3000))))
    assert price.cost(Usage(tokens)) == cost


def test_a_cheaper_tier_does_not_lower_the_bound_of_shorter_prompts() -> None:
    price = Price(5000, tiers=(Tier(100, Price(1000)),))
    assert price.bound(150, 0) == 750 >= price.cost(Usage(100))


@given(st.integers(0, 10**15))
def test_half_even(pico: int) -> None:
    assert half_even(pico) == int((Decimal(pico) / 1000).to_integral_value(ROUND_HALF_EVEN))


def test_amounts() -> None:
    assert per_million(0.15) == 150_000
    assert per_million("0.0000005") == 0
    assert (nano_from_usd("0.000000001"), usd(1), usd(-1_500_000_000), usd(0)) == (1, "0.000000001", "-1.5", "0")
    for wrong in ("x", "inf", "nan", 10**10, "1e999999", "1e99999999999999999999"):
        with pytest.raises(ValueError, match="amount"):
            nano_from_usd(wrong)
