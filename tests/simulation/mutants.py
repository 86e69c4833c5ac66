"""A dozen bugs, each of a kind that such programs have had: planted one at a time, every one must be found."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

from headgate.core.call import Call
from headgate.ledger.accounts import Account, Needs
from headgate.ledger.books import LedgerBooks
from headgate.ledger.purses import Purses
from headgate.limits.gate import FREE, LocalGate, Taken
from headgate.pipeline import charge, once, settle
from headgate.routing.health import Health

Mutant = Callable[[], AbstractContextManager[Any]]


def hold_kept_after_a_try_that_cost_nothing() -> AbstractContextManager[Any]:
    return patch.object(charge, "owe_nothing", lambda call, parts, hold: None)


def slot_kept_after_the_call() -> AbstractContextManager[Any]:
    return patch.object(Taken, "release", lambda self: None)


@contextmanager
def settled_twice() -> Iterator[None]:
    end = LedgerBooks.end

    def twice(self: LedgerBooks, record: Any, holds: Any) -> None:
        kept = dict(self._journal.open)
        end(self, record, holds)
        self._journal.open.update({key: value for key, value in kept.items() if key in {id(hold) for hold in holds}})
        end(self, record, holds)

    with patch.object(LedgerBooks, "end", twice):
        yield


@contextmanager
def charged_to_the_window_of_its_end() -> Iterator[None]:
    end = LedgerBooks.end

    def late(self: LedgerBooks, record: Any, holds: Any) -> None:
        for hold in holds:
            hold.at = self._clock() // 1000
        end(self, record, holds)

    with patch.object(LedgerBooks, "end", late):
        yield


@contextmanager
def grant_returned_twice() -> Iterator[None]:
    settle_up = Account.settle_up

    def twice(self: Account, store: Any) -> None:
        if self.free > 0:
            store.give(self.scope, self.free)
        settle_up(self, store)

    with patch.object(Account, "settle_up", twice):
        yield


@contextmanager
def clamp_not_told_to_the_provider() -> Iterator[None]:
    write = once.write_body

    def whole(call: Call, target: Any, hold: Any) -> bytes:
        hold.output_tokens = hold.ask.output_tokens
        return write(call, target, hold)

    with patch.object(once, "write_body", whole):
        yield


@contextmanager
def only_the_first_scope_is_held() -> Iterator[None]:
    needs = Purses._needs

    def fewer(self: Purses, *given: Any, **more: Any) -> Needs:
        found = needs(self, *given, **more)
        return Needs(accounts=found.accounts[:1], metered=found.metered, softs=found.softs, base=found.base)

    with patch.object(Purses, "_needs", fewer):
        yield


@contextmanager
def refusals_use_up_the_limits_before_the_one_that_refuses() -> Iterator[None]:
    take = LocalGate._take

    def greedy(self: LocalGate, who: Any, scopes: Any) -> Any:
        try:
            return take(self, who, scopes)
        except Exception:
            for scope in scopes[:1]:
                if scope.rpm is not None:
                    scope.rpm_tat = max(scope.rpm_tat, self._clock() * scope.rpm.scale) + scope.rpm.cost
                if scope.rps is not None:
                    scope.rps_tat = max(scope.rps_tat, self._clock() * scope.rps.scale) + scope.rps.cost
            raise

    with patch.object(LocalGate, "_take", greedy):
        yield


@contextmanager
def the_dead_owe_nothing() -> Iterator[None]:
    with patch("tests.simulation.stores.interrupted", lambda holds: []):
        yield


def told_to_wait_and_asked_again() -> AbstractContextManager[Any]:
    return patch.object(Health, "failed", lambda *_, **__: None)


@contextmanager
def cost_rounded_up_for_every_call() -> Iterator[None]:
    owe = settle.owe_usage

    def more(call: Any, attempt: Any, hold: Any, usage: Any, *, estimated: bool = False) -> None:
        owe(call, attempt, hold, usage, estimated=estimated)
        hold.charge_nano = min(-(-hold.charge_nano // 1_000_000) * 1_000_000, hold.nano)

    with patch("headgate.pipeline.relay.owe_usage", more):
        yield


@contextmanager
def a_limit_of_a_model_is_for_each_caller() -> Iterator[None]:
    with patch.object(LocalGate, "enter", lambda self, target: FREE):
        yield


MUTANTS: tuple[Mutant, ...] = (
    hold_kept_after_a_try_that_cost_nothing,
    slot_kept_after_the_call,
    settled_twice,
    charged_to_the_window_of_its_end,
    grant_returned_twice,
    clamp_not_told_to_the_provider,
    only_the_first_scope_is_held,
    refusals_use_up_the_limits_before_the_one_that_refuses,
    the_dead_owe_nothing,
    told_to_wait_and_asked_again,
    cost_rounded_up_for_every_call,
    a_limit_of_a_model_is_for_each_caller,
)
