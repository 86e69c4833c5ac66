"""What a tenant is billed: the cost as it is, the cost with a markup, or what its own price comes to.

The provider's price stays the truth of records, ledger and budgets; what is billed is worked out from them, afterwards.
"""

from collections.abc import Iterable
from hashlib import sha256

import msgspec

from headgate.core.money import Price, Usage
from headgate.storage.billing_rows import PriceRow

MILLION = 1_000_000


class Rule(msgspec.Struct, frozen=True):
    """What is billed for some models; a price of its own comes before the markup, which is put on it too."""

    model: str
    price: Price | None = None
    markup_ppm: int | None = None

    def billed(self, cost_nano: int, usage: Usage | None) -> int:
        """Return nano-dollars for a call that cost *cost_nano*; *usage* is ``None`` where nobody knows it."""
        nano = cost_nano if self.price is None or usage is None else self.price.cost(usage)
        return nano if not self.markup_ppm else nano + marked_up(nano, self.markup_ppm)


PLAIN = Rule("*")


class Stored(msgspec.Struct, frozen=True):
    """How a price is stored: as it was written, in USD per million tokens, and as it is counted with."""

    usd: dict[str, float]
    price: Price


_stored = msgspec.json.Decoder(Stored).decode


class Prices:
    """The rules of one tenant."""

    def __init__(self, rows: Iterable[PriceRow]) -> None:
        """Raise ``msgspec.MsgspecError`` where a row holds nonsense."""
        self._rules = {
            row.model: Rule(row.model, _stored(row.price).price if row.price else None, row.markup_ppm) for row in rows
        }
        told = msgspec.json.encode([self._rules[model] for model in sorted(self._rules)])
        self.digest = sha256(told).hexdigest() if self._rules else ""
        """Changes with every rule: what was worked out with others is worked out anew."""

    def of(self, provider: str, model: str) -> Rule:
        """Return the closest rule: the model's, its provider's, the one for all, or none."""
        for name in (model if "/" in model else f"{provider}/{model}", f"{provider}/*", "*"):
            rule = self._rules.get(name)
            if rule is not None:
                return rule
        return PLAIN


def marked_up(nano: int, ppm: int) -> int:
    """Return *ppm* millionths of *nano*, half to even; a discount is below zero.

    >>> [marked_up(nano, 500_000) for nano in (1, 3, 5)]
    [0, 2, 2]
    """
    whole, rest = divmod(nano * ppm, MILLION)
    return whole + (rest > MILLION // 2 or (rest == MILLION // 2 and whole % 2 == 1))
