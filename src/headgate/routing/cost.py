"""The cheapest deployment for this request."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from headgate.core.money import PICO_PER_NANO, Usage
from headgate.routing.candidates import Candidates
from headgate.routing.types import Option, Sight, Standing, Strategy

BYTES = 4
"""Bytes of a request for each token of its prompt, about, in most languages of Latin script."""
UNPRICED = 1e30


class Cost(Strategy, frozen=True):
    """The least estimated price: the prompt by its length, the answer as long as ``answer`` says or the caller allows.

    A deployment without a price comes last. With ``cached``, what the provider keeps of a conversation counts: to
    leave the deployment it was last sent to costs the whole prompt again.
    """

    removes: ClassVar[bool] = True
    ranges: ClassVar = {"floor": (0, 1), "cached": (0, 1), "answer": (1, 1_000_000)}
    reads: ClassVar[frozenset[str]] = frozenset(("last", "prefix"))

    answer: int = 500
    """Tokens that an answer has, where the caller allows as many."""
    floor: float | None = None
    """Deployments whose configured ``quality`` is less are removed; one without a quality stays."""
    cached: float = 0.0
    """The share of a prompt that its last provider is taken to have kept."""

    def wants(self) -> frozenset[str]:
        """See ``Strategy``."""
        return self.reads if self.cached else frozenset()

    def weigh(self, sight: Sight, options: Candidates, standing: Standing, chance: float) -> Sequence[float | None]:
        """See ``Strategy``."""
        prompt, most, answer = _about(sight.prompt_bound // BYTES), sight.max_output, self.answer
        if most is not None and most < answer:
            answer = _about(most)
        key = (Cost, prompt, answer, self.floor)
        costs = options.made.get(key) or options.once(key, partial(_costs, options, prompt, answer, self.floor))
        if not self.cached or sight.last not in options.names:
            return costs
        scores: list[float | None] = [*costs]
        place = options.names.index(sight.last)
        if (score := scores[place]) is not None:
            scores[place] = score - self.cached * prompt * (options[place].input - options[place].cached)
        return scores

    def filters(self) -> bool:
        """See ``Strategy``."""
        return self.floor is not None

    def tell(self, score: float) -> str:
        """See ``Strategy``."""
        if score >= UNPRICED:
            return "no price is known"
        return f"about ${score / PICO_PER_NANO / 1e9:.9f}".rstrip("0").rstrip(".")


def _about(tokens: int) -> int:
    """Return *tokens* to a sixteenth: lengths are estimates, and what was worked out for one serves those like it."""
    step = tokens.bit_length() - 3
    return (tokens >> step << step) + (1 << step >> 1) if step > 0 else tokens


def _costs(options: Candidates, prompt: int, answer: int, floor: float | None) -> list[float | None]:
    return [
        None
        if floor is not None and o.quality is not None and o.quality < floor
        else o.request + prompt * o.input + answer * o.output
        if o.flat
        else _tiered(o, prompt, answer)
        for o in options
    ]


def _tiered(option: Option, prompt: int, answer: int) -> float:
    price = option.target.price
    if price is None:
        return UNPRICED
    return float(price.cost(Usage(input=prompt, output=answer)) * PICO_PER_NANO)
