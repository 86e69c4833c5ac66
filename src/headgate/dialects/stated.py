"""What a provider itself says that an answer costs: in its usage, in whichever of three forms.

``usage.cost`` in USD (<https://openrouter.ai/docs/use-cases/usage-accounting>), ``usage.cost.total_cost`` in USD
(<https://docs.perplexity.ai/api-reference/chat-completions-post>), ``usage.cost_in_usd_ticks``
(<https://docs.x.ai/developers/cost-tracking>).
"""

from decimal import Decimal, InvalidOperation

import msgspec

from headgate.dialects.sse import Parser
from headgate.dialects.wire import NULL, ODD

TICKS = Decimal(10) ** 10  # in one USD
LONGEST = 64  # characters of a number; no amount needs so many
SIGN = b'"cost'
"""Stands in every event that states a cost."""
NOTHING_SAID = Decimal("NaN")
"""For what was stated and is no amount."""


class _Said(msgspec.Struct, gc=False):
    usage: msgspec.Raw = NULL
    response: msgspec.Raw = NULL
    """The last event of a response has its usage in here."""


class _Usage(msgspec.Struct, gc=False):
    cost: msgspec.Raw = NULL
    cost_details: msgspec.Raw = NULL
    is_byok: msgspec.Raw = NULL
    cost_in_usd_ticks: msgspec.Raw = NULL


class _Total(msgspec.Struct, gc=False):
    total_cost: msgspec.Raw = NULL


class _Upstream(msgspec.Struct, gc=False):
    upstream_inference_cost: msgspec.Raw = NULL


_said = msgspec.json.Decoder(_Said).decode
_usage = msgspec.json.Decoder(_Usage).decode
_total = msgspec.json.Decoder(_Total).decode
_upstream = msgspec.json.Decoder(_Upstream).decode


def stated(document: bytes) -> Decimal | None:
    """Return the USD that a whole answer, or an event, says it costs, digit by digit as they stand there.

    ``None`` where it says nothing, and what is not finite where what it says is no amount.
    """
    try:
        said = _said(document)
        usage = said.usage if said.response == NULL else _said(said.response).usage
        if usage == NULL:
            return None
        found = _usage(usage)
        if found.cost_in_usd_ticks != NULL:
            return _number(found.cost_in_usd_ticks) / TICKS
        if bytes(found.cost).startswith(b"{"):
            total = _total(found.cost).total_cost
            return None if total == NULL else _number(total)
        if found.cost == NULL:
            return None
        cost = _number(found.cost)
        if bytes(found.is_byok) == b"true" and found.cost_details != NULL:
            # the fee alone is its own: the answer was made with the account's own key at another provider
            upstream = _upstream(found.cost_details).upstream_inference_cost
            return cost if upstream == NULL else cost + _number(upstream)
        return cost
    except ODD:
        return None
    except ArithmeticError:
        return NOTHING_SAID


def _number(said: msgspec.Raw) -> Decimal:
    text = bytes(said)
    if len(text) > LONGEST:
        raise InvalidOperation
    return Decimal(text.decode("latin-1"))


class Statements:
    """Follows a stream; ``last`` is what it stated last."""

    __slots__ = ("_parser", "last")

    def __init__(self) -> None:
        self._parser = Parser()
        self.last: Decimal | None = None

    def feed(self, data: bytes) -> None:
        """Take what was read, cut anywhere; nothing at the end."""
        for event in self._parser.feed(data or b"\n\n"):  # the last event may lack its empty line
            if event.data is not None and SIGN in event.data and (found := stated(event.data)) is not None:
                self.last = found
