"""The words with which a call is refused for want of money or tokens. Amounts are told to those who may see them."""

from headgate.access.reach import reach
from headgate.access.types import Principal
from headgate.core.errors import BudgetSpent, NotNow, RateLimited
from headgate.core.money import usd
from headgate.ledger.accounts import Account, Metered
from headgate.limits.gcra import SECOND

SPANS = {"day": "per day", "week": "per week", "month": "per month", "total": "in total"}
SEES_BUDGETS = "budgets:view"


def spent(who: Principal, account: Account, least: int) -> BudgetSpent:
    """Return the refusal by a budget; *least* is what the call must have."""
    scope, span = account.scope, SPANS[account.scope.window]
    kind, of_kind, _ = scope.id.partition(":")
    own = scope.id == who.id
    place = "key." if own or not of_kind else f"{kind}." if kind != "budget" else ""
    if own:
        name = f"{who.kind} {who.name!r}"
    else:
        name = (account.name or "budget") + (f" of the {kind.replace('_', ' ')}" if of_kind and place else "")
    param = f"{place}budget.{scope.window}"
    if not own and not sees(who):
        return BudgetSpent(f"The {name}, {span}, has no room left for this call.", param=param)
    cap, used, held, needed = (shown(account, each) for each in (account.cap, account.used, account.held, least))
    return BudgetSpent(
        f"The {name} may {'use' if account.tokens else 'spend'} {cap} {span} and has used {used}"
        f"{f', with {held} held by calls in flight' if account.held else ''}; this call can cost up to {needed}.",
        param=param,
    )


def sees(who: Principal) -> bool:
    """Whether *who* may see budgets of others: those of its tenant, or of all."""
    far = reach(who, SEES_BUDGETS)
    return far is not None and (far.tenant or far.platform)


def shown(account: Account, amount: int) -> str:
    """Return an amount of the account's unit."""
    return f"{amount} tokens" if account.tokens else f"{usd(amount)} USD"


def throttled(who: Principal, metered: Metered, tokens: int) -> RateLimited:
    """Return the refusal by tokens per minute; *tokens* is what the call must have."""
    meter, bound = metered.meter, metered.bound
    pause, limit = meter.wait(tokens), meter.rule.limit
    own = f"{limit} " if bound.scope == who.id else ""
    message = f"The {bound.name} has reached its limit of {own}tokens per minute; this call needs {tokens}."
    if pause < 0:
        has = f"has {limit} per minute" if own else "has fewer per minute"
        message = f"This call needs up to {tokens} tokens, and the {bound.name} {has}."
    headers = {
        "retry-after": str(max(-(-pause // SECOND), 1) if pause >= 0 else 60),
        "x-ratelimit-limit-tokens": limit,
        "x-ratelimit-remaining-tokens": str(max(meter.room(), 0)),
        "x-ratelimit-reset-tokens": f"{meter.reset() / SECOND:.3f}s",
    }
    return (NotNow if metered.target else RateLimited)(message, headers=headers)
