"""What each caller's calls must fit into, looked up once and kept while nothing of it changes.

Accounts and meters belong to scopes: all callers of a team share the one of its budget. A purse is one caller's view.
"""

from collections.abc import Callable

import msgspec

from headgate.access.types import Budget, Limits, Principal, SubjectKind, Unit, Window
from headgate.core.errors import Unavailable
from headgate.ledger.accounts import NOTHING, Account, Metered, Needs
from headgate.ledger.balances import Scope
from headgate.ledger.grants import GrantStore
from headgate.ledger.meters import Meter
from headgate.ledger.soft import OnSoft, Soft
from headgate.ledger.types import Ask
from headgate.ledger.windows import FOR_EVER, Calendar
from headgate.limits.bound import Bound, bound_at, bound_by, bound_for
from headgate.limits.types import Standing

CALLED: tuple[SubjectKind, ...] = ("end_user", "tag", "model", "provider")
"""Kinds of subject that only a call settles."""
MAX_FOUND = 64
"""Combinations of end user, tags and target remembered for a caller."""
MAX_ACCOUNTS = 500_000

Question = tuple[str | None, tuple[str, ...], str]
"""End user, tags and target of a call."""


class Purse(msgspec.Struct, gc=False, eq=False):
    """One caller's budgets and tokens per minute."""

    who: Principal
    needs: Needs
    """What every call of the caller must fit into."""
    until: int = 0
    """Microseconds since 1970: the end of the first window to end."""
    epoch: int = -1
    still: int = 0
    """Rounds of housekeeping in which nobody has used it."""
    dynamic: tuple[Budget, ...] = ()
    """Budgets of which it depends on the call whether, or under what name, they bind it."""
    metered: bool = False
    """Its end users, or models and providers, have tokens per minute."""
    found: dict[Question, Needs] = msgspec.field(default_factory=dict)
    """What its calls that differ in these must fit into."""


