"""The words with which a call is refused for want of money or tokens. A key's holder may see its own amounts."""

from headgate.access.types import Principal
from headgate.core.errors import BudgetSpent, RateLimited
from headgate.core.money import usd
from headgate.ledger.accounts import Account
from headgate.ledger.meters import Meter
from headgate.limits.gcra import SECOND

SPANS = {"day": "per day", "week": "per week", "month": "per month", "total": "in total"}


def spent(who: Principal, account: Account, least: int) -> BudgetSpent:
    """Return the refusal by a budget; *least* is what the call must have."""
    window = account.scope.window
    return BudgetSpent(
        f"The key {who.name!r} may spend {usd(account.cap)} USD {SPANS[window]} and has used {usd(account.used)} USD"
        f"{f', with {usd(account.held)} USD held by calls in flight' if account.held else ''}; "
        f"this call can cost up to {usd(least)} USD.",
        param=f"key.budget.{window}",
    )


def throttled(who: Principal, meter: Meter, tokens: int) -> RateLimited:
    """Return the refusal by tokens per minute; *tokens* is what the call must have."""
    pause, limit = meter.wait(tokens), meter.rule.limit
    message = f"The key {who.name!r} has reached its limit of {limit} tokens per minute; this call needs {tokens}."
    if pause < 0:
        message = f"This call needs up to {tokens} tokens, and the key {who.name!r} has {limit} per minute."
    headers = {
        "retry-after": str(max(-(-pause // SECOND), 1) if pause >= 0 else 60),
        "x-ratelimit-limit-tokens": limit,
        "x-ratelimit-remaining-tokens": str(max(meter.room(), 0)),
        "x-ratelimit-reset-tokens": f"{meter.reset() / SECOND:.3f}s",
    }
    return RateLimited(message, headers=headers)
