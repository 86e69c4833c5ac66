"""The books: holds before dispatch, one end per call. Every instant: spent + held <= cap, in every scope.

Runs on the event loop and needs no lock. A call without budgets costs one line of the journal; a call whose room is
here costs some arithmetic besides; only where the store must be asked, or others must give room back, does it wait.
"""

from collections.abc import Awaitable, Callable
from time import monotonic, time_ns

import msgspec

from headgate.access.types import Budget, Principal
from headgate.core.errors import BadRequest, Unavailable
from headgate.core.record import Record
from headgate.ledger.accounts import NOTHING, Needs, amounts, least_output, worst
from headgate.ledger.grants import GrantStore
from headgate.ledger.journal import Journal
from headgate.ledger.lines import encode, opened
from headgate.ledger.meters import LocalMeter, Meter
from headgate.ledger.purses import Purses
from headgate.ledger.refusals import spent, throttled
from headgate.ledger.tidy import Tidy, cleaned
from headgate.ledger.types import Ask, Hold
from headgate.ledger.waiting import Waiting
from headgate.limits.types import Standing

WAIT_SECONDS = 5.0


def unheard(budget: Budget, used: int) -> None:
    """Tell nobody of a soft budget that was passed."""


class LedgerBooks:
    """:class:`headgate.ledger.types.Books` of one process."""

    def __init__(
        self,
        journal: Journal,
        store: GrantStore,
        *,
        meter: Callable[[str, int], Meter] = lambda scope, limit: LocalMeter(limit),
        clock: Callable[[], int] = time_ns,
        wait_seconds: float = WAIT_SECONDS,
        standing: Standing | None = None,
        on_soft: Callable[[Budget, int], None] = unheard,
    ) -> None:
        """*meter* makes the tokens per minute of a scope; *clock* gives nanoseconds since 1970.

        *on_soft* is told of each soft budget that was passed, with what is used of it, once in each of its windows.
        """
        self.overshoots = 0
        """Charges above their holds."""
        self._journal = journal
        self._store = store
        self._clock = clock
        self._purses = Purses(store, meter, standing or Standing(), on_soft)
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

    def follow(self, standing: Standing) -> None:
        """See :class:`headgate.ledger.types.Books`."""
        self._purses.follow(standing)

    def hold(self, ask: Ask) -> Hold | Awaitable[Hold]:
        """See :class:`headgate.ledger.types.Books`."""
        who = ask.who
        if who.budgets or who.subjects or who.limits.tpm or who.end_user_limits.tpm or self._purses.always:
            needs = self._needs(ask, now := self._clock() // 1000)
            if needs is not NOTHING:
                return self._scoped(ask, needs, now)
        price = ask.price
        wanted = ask.output_tokens
        hold = Hold(
            ask=ask,
            nano=0 if price is None else price.bound(ask.input_tokens, wanted, ask.most),
            tokens=ask.input_tokens + wanted,
            output_tokens=wanted,
            at=self._clock() // 1000,
        )
        line = opened(hold, NOTHING.scopes)
        if not self._journal.append(line):
            self._journal.unwritten += 1
        self._journal.open[id(hold)] = (hold, line)
        return hold

    def used_share(self, who: Principal) -> float | None:
        """See :class:`headgate.ledger.types.Books`."""
        if not who.budgets:
            return None
        purse = self._purses.get(who.id)
        accounts = purse.needs.accounts if purse is not None else ()
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
        passed: tuple[str, ...] = ()
        for hold in holds:
            if self._journal.open.pop(id(hold), None) is None:
                continue  # settled before: a call is charged once, however often it is ended
            ended += 1
            nano = hold.nano if hold.charge_nano is None else hold.charge_nano
            tokens = hold.tokens if hold.charge_tokens is None else hold.charge_tokens
            if nano > hold.nano:
                self.overshoots += 1
            scopes = self._settle(hold, nano, tokens)
            if nano or tokens:
                ask, n = hold.ask, hold.ask.attempt - 1
                billed = record.attempts[n].billed if 0 <= n < len(record.attempts) else record.billed
                who = ask.who
                charges.append((ask.attempt, hold.at, who.id, nano, tokens, billed, ask.target, who.zone, scopes))
                if hold.parts is not None and hold.parts.softs:
                    passed += counted(hold.parts, nano, tokens)
        if holds and not ended:
            return
        if passed:
            record = msgspec.structs.replace(record, passed=passed)
        try:
            line = encode(("e", record.id, ended, charges, record))
        except Exception:  # a value that JSON cannot say: the money counts more than that value
            line = encode(("e", record.id, ended, charges, cleaned(record)))
        self._journal.keep(line + b"\n")

    def close(self) -> None:
        """Refuse who still waits. What is granted goes back when the journal is seen to be closed."""
        self._tidy.stop()
        self._waiting.close()

    def _needs(self, ask: Ask, now: int) -> Needs:
        purse = self._purses.purse(ask, now)
        self._tidy.wake()
        return self._purses.needs(purse, ask, now)

    def _scoped(self, ask: Ask, needs: Needs, now: int) -> Hold | Awaitable[Hold]:
        if ask.price is None and needs.money:
            raise BadRequest(
                f"The model {ask.target!r} has no price, and the {ask.who.kind} {ask.who.name!r} has a budget: "
                "state a price for it.",
                code="price_unknown",
                param="model",
            )
        wanted = ask.output_tokens
        nano, tokens = worst(ask, wanted), ask.input_tokens + wanted
        if grab(needs, nano, tokens, overtake=False):
            return self._held(ask, needs, now, nano, wanted)
        for account in needs.accounts:
            if account.line is not None:
                self._refuse(ask, needs)
                return self._waiting.wait(ask, needs)
        return self._attempt(ask, needs, now) or self._waiting.wait(ask, needs)

    def _again(self, ask: Ask) -> Hold | Needs:
        """Take room for one who waited; return what it lacks where more may come."""
        now = self._clock() // 1000
        needs = self._needs(ask, now)
        return self._attempt(ask, needs, now) or needs

    def _attempt(self, ask: Ask, needs: Needs, now: int) -> Hold | None:
        """Take room for *ask*; ``None`` where more may come. Raise where it cannot."""
        wanted = ask.output_tokens
        nano, tokens = worst(ask, wanted), ask.input_tokens + wanted
        if grab(needs, nano, tokens):
            return self._held(ask, needs, now, nano, wanted)
        if not needs.known(nano, tokens, self._store.alone):
            return None
        output = needs.fitting(ask) if ask.clamp else 0
        if output >= max(ask.min_output, 1):
            nano = worst(ask, output)
            if grab(needs, nano, ask.input_tokens + output):
                return self._held(ask, needs, now, nano, output)
        self._refuse(ask, needs)
        return None

    def _refuse(self, ask: Ask, needs: Needs) -> None:
        """Raise where waiting cannot help: not even with all back that is in flight would there be room."""
        least = amounts(ask, least_output(ask))
        now, alone = monotonic(), self._store.alone
        for account in needs.accounts:
            amount = least[account.tokens]
            if amount > account.free + account.held + account.elsewhere and account.known(alone, now):
                raise spent(ask.who, account, amount)
        for metered in needs.metered:
            if metered.meter.room() < least[1] and metered.meter.known():
                raise throttled(ask.who, metered, least[1])

    def _held(self, ask: Ask, needs: Needs, now: int, nano: int, output: int) -> Hold:
        """Write the intent of a call whose room has been taken."""
        tokens = ask.input_tokens + output
        hold = Hold(ask=ask, nano=nano, tokens=tokens, output_tokens=output, parts=needs, at=now)
        line = opened(hold, needs.scopes)
        if not self._journal.append(line):
            if needs.accounts:
                undo(needs, nano, tokens)
                raise Unavailable("Calls under a budget cannot be recorded at the moment.", code="storage_unavailable")
            self._journal.unwritten += 1
        for soft in needs.softs:
            soft.look()
        self._journal.open[id(hold)] = (hold, line)
        return hold

    def _settle(self, hold: Hold, nano: int, tokens: int) -> msgspec.Raw:
        """Replace a hold by its charge; return the scopes whose grants pay."""
        needs: Needs = hold.parts or NOTHING
        for account in needs.accounts:
            held, charge = (hold.tokens, tokens) if account.tokens else (hold.nano, nano)
            account.held -= held
            account.free += held - charge
            if account.still:  # to look is cheaper than to write
                account.still = 0
            if account.retired or account.free < 0:
                account.settle_up(self._store)
            if account.line is not None:
                account.line.freed.set()
        spare = hold.tokens - tokens
        if needs.local and spare >= 0:
            for local in needs.local:  # LocalMeter.give, written out
                local.tat -= spare * local.rule.cost
        else:
            for meter in needs.meters:
                meter.give(spare)
        if nano or tokens:
            purse = self._purses.get(hold.ask.who.id)
            if purse is not None and purse.needs is not (needs.base or needs):
                return self._charge_later(hold, needs, purse.needs, nano, tokens)
        return needs.scopes

    def _charge_later(self, hold: Hold, needs: Needs, later: Needs, nano: int, tokens: int) -> msgspec.Raw:
        """Charge a call to budgets as well that came after it had left."""
        paid = {(one.scope.id, one.scope.period, one.scope.start) for one in needs.accounts}
        more = tuple(
            one
            for one in later.accounts
            if one.scope.start <= hold.at < one.scope.end
            and (one.scope.id, one.scope.period, one.scope.start) not in paid
        )
        for account in more:
            account.free -= tokens if account.tokens else nano
            if account.free < 0:
                account.settle_up(self._store)
        return Needs(accounts=needs.accounts + more, softs=needs.softs).scopes if more else needs.scopes


def grab(needs: Needs, nano: int, tokens: int, *, overtake: bool = True) -> bool:
    """Take room for a call of that size in all that it must fit into, or in none; return whether there was.

    Without *overtake* there is none where others wait.
    """
    for account in needs.accounts:
        amount = tokens if account.tokens else nano
        if account.free < amount or (account.line is not None and not overtake):
            undo(needs, nano, tokens, account)
            return False
        account.free -= amount
        account.held += amount
        if account.still:
            account.still = 0
    if needs.local:
        now = needs.local[0].clock()
        for local in needs.local:  # LocalMeter.take, written out: its calls would double the cost of a hold
            rule, tat = local.rule, local.tat
            ticks = now * rule.scale
            tat = (tat if tat > ticks else ticks) + tokens * rule.cost
            if tat - ticks > rule.burst:
                undo(needs, nano, tokens, local)
                return False
            local.tat = tat
        return True
    for meter in needs.meters:
        if not meter.take(tokens):
            undo(needs, nano, tokens, meter)
            return False
    return True


def undo(needs: Needs, nano: int, tokens: int, until: object = None) -> None:
    """Give back what was taken, up to what had no room."""
    for account in needs.accounts:
        if account is until:
            return
        amount = tokens if account.tokens else nano
        account.free += amount
        account.held -= amount
    for meter in needs.meters:
        if meter is until:
            return
        meter.give(tokens)


def counted(needs: Needs, nano: int, tokens: int) -> tuple[str, ...]:
    """Count a charge for the soft budgets; return the names of those that were passed with it."""
    return tuple(
        soft.budget.name or soft.scope.id
        for soft in needs.softs
        if soft.charge(tokens if soft.scope.unit == "tokens" else nano)
    )
