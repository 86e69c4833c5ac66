"""What the ledger is asked, and what it answers."""

from collections.abc import Awaitable
from typing import Any, Protocol

import msgspec

from headgate.access.types import Principal
from headgate.core.money import Price, Usage
from headgate.core.record import Record
from headgate.limits.types import Standing


class Ask(msgspec.Struct, kw_only=True):
    """One attempt that wants to leave."""

    call_id: str
    trace_id: str
    attempt: int
    who: Principal
    target: str
    """``provider/model``."""
    end_user: str | None = None
    tags: tuple[str, ...] = ()
    """The caller's own and those of its key."""
    price: Price | None
    input_tokens: int
    """Upper bound of the prompt."""
    output_tokens: int
    """Upper bound of the answer: the caller's, else the model's, else 16,384."""
    most: Usage | None = None
    """Upper bounds of what is charged by the piece; ``None`` where nothing is."""
    min_output: int = 256
    """Clamping stops here; no clamping where it equals ``output_tokens`` or above."""
    clamp: bool = True
    deadline: float = 0.0
    """Monotonic seconds past which waiting for room makes no sense."""
    surface: str = ""


class Hold(msgspec.Struct, kw_only=True):
    """Room taken for one attempt. The attempt's end writes ``charge_nano`` and ``charge_tokens``; ``None`` is all."""

    ask: Ask
    nano: int
    tokens: int
    output_tokens: int
    """What the answer may have; below the ask's where it was clamped."""
    charge_nano: int | None = None
    charge_tokens: int | None = None
    parts: Any = None
    """The ledger's own bookkeeping: which room of which scope; ``None`` for a caller without budgets."""
    at: int = 0
    """When it was taken, in microseconds since 1970: this decides which window pays."""

    @property
    def clamped(self) -> bool:
        """True where less output was granted than asked."""
        return self.output_tokens < self.ask.output_tokens


class Books(Protocol):
    """Holds before dispatch, one end per call. Everything that spends goes through here."""

    def hold(self, ask: Ask) -> "Hold | Awaitable[Hold]":
        """Take room in every scope of the caller or in none, and write the intent to the journal.

        An awaitable is returned only where room is short but others are in flight, or a grant must be fetched.
        Raise ``BudgetSpent``, ``RateLimited`` (tokens per minute; ``NotNow`` where they are those of the target), or
        ``BadRequest('price_unknown')``.
        """
        ...

    def used_share(self, who: Principal) -> float | None:
        """Return how much of the tightest budget of *who* is spent or held, 0 to 1, as far as this process knows.

        ``None`` without a budget; 0 before the first call.
        """
        ...

    def follow(self, standing: Standing) -> None:
        """Take over changed limits of the configuration."""
        ...

    def release(self, hold: Hold) -> None:
        """Give one hold back whole: that attempt is known to have cost nothing, and another may follow."""
        ...

    def end(self, record: Record, holds: list[Hold]) -> None:
        """Settle the call exactly once: replace each hold by its charge and write the record. Never raises."""
        ...