class Purses:
    """Purses by caller, accounts and meters by scope."""

    def __init__(
        self, store: GrantStore, meter: Callable[[str, int], Meter], standing: Standing, on_soft: OnSoft
    ) -> None:
        """*meter* makes the tokens per minute of a scope."""
        self.accounts: dict[tuple[Scope, int], Account] = {}
        self.meters: dict[str, Meter] = {}
        self.softs: dict[tuple[Scope, int], Soft] = {}
        self.epoch = 0
        """Grows when an account or a meter was taken away: purses from before are looked up again."""
        self.on_soft = on_soft
        self._purses: dict[str, Purse] = {}
        self._store = store
        self._meter = meter
        self._calendar = Calendar()
        self.follow(standing)

    def follow(self, standing: Standing) -> None:
        """Take over changed limits of the configuration."""
        self.standing = standing
        self.targets = any(one.tpm for one in (*standing.models.values(), *standing.providers.values()))
        """Models or providers have tokens per minute."""
        general = (standing.installation, standing.user, standing.end_user)
        self.always = self.targets or any(one.tpm for one in general)
        """Tokens per minute may bind even a caller that has no limits of its own."""
        self.epoch += 1

    def get(self, who_id: str) -> Purse | None:
        """Return the purse of a caller, as it was when last used."""
        return self._purses.get(who_id)

    def purse(self, ask: Ask, now: int) -> Purse:
        """Return the purse of the caller of *ask* at *now*, up to date with its budgets, limits and the calendar."""
        who = ask.who
        purse = self._purses.get(who.id)
        if purse is None:
            purse = self._purses[who.id] = Purse(who, NOTHING)
        if purse.who is not who and ask.attempt > 1:
            who = purse.who  # a call that began before its caller changed does not undo the change
        if purse.who is not who or purse.epoch != self.epoch or now >= purse.until:
            self._bring(purse, who, now)
        purse.still = 0
        return purse

    def needs(self, purse: Purse, ask: Ask, now: int) -> Needs:
        """Return all that *ask* must fit into."""
        if not purse.dynamic and not purse.metered:
            return purse.needs
        question = (ask.end_user, ask.tags, ask.target)
        found = purse.found.get(question)
        if found is None:
            if len(purse.found) >= MAX_FOUND:
                purse.found.clear()
            found = self._needs(purse.who, purse.dynamic, now, ask, purse.needs)
            found = purse.found[question] = purse.needs if found.same(purse.needs) else found
        return found

    def retire(self, account: Account) -> None:
        """Take an account away: its free room goes back to the store, and so will what is held of it."""
        if not account.retired:
            account.retired = True
            account.settle_up(self._store)
            self.accounts.pop((account.scope, account.cap), None)
            self.epoch += 1

    def forget(self, one: Purse | Soft) -> None:
        """Take a purse, or a soft budget, away that nobody has used for a while."""
        if isinstance(one, Purse):
            self._purses.pop(one.who.id, None)
        else:
            self.softs.pop((one.scope, one.budget.amount), None)
            self.epoch += 1

    def drop(self, scope: str) -> None:
        """Take away tokens per minute of which nothing is used."""
        self.meters.pop(scope, None)
        self.epoch += 1

    @property
    def empty(self) -> bool:
        """Whether nothing is known of anybody."""
        return not (self.accounts or self.meters or self.softs or self._purses)

    def all(self) -> list[Purse]:
        """Return all purses."""
        return list(self._purses.values())

    def _bring(self, purse: Purse, who: Principal, now: int) -> None:
        old = {account for needs in (purse.needs, *purse.found.values()) for account in needs.accounts}
        budgets = [one for one in who.budgets if _settled(who, one)]
        static = tuple(one for one in budgets if not one.each and all(kind not in CALLED for kind, _ in one.when))
        windows = [self._calendar.bounds(one.window, now, who.zone)[1] for one in budgets]
        purse.until = min(windows, default=FOR_EVER)
        if purse.who is not who:
            kept = {(one.scope or who.id, one.window, one.unit, one.amount) for one in budgets}
            old = {a for a in old if not _kept(a, kept)}
        else:
            old = {account for account in old if account.scope.end <= now}
        purse.who = who
        for account in old:
            self.retire(account)
        needs = self._needs(who, static, now)
        if not needs.same(purse.needs):
            purse.needs = needs if needs.accounts or needs.metered or needs.softs else NOTHING
        purse.dynamic = tuple(one for one in budgets if one not in static)
        purse.metered = self.targets or who.end_user_limits.tpm is not None or self.standing.end_user.tpm is not None
        purse.found = {}
        purse.epoch = self.epoch

    def _needs(
        self, who: Principal, budgets: tuple[Budget, ...], now: int, ask: Ask | None = None, base: Needs = NOTHING
    ) -> Needs:
        """Return accounts, meters and soft budgets: those of every call, or with *ask* those of that call besides."""
        caps: dict[Scope, tuple[int, str]] = {one.scope: (one.cap, one.name) for one in base.accounts}
        softs = dict.fromkeys(base.softs)
        for budget in budgets:
            for value in _values(budget, ask):
                scope = self._scope(who, budget, value, now)
                if not budget.hard:
                    softs[self._soft(budget, scope)] = None
                elif scope not in caps or budget.amount < caps[scope][0]:
                    caps[scope] = (budget.amount, budget.name)
        accounts = tuple(self._account(scope, cap, name) for scope, (cap, name) in caps.items())
        metered = base.metered + (
            self._metered(bound_by(who, self.standing)) if ask is None else self._called(who, ask)
        )
        return Needs(accounts=accounts, metered=metered, softs=tuple(softs), base=None if ask is None else base)

    def _scope(self, who: Principal, budget: Budget, value: str, now: int) -> Scope:
        id = budget.scope or who.id
        when: tuple[tuple[str, str], ...] = budget.when
        if budget.each:
            id, when = f"{id}:{value}", (*when, (budget.each, value))
        start, end = self._calendar.bounds(budget.window, now, who.zone)
        return Scope(id, budget.window, start, end, budget.unit, who.tenant_id, who.zone, when)

    def _account(self, scope: Scope, cap: int, name: str) -> Account:
        account = self.accounts.get((scope, cap))
        if account is None:
            if len(self.accounts) >= MAX_ACCOUNTS:
                raise Unavailable("Too many budgets are in use at once.", code="storage_unavailable")
            account = self.accounts[scope, cap] = Account(scope=scope, cap=cap, name=name)
        return account

    def _soft(self, budget: Budget, scope: Scope) -> Soft:
        soft = self.softs.get((scope, budget.amount))
        if soft is None:
            soft = self.softs[scope, budget.amount] = Soft(budget, scope, self._store, self._passed)
        return soft

    def _passed(self, budget: Budget, used: int) -> None:
        self.on_soft(budget, used)

    def _called(self, who: Principal, ask: Ask) -> tuple[Metered, ...]:
        """Return the tokens per minute of the call's end user, provider and model."""
        bound = bound_for(who, ask.end_user, self.standing) if ask.end_user is not None else None
        at = self._metered(bound_at(ask.target, self.standing), target=True)
        return self._metered([bound] if bound is not None else []) + at

    def _metered(self, bounds: list[Bound], *, target: bool = False) -> tuple[Metered, ...]:
        return tuple(Metered(one, self._known(one.scope, one.limits), target) for one in bounds if one.limits.tpm)

    def _known(self, scope: str, limits: Limits) -> Meter:
        meter, limit = self.meters.get(scope), limits.tpm or 0
        if meter is None:
            meter = self.meters[scope] = self._meter(scope, limit)
        elif meter.limit != limit:
            meter.follow(limit)
        return meter


def binding(who: Principal, ask: Ask | None) -> list[tuple[Budget, str]]:
    """Return the budgets that bind *ask*, or without it every call of *who*, with what their spending is kept under."""
    return [
        (budget, f"{budget.scope or who.id}:{value}" if budget.each else budget.scope or who.id)
        for budget in who.budgets
        if _settled(who, budget)
        and (ask is not None or not (budget.each or any(kind in CALLED for kind, _ in budget.when)))
        for value in _values(budget, ask)
    ]


def _settled(who: Principal, budget: Budget) -> bool:
    """Whether *budget* may bind calls of *who*, as far as the caller settles it."""
    for kind, value in budget.when:
        if kind not in CALLED and kind != "installation":
            own = who.id if kind == "key" else getattr(who, f"{kind}_id", None)
            if own != value:
                return False
    return True


def _values(budget: Budget, ask: Ask | None) -> tuple[str, ...]:
    """Return for which values of its ``each`` a budget binds a call; one empty value where it has none."""
    if ask is None:
        return ("",)
    told = {"end_user": (ask.end_user,), "tag": ask.tags, "model": (ask.target,)}
    told["provider"] = (ask.target.partition("/")[0],)
    for kind, value in budget.when:
        if kind in CALLED and value not in told[kind]:
            return ()
    return tuple(one for one in told[budget.each] if one is not None) if budget.each else ("",)


def _kept(account: Account, kept: set[tuple[str, Window, Unit, int]]) -> bool:
    """Whether one of the budgets in *kept* is still the account's."""
    id, scope = account.scope.id, account.scope
    return any(
        (scope.window, scope.unit, account.cap) == (window, unit, amount) and (id == own or id.startswith(f"{own}:"))
        for own, window, unit, amount in kept
    )
