"""The books: holds before dispatch, one end per call. Every instant: spent + held <= cap, in every scope.

Runs on the event loop and needs no lock. A call without budgets costs one line of the journal; a call whose room is
here costs some arithmetic besides; only where the store must be asked, or others must give room back, does it wait.
"""

from collections.abc import Awaitable, Callable
from time import monotonic, time_ns

import msgspec

from headgate.access.types import Principal
from headgate.core.call import Record
from headgate.core.errors import BadRequest, Unavailable
from headgate.ledger.accounts import Purse, Taken, least_output, worst
from headgate.ledger.grants import GrantStore
from headgate.ledger.journal import Journal
from headgate.ledger.meters import LocalMeter, Meter
from headgate.ledger.refusals import spent, throttled
from headgate.ledger.tidy import Tidy, cleaned
from headgate.ledger.types import Ask, Hold
from headgate.ledger.waiting import Waiting

WAIT_SECONDS = 5.0

encode = msgspec.json.Encoder().encode


class LedgerBooks:
    """:class:`headgate.ledger.types.Books` of one process."""

    def __init__(
        self,
        journal: Journal,
        store: GrantStore,
        *,
        meter: Callable[[str, int], Meter] = lambda key_id, limit: LocalMeter(limit),
        clock: Callable[[], int] = time_ns,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        """*meter* makes the tokens per minute of a key; *clock* gives nanoseconds since 1970."""
        self.overshoots = 0
        """Charges above their holds."""
        self._journal = journal
        self._store = store
        self._meter = meter
        self._clock = clock
        self._purses: dict[str, Purse] = {}
        self._tidy = Tidy(self._purses, store)
        self._waiting = Waiting(self._again, self.release, store, wait_seconds)

    @property
    def in_flight(self) -> int:
        """Holds that have not ended."""
        return len(self._journal.open)

    @property
    def waiting(self) -> int:
        """Calls that wait for room."""
        return self._waiting.count

    def hold(self, ask: Ask) -> Hold | Awaitable[Hold]:
        """See :class:`headgate.ledger.types.Books`."""
        who = ask.who
        if who.budgets or who.limits.tpm is not None:
            return self._scoped(ask)
        price = ask.price
        wanted = ask.output_tokens
        hold = Hold(
            ask=ask,
            nano=0 if price is None else price.bound(ask.input_tokens, wanted, ask.most),
            tokens=ask.input_tokens + wanted,
            output_tokens=wanted,
            at=self._clock() // 1000,
        )
        line = opened(hold, "")
        if not self._journal.append(line):
            self._journal.unwritten += 1
        self._journal.open[id(hold)] = (hold, line)
        return hold

    def used_share(self, who: Principal) -> float | None:
        """See :class:`headgate.ledger.types.Books`."""
        if not who.budgets:
            return None
        purse = self._purses.get(who.id)
        accounts = purse.accounts if purse is not None else ()
        return max([(one.used + one.held) / one.cap if one.cap else 1.0 for one in accounts], default=0.0)

    def release(self, hold: Hold) -> None:
        """See :class:`headgate.ledger.types.Books`. A second time changes nothing."""
        if self._journal.open.pop(id(hold), None) is None:
            return
        self._journal.keep(encode(("r", hold.ask.call_id, hold.ask.attempt)) + b"\n")
        self._settle(hold, 0, 0)

    def end(self, record: Record, holds: list[Hold]) -> None:
        """See :class:`headgate.ledger.types.Books`."""
        charges = []
        ended = 0
        for hold in holds:
            if self._journal.open.pop(id(hold), None) is None:
                continue  # settled before: a call is charged once, however often it is ended
            ended += 1
            nano = hold.nano if hold.charge_nano is None else hold.charge_nano
            tokens = hold.tokens if hold.charge_tokens is None else hold.charge_tokens
            if nano > hold.nano:
                self.overshoots += 1
            periods = self._settle(hold, nano, tokens)
            if nano or tokens:
                ask, n = hold.ask, hold.ask.attempt - 1
                billed = record.attempts[n].billed if 0 <= n < len(record.attempts) else record.billed
                charges.append((ask.attempt, hold.at, ask.who.id, nano, tokens, billed, ask.target, periods))
        if holds and not ended:
            return
        try:
            line = encode(("e", record.id, ended, charges, record))
        except Exception:  # a value that JSON cannot say: the money counts more than that value
            line = encode(("e", record.id, ended, charges, cleaned(record)))
        self._journal.keep(line + b"\n")

    def close(self) -> None:
        """Refuse who still waits. What is granted goes back when the journal is seen to be closed."""
        self._tidy.stop()
        for purse in self._purses.values():
            self._waiting.close(purse)

    def _scoped(self, ask: Ask) -> Hold | Awaitable[Hold]:
        who, now = ask.who, self._clock() // 1000
        if ask.price is None and who.budgets:
            raise BadRequest(
                f"The model {ask.target!r} has no price, and the key {who.name!r} has a budget: state a price for it.",
                code="price_unknown",
                param="model",
            )
        purse = self._purses.get(who.id)
        if purse is None:
            purse = self._purses[who.id] = Purse(who)
        if purse.who is not who or now >= purse.until:
            purse.follow(who, now, self._store, self._meter)
        if not purse.queue:
            hold = self._attempt(purse, ask, now)
            if hold is not None:
                return hold
        else:
            self._refuse(purse, ask)
        return self._waiting.wait(purse, ask)

    def _again(self, purse: Purse, ask: Ask) -> Hold | None:
        """Take room for one who waited."""
        now = self._clock() // 1000
        if now >= purse.until:
            purse.follow(purse.who, now, self._store, self._meter)
        self._tidy.watch(purse)
        return self._attempt(purse, ask, now)

    def _attempt(self, purse: Purse, ask: Ask, now: int) -> Hold | None:
        """Take room for *ask*; ``None`` where more may come. Raise where it cannot."""
        wanted = ask.output_tokens
        nano = worst(ask, wanted)
        tokens = ask.input_tokens + wanted
        for account in purse.accounts:
            if account.free < nano:
                break
        else:
            if purse.meter is None or purse.meter.room() >= tokens:
                return self._take(purse, ask, now, nano, wanted)
        if not purse.known(nano, tokens, self._store.alone):
            return None
        output = purse.fitting(ask)
        if ask.clamp and output >= max(ask.min_output, 1):
            return self._take(purse, ask, now, worst(ask, output), output)
        self._refuse(purse, ask)
        return None

    def _refuse(self, purse: Purse, ask: Ask) -> None:
        """Raise where waiting cannot help: not even with all back that is in flight would there be room."""
        output = least_output(ask)
        least, tokens = worst(ask, output), ask.input_tokens + output
        now, alone = monotonic(), self._store.alone
        for account in purse.accounts:
            if least > account.free + account.held + account.elsewhere and account.known(alone, now):
                raise spent(ask.who, account, least)
        meter = purse.meter
        if meter is not None and meter.room() < tokens and meter.known():
            raise throttled(ask.who, meter, tokens)

    def _take(self, purse: Purse, ask: Ask, now: int, nano: int, output: int) -> Hold:
        accounts, meter, tokens = purse.accounts, purse.meter, ask.input_tokens + output
        taken: Taken = (purse, accounts, meter, purse.periods)
        hold = Hold(ask=ask, nano=nano, tokens=tokens, output_tokens=output, parts=taken, at=now)
        line = opened(hold, purse.periods)
        if not self._journal.append(line):
            if accounts:
                raise Unavailable("Calls under a budget cannot be recorded at the moment.", code="storage_unavailable")
            self._journal.unwritten += 1
        for account in accounts:
            account.free -= nano
            account.held += nano
            account.still = 0
        if meter is not None:
            meter.take(tokens)
        self._journal.open[id(hold)] = (hold, line)
        return hold

    def _settle(self, hold: Hold, nano: int, tokens: int) -> str:
        """Replace a hold by its charge; return the windows whose grants pay."""
        taken: Taken | None = hold.parts
        if taken is None:
            return self._charge_unheld(hold, nano) if nano and hold.ask.who.id in self._purses else ""
        purse, accounts, meter, periods = taken
        for account in accounts:
            account.held -= hold.nano
            account.free += hold.nano - nano
            if account.retired or account.free < 0:
                account.settle_up(self._store)
        if meter is not None:
            meter.give(hold.tokens - tokens)
        if purse.queue:
            purse.freed.set()
        self._tidy.watch(purse)
        return periods

    def _charge_unheld(self, hold: Hold, nano: int) -> str:
        """Charge a call that left before its key had a budget."""
        periods = ""
        for account in self._purses[hold.ask.who.id].accounts:
            if account.scope.start <= hold.at < account.scope.end:
                periods += account.scope.period
                account.free -= nano
                if account.free < 0:
                    account.settle_up(self._store)
        return periods


def opened(hold: Hold, periods: str) -> bytes:
    """Return the line that tells the journal of a hold; see :class:`headgate.ledger.lines.HoldLine`."""
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
            ask.target,
            ask.surface,
            hold.nano,
            hold.tokens,
            ask.price is not None,
            periods,
        )
    )
    return line + b"\n"
