"""When a deployment is left alone for a while, and how it comes back.

Closed, it is used. Five faults of the provider's own making in a row, or half of the last twenty calls, open it: it
is left alone for five seconds, then one call, and only one, is let through to see. What its provider says of itself (a
time to wait, a key that is refused) benches it for as long as that lasts, without counting. A caller's mistakes never
count.

Where several processes call the same, one of them at a time may try what is shut: who has the leave to.
"""

from math import inf
from typing import Literal

from headgate.storage.switches import Hand

State = Literal["closed", "open", "half-open", "benched"]

IN_A_ROW = 5
OF_LATE = 20  # calls
SHARE = 0.5  # of them
COOLDOWN = 5.0  # seconds


class Breaker:
    """One deployment's, one account's or one key's. Instants are monotonic seconds, given by the caller."""

    __slots__ = (
        "_faults",
        "_in_a_row",
        "_late",
        "_leave",
        "_probing",
        "_shared",
        "hand",
        "kind",
        "reason",
        "since",
        "until",
    )

    def __init__(self, *, shared: bool = False) -> None:
        """With *shared* a probe takes leave, see :meth:`allow`."""
        self._shared = shared
        self._leave = 0.0 if shared else inf
        self.until = 0.0
        """When it may be tried again; 0 where it is not shut."""
        self.since = 0.0
        """When it was last shut, or shut for longer."""
        self.kind: Literal["", "faults", "wait", "account"] = ""
        self.reason = ""
        self.hand: Hand | None = None
        """What a person has set; it goes over everything that is measured."""
        self._probing = False
        self._in_a_row = self._faults = self._late = 0

    def shut(self, now: float) -> str | None:
        """Say why it is not to be called now, or ``None``."""
        if self.hand is not None:
            return "switched off by hand" if self.hand == "open" else None
        if not self.until or (now >= self.until and not self._probing and (now < self._leave or self.kind == "wait")):
            return None
        return self.reason

    def wants(self, now: float) -> bool:
        """Whether it should be tried, and this process has no leave to."""
        if self.hand is not None or not self.until or now < self.until or self.kind == "wait":
            return False
        return now >= self._leave and not self._probing

    def allow(self, until: float) -> None:
        """Give leave for one probe, which must begin before *until*."""
        self._leave = until

    def state(self, now: float) -> State:
        """Say where it stands."""
        if self.hand is not None:
            return self.hand
        if not self.until:
            return "closed"
        if now >= self.until:
            return "half-open"
        return "open" if self.kind == "faults" else "benched"

    def enter(self, now: float) -> bool:
        """Let a call through; return whether it is the probe, which must be followed by one of the next three."""
        if not self.until or self.hand is not None or self._probing or now < self.until:
            return False
        if self.kind == "wait":  # it said when it would be ready, so there is nothing to find out
            self.close()
            return False
        if now >= self._leave:
            return False
        self._probing = True
        if self._shared:
            self._leave = 0.0
        return True

    def worked(self) -> None:
        """A call was answered, or refused for what its caller did."""
        self._in_a_row = 0
        if self._late >= OF_LATE:
            self._faults, self._late = self._faults // 2, OF_LATE // 2
        self._late += 1
        if self._probing or self.kind == "account":  # others may have begun before it was opened
            self.close()

    def failed(self, now: float, reason: str) -> None:
        """A call failed, and it was the provider's fault."""
        self._in_a_row += 1
        if self._late >= OF_LATE:
            self._faults, self._late = self._faults // 2, OF_LATE // 2
        self._late += 1
        self._faults += 1
        often = self._late >= OF_LATE and self._faults >= self._late * SHARE
        if self._probing or self._in_a_row >= IN_A_ROW or often:
            self.bench(now, COOLDOWN, reason, "faults")

    def gave_up(self) -> None:
        """The probe ended without an answer that says anything: the caller left, or the gateway refused it."""
        self._probing = False

    def bench(self, now: float, seconds: float, reason: str, kind: Literal["faults", "wait", "account"]) -> None:
        """Leave it alone for *seconds*; a longer bench that it has already stays."""
        self._probing = False
        if now + seconds < self.until:
            return
        self.since = now
        self.until, self.reason, self.kind = now + seconds, reason, kind

    def close(self) -> None:
        """Use it again, with nothing held against it."""
        self.until, self.reason, self.kind, self._probing = 0.0, "", "", False
        self._in_a_row = self._faults = self._late = 0
