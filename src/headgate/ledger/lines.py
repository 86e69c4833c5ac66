"""The lines of the journal: JSON arrays whose first element is the kind. Written as tuples, read as these structs.

``h`` a hold is open, ``c`` the same carried over from an earlier segment, ``r`` it was given back, ``e`` a call ended.
"""

import msgspec

from headgate.observe.facts import Facts

KIND = slice(0, 4)
HOLD, CARRIED, RELEASE, END = b'["h"', b'["c"', b'["r"', b'["e"'


class HoldLine(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One attempt is about to leave. All that is needed to charge and record it if nothing more is heard of it."""

    kind: str
    call_id: str
    attempt: int
    at: int
    """Microseconds since 1970: decides which window pays."""
    trace_id: str
    tenant_id: str
    scope: str
    """Whose money: the id of the key."""
    by_key: bool
    user_id: str | None
    app_id: str | None
    target: str
    surface: str
    nano: int
    tokens: int
    priced: bool
    periods: str
    """The windows in which a grant covers it, by first letter; empty for a caller without budgets."""


class ReleaseLine(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """That attempt cost nothing."""

    kind: str
    call_id: str
    attempt: int


class Charge(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What one attempt cost."""

    attempt: int
    at: int
    scope: str
    nano: int
    tokens: int
    billed: str
    target: str
    periods: str


class EndLine(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A call is over: its attempts' charges and its record, of which only what is counted is decoded."""

    kind: str
    call_id: str
    holds: int
    """How many holds ended with it, charged or not."""
    charges: list[Charge]
    record: Facts


class EndOnly(msgspec.Struct, array_like=True, frozen=True):
    """The same, whatever the record holds."""

    kind: str
    call_id: str
    holds: int
    charges: list[Charge]
    record: msgspec.Raw


RECORD_BEGINS = b'],{"id":"'
"""Stands once in an end line: inside a string, its quotes would have backslashes."""
