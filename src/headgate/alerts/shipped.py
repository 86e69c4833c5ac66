"""Rules that are shipped. They tell the dashboard alone; a rule of the same name, in the file, takes one's place."""

from collections.abc import Iterable, Mapping
from typing import Any

from headgate.alerts.gateway import BreakerOpen, Certificates, Drops, Home, ProviderDown, Unsettled
from headgate.alerts.kinds import made
from headgate.alerts.tenant import BudgetSpent, CostAnomaly, ErrorRate, GuardrailSpike, KeysExpiring, NewError
from headgate.alerts.types import Rule
from headgate.alerts.watch import InForce

SHIPPED: dict[str, Rule] = {
    "calls-fail": ErrorRate(above=0.2, calls=50, after=120),
    "provider-down": ProviderDown(after=60, severity="critical"),
    "breaker-open": BreakerOpen(after=300),
    "budget-80": BudgetSpent(share=0.8, severity="info", repeat=0),
    "budget-spent": BudgetSpent(share=1, repeat=0),
    "guardrail-spike": GuardrailSpike(),
    "cost-anomaly": CostAnomaly(),
    "new-error": NewError(calls=10, severity="info", repeat=0),
    "unsettled": Unsettled(),
    "drops": Drops(),
    "home": Home(after=60, severity="critical"),
    "keys-expiring": KeysExpiring(severity="info"),
    "certificates": Certificates(),
}


Entries = Mapping[str, Mapping[str, Any]]


def in_force(shared: Entries, own: Mapping[str, Entries], channels: Iterable[str]) -> InForce:
    """Return the rules that checked entries of the configuration come to: what all tenants share, and each its own."""
    return InForce(
        {**SHIPPED, **_made(shared)}, {tenant: _made(entries) for tenant, entries in own.items()}, frozenset(channels)
    )


def _made(entries: Entries) -> dict[str, Rule]:
    return {name: made(entry) for name, entry in entries.items()}
