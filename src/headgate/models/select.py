"""Choosing among the models of the registry, and how one is told: by the command line and the management API alike."""

from collections.abc import Iterable
from typing import Any

import msgspec

from headgate.models.registry import Entry
from headgate.providers.base import PriceConfig

USD = ("request", "image", "search", "second")
"""Kinds of price that are not per million of something."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which models are wanted; what is left out does not matter."""

    search: str | None = None
    """Part of the name, whatever the case."""
    provider: str | None = None
    kind: str | None = None
    capability: tuple[str, ...] = ()
    """All of these."""
    use_case: str | None = None
    status: str | None = None
    region: str | None = None
    max_price: float | None = None
    """USD for a million prompt tokens; unpriced models cost more than anything."""
    min_context: int | None = None
    usable: bool = False
    """Only what the providers in force have."""

    def takes(self, entry: Entry) -> bool:
        """Whether *entry* is wanted."""
        exact = (
            (self.provider, entry.provider),
            (self.kind, entry.kind),
            (self.status, entry.status),
        )
        if any(wanted is not None and wanted != found for wanted, found in exact):
            return False
        if self.search is not None and self.search.lower() not in entry.id.lower():
            return False
        if self.usable and not entry.usable:
            return False
        if not set(self.capability) <= set(entry.capabilities):
            return False
        if self.use_case is not None and self.use_case not in entry.use_cases:
            return False
        if self.region is not None and entry.regions and self.region not in entry.regions:
            return False
        if self.max_price is not None and (entry.price is None or entry.price.input > self.max_price):
            return False
        return self.min_context is None or (entry.context or 0) >= self.min_context


def chosen(entries: Iterable[Entry], wanted: Wanted) -> list[Entry]:
    """Return what is wanted of *entries*, by name."""
    return sorted(filter(wanted.takes, entries), key=lambda entry: entry.id)


def told(entry: Entry) -> dict[str, Any]:
    """Return *entry* as JSON has it: amounts of money are decimal strings, in USD."""
    shown: dict[str, Any] = msgspec.to_builtins(entry)
    shown["price"] = None if entry.price is None else prices(entry.price)
    return shown


def prices(price: PriceConfig) -> dict[str, Any]:
    """Return each price that is stated: USD per million tokens or characters, or per piece (``USD``)."""
    stated: dict[str, Any] = {
        kind: plain(value)
        for kind in PriceConfig.__struct_fields__
        if kind != "tiers" and (value := getattr(price, kind)) is not None and (value or kind in ("input", "output"))
    }
    if price.tiers:
        stated["tiers"] = [
            {"above": tier.above}
            | {
                kind: plain(value)
                for kind in tier.__struct_fields__
                if kind != "above" and (value := getattr(tier, kind)) is not None
            }
            for tier in price.tiers
        ]
    return stated


def plain(amount: float) -> str:
    """Return an amount without an exponent or needless zeros."""
    return f"{amount:.9f}".rstrip("0").rstrip(".")
