"""Every kind of rule, a class each whose fields are its settings; imported when a configuration first names one."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import msgspec

from headgate.alerts.types import Rule

FILES = {
    "error_rate": "tenant.ErrorRate",
    "latency": "tenant.Latency",
    "guardrail_spike": "tenant.GuardrailSpike",
    "budget": "tenant.BudgetSpent",
    "cost_anomaly": "tenant.CostAnomaly",
    "new_error": "tenant.NewError",
    "keys_expiring": "tenant.KeysExpiring",
    "provider_down": "gateway.ProviderDown",
    "breaker_open": "gateway.BreakerOpen",
    "unsettled": "gateway.Unsettled",
    "drops": "gateway.Drops",
    "home": "gateway.Home",
    "certificates": "gateway.Certificates",
}
"""Kind -> file and class."""


class Kinds(Mapping[str, type[Rule]]):
    """Kind -> class; looking one up imports it."""

    def __getitem__(self, kind: str) -> type[Rule]:
        file, _, name = FILES[kind].partition(".")
        found: type[Rule] = getattr(import_module(f"headgate.alerts.{file}"), name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(FILES)

    def __len__(self) -> int:
        return len(FILES)

    def __contains__(self, kind: object) -> bool:
        return kind in FILES


KINDS = Kinds()


def made(entry: Mapping[str, Any]) -> Rule:
    """Return the rule of an entry: its kind, and its settings beside it. Raise ``msgspec.ValidationError``."""
    settings = {name: value for name, value in entry.items() if name != "kind"}
    return msgspec.convert(settings, KINDS[entry["kind"]])


def kind_of(rule: Rule) -> str:
    """Return the kind of *rule*."""
    named = f"{type(rule).__module__.rpartition('.')[2]}.{type(rule).__name__}"
    return next(kind for kind, file in FILES.items() if file == named)
