"""The lines of the journal: JSON arrays whose first element is the kind. Written as tuples, read as these structs.

``h`` a hold is open, ``c`` the same carried over from an earlier segment, ``r`` it was given back, ``e`` a call ended.
"""

import msgspec

from headgate.ledger.types import Hold
from headgate.observe.facts import Facts

encode = msgspec.json.Encoder().encode
KIND = slice(0, 4)
HOLD, CARRIED, RELEASE, END = b'["h"', b'["c"', b'["r"', b'["e"'


Paid = tuple[str, str, int]
"""A scope, and the window that a grant of it covers: its letter (a capital for tokens) and its start.

Without a letter it is a scope that is only summed up.
"""


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
    team_id: str | None
    end_user: str | None
    tags: tuple[str, ...]
    target: str
    surface: str
    nano: int
    tokens: int
    priced: bool
    zone: str
    """The tenant's: decides which day pays."""
    scopes: list[Paid]
    """What covers it; empty for a caller without budgets."""


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
    zone: str
    scopes: list[Paid]


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


def opened(hold: Hold, scopes: msgspec.Raw) -> bytes:
    """Return the line that tells the journal of a hold; see :class:`HoldLine`."""
    ask = hold.ask
    who = ask.who
    line: bytes = encode(
        (
            "h",
            ask.call_id,
            ask.attempt,
            hold.at,
            ask.trace_id,
            who.tenant_id,
            who.id,
            who.kind == "key",
            who.user_id,
            who.app_id,
            who.team_id,
            ask.end_user,
            ask.tags,
            ask.target,
            ask.surface,
            hold.nano,
            hold.tokens,
            ask.price is not None,
            who.zone,
            scopes,
        )
    )
    return line + b"\n"
