"""Numbers that a JSON schema asks for: between its limits, on its steps."""

from math import ceil, floor, inf, isfinite, nextafter
from typing import Any

from headgate.providers.sandbox.strings import Unsatisfiable

SPREAD = 100
"""How far from a limit a number is sought where the schema leaves it open."""


def number(schema: dict[str, Any], said: float | None, share: float) -> int | float:
    """Return *said* (what the prompt names) if it fits, else the number at *share* (0 to 1) of the way up."""
    whole = schema.get("type") == "integer"
    low, high = limits(schema)
    if low > high:
        raise Unsatisfiable("no number lies between the limits of the schema")
    step = schema.get("multipleOf") or (1 if whole else 0)
    value = said if said is not None and low <= said <= high else _between(low, high, share)
    if step:
        value = _stepped(value, low, high, step)
    if whole:
        if value != floor(value):
            raise Unsatisfiable("no whole number lies on the steps of the schema")
        return int(value)
    return round(value, 2) if not step and low <= round(value, 2) <= high else value


def limits(schema: dict[str, Any]) -> tuple[float, float]:
    """Return the least and the greatest number allowed; both may be taken."""
    low, high = schema.get("minimum", -inf), schema.get("maximum", inf)
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if above is True:  # draft 4 says it so
        above = low
    if below is True:
        below = high
    if isinstance(above, int | float) and above is not False:
        low = max(low, nextafter(above, inf))
    if isinstance(below, int | float) and below is not False:
        high = min(high, nextafter(below, -inf))
    return low, high


def _between(low: float, high: float, share: float) -> float:
    if not isfinite(low):
        low = min(0.0, high - SPREAD)
    return low + share * min(high - low, SPREAD)


def _stepped(value: float, low: float, high: float, step: float) -> float:
    for count in (ceil(value / step), floor(value / step), ceil(low / step) if isfinite(low) else 0):
        near = round(count * step, 10)
        if low <= near <= high:
            return near
    raise Unsatisfiable("no number on the steps of the schema lies between its limits")
