"""What rules look at: what calls came to, what was spent, what homes tell of themselves. Instants are microseconds."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

By = Literal["", "model", "provider", "route", "team", "app", "key"]
"""What calls are told apart by; empty takes them together."""
PLATFORM = "default"
"""The tenant whose alerts are those of the gateway itself."""


class Group(msgspec.Struct, frozen=True):
    """What the calls of one name came to."""

    name: str
    calls: int
    failures: int
    ms: float | None = None
    """The latency at the percentile that was asked for."""


class Stand(msgspec.Struct, frozen=True):
    """How a budget stands in its window."""

    id: str
    name: str
    subject: str
    """Who has it for himself, where each of several has; else empty."""
    share: float
    """Of it that is spent: 1 is all."""
    hard: bool
    start: int


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """What a home told of itself last."""

    node: str
    name: str
    """``breaker``, ``dropped``, ``failing``, ``broken``, ``behind``, ``disk``, ``clock`` or ``certificate``."""
    subject: str = ""
    value: int
    grown_at: int = 0
    """When it was last more than before."""
    text: str = ""


class Fresh(msgspec.Struct, frozen=True):
    """A kind of error that was not there before."""

    id: str
    words: str
    count: int
    first_at: int
    filter: Mapping[str, str]
    """What the log is asked for to see them."""


class Ending(msgspec.Struct, frozen=True):
    """Something that will not be accepted any more from an instant on."""

    id: str
    what: str
    at: int


class Readings(Protocol):
    """Takes readings; a tenant's alone, where one is named. Raises ``SqlError``."""

    def calls(
        self, tenant_id: str, since: int, until: int, where: Mapping[str, str], by: By, percentile: float | None = None
    ) -> Sequence[Group]:
        """Return what the calls between the two instants came to; *where* has names by what they are names of."""
        ...

    def blocked(self, tenant_id: str, since: int, until: int) -> int:
        """Return how many calls guardrails refused between the two instants."""
        ...

    def hourly(self, tenant_id: str, since: int, until: int) -> Mapping[int, int]:
        """Return nano-dollars by whole hours since 1970."""
        ...

    def budgets(self, tenant_id: str, at: int) -> Sequence[Stand]:
        """Return how budgets stand."""
        ...

    def uncertain(self, since: int) -> tuple[int, int]:
        """Return how many charges of all tenants since then nobody could settle, and their nano-dollars."""
        ...

    def signals(self) -> Sequence[Signal]:
        """Return what homes told of themselves that still run."""
        ...

    def fresh(self, tenant_id: str, since: int) -> Sequence[Fresh]:
        """Return kinds of errors that were met first since then."""
        ...

    def ending(self, tenant_id: str, until: int) -> Sequence[Ending]:
        """Return keys that expire before *until*, and have not yet."""
        ...
