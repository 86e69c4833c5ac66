"""What is counted of finished calls besides how they went: for :mod:`headgate.observe.metrics`, whose lock is held."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from headgate.core.money import NANO
from headgate.observe.facts import Facts

OTHER = "other"
MAX_CODES, MAX_GUARDRAILS, MAX_TENANTS = 64, 100, 200


class Bounded:
    """Words that may be label values: the first that come, and beyond their bound ``other``."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, word: str) -> str:
        """Return *word*, or what stands for it."""
        if word not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(word)
        return word


class Counts:
    """Counters by label values that are few."""

    def __init__(self) -> None:
        self.code = Bounded(MAX_CODES)
        self._guard = Bounded(MAX_GUARDRAILS)
        self._tenant = Bounded(MAX_TENANTS)
        self._attempts: Counter[tuple[str, str, str]] = Counter()
        self._errors: Counter[tuple[str]] = Counter()
        self._verdicts: Counter[tuple[str, str, str]] = Counter()
        self._tenants: Counter[tuple[str, str]] = Counter()
        self._tokens: Counter[tuple[str, str]] = Counter()
        self._nano: Counter[tuple[str]] = Counter()

    def add(
        self,
        calls: Sequence[Facts],
        used: Sequence[int],
        provider: Callable[[str], str],
        model: Callable[[str], str],
    ) -> None:
        """Count *calls* of the same names, which *used* so many tokens, those of prompts and of answers first.

        *provider* and *model* return what stands for a name.
        """
        first, count = calls[0], len(calls)
        for tried in first.attempts:
            key = (provider(tried.provider), model(f"{tried.provider}/{tried.model}"), self.code(tried.outcome))
            self._attempts[key] += count
        if first.code is not None:
            self._errors[self.code(first.code),] += count
        for did in first.guardrails:
            self._verdicts[self._guard(did.guardrail), did.act, "shadow" if did.shadow else "enforced"] += count
        tenant = self._tenant(first.tenant_id)
        self._tenants[tenant, first.status] += count
        if any(used[:2]):
            self._tokens[tenant, "input"] += used[0]
            self._tokens[tenant, "output"] += used[1]
        if nano := sum([facts.cost_nano or 0 for facts in calls]):
            self._nano[tenant,] += nano

    def families(self) -> Iterable[tuple[str, str, tuple[str, ...], Mapping[Any, float]]]:
        """Yield each family: its name, what it says, its labels, and the counts by their values."""
        words = "Calls to deployments, by how each ended: ok, or the code of what failed."
        yield "attempts_total", words, ("provider", "model", "outcome"), self._attempts
        yield "errors_total", "Calls that ended with an error, by its code.", ("code",), self._errors
        yield "guardrails_total", "What guardrails did.", ("guardrail", "act", "mode"), self._verdicts
        yield "tenant_requests_total", "Finished calls by tenant.", ("tenant", "status"), self._tenants
        yield "tenant_tokens_total", "Tokens by tenant.", ("tenant", "kind"), self._tokens
        cost = {key: nano / NANO for key, nano in self._nano.items()}
        yield "tenant_cost_usd_total", "Cost by tenant in US dollars.", ("tenant",), cost
