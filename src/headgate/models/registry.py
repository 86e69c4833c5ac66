"""The registry: what is known of a model, by the configuration first, then by the provider itself, then by data."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from headgate.dialects.base import Abilities, Profile
from headgate.models.config import ModelConfig
from headgate.models.facts import compliance, cutoff, use_cases
from headgate.models.layers import UNKNOWN, Known, can, profile, reasons
from headgate.models.price import price
from headgate.models.profiles import ruled
from headgate.models.table import Status, Tables
from headgate.providers.base import Capacity, PriceConfig, Provider, ProviderConfig, Target, Timeouts
from headgate.providers.catalog import row
from headgate.providers.discovery import Learned

BASES = frozenset(("azure",))
"""Kinds that list what could be deployed, and not what can be called."""


class Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model that can be asked for."""

    id: str
    owned_by: str
    """The provider's name."""
    kind: str
    created: int
    """Seconds since 1970: the day that the name gives, else that of the data."""
    context: int | None = None
    max_output: int | None = None
    capabilities: tuple[str, ...] = ()
    """What it can do, its kind first."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the registry knows of one model."""

    id: str
    """``provider/model``; ``kind/model`` for one that no provider in force has."""
    provider: str
    kind: str
    version: str | None
    status: Status
    released: str | None
    retires: str | None
    cutoff: str | None
    context: int | None
    max_output: int | None
    dimensions: int | None
    capabilities: tuple[str, ...]
    use_cases: tuple[str, ...]
    regions: tuple[str, ...]
    compliance: tuple[str, ...]
    price: PriceConfig | None
    """``None`` where none is known: never nothing."""
    profile: Profile
    reasoning: bool
    usable: bool
    source: str


class Registry:
    """What is known of models. Immutable: a new configuration, or a discovery, makes a new one."""

    def __init__(
        self,
        configured: Mapping[str, ModelConfig] | None = None,
        providers: Mapping[str, ProviderConfig] | None = None,
        tables: Tables | None = None,
        discovered: Mapping[str, Mapping[str, Learned]] | None = None,
    ) -> None:
        """*configured* is by ``provider/model``, *providers* and *discovered* by provider; *tables* are the data."""
        self.tables = tables or Tables()
        self._configured = configured or {}
        self._providers = providers or {}
        self._discovered = discovered or {}
        self._today = datetime.now(UTC).strftime("%Y-%m-%d")

    def target(self, provider: Provider, model: str) -> Target:
        """Return the deployment of *model* at *provider*; one that is listed nowhere has the provider's defaults."""
        known = self._known(provider.name, provider.kind, model)
        ours, learned = known.ours, known.learned
        account = self._providers.get(provider.name)
        usual = row(provider.kind)
        rules = ruled(known.kind, known.name)
        thinks = reasons(known, rules)
        max_output = ours.max_output or learned.max_output or known.model.max_output
        stream_usage = None if account is None else account.stream_usage
        states_cost = None if account is None else account.states_cost
        name = f"{provider.name}/{model}"
        config = self._price(provider.name, provider.kind, known)
        return Target(
            provider=provider,
            model=model,
            name=name,
            price=None if config is None else price(config),
            context=ours.context or learned.context or known.model.context,
            max_output=max_output,
            abilities=Abilities(
                model=model,
                name=name,
                max_output=max_output,
                context=ours.context,
                reasoning=thinks or ("reasoning" in can(known) and ours.reasoning is None),
                stream_usage=usual.stream_usage if stream_usage is None else stream_usage,
                max_tokens_field=ours.max_tokens_field or rules.max_tokens_field or usual.max_tokens_field,
                kind=provider.kind,
                profile=profile(known, rules),
            ),
            timeouts=_first(ours.timeouts, account.timeouts if account else Timeouts(), usual.timeouts),
            reasoning=thinks,
            capabilities=None
            if known.model is UNKNOWN and ours.capabilities is None
            else (known.model.kind, *can(known)),
            capacity=(
                *_capacity(name, ours.concurrency),
                *_capacity(provider.name, account.concurrency if account else None),
            ),
            states_cost=usual.states_cost if states_cost is None else states_cost,
        )

    def places(self, provider: Provider, model: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """Return the regions, the compliance programmes and the use cases of *model* at *provider*."""
        entry = self._entry(provider.name, provider.kind, model, usable=True)
        account = self._providers.get(provider.name)
        regions = (account.region,) if account is not None and account.region else entry.regions
        return frozenset(regions), frozenset(entry.compliance), frozenset(entry.use_cases)

    def bare_names(self, usable: Iterable[Provider]) -> dict[str, tuple[str, ...]]:
        """Return every model's name without its provider -> its full names at the *usable* providers."""
        found: dict[str, dict[str, None]] = {}
        for provider in usable:
            for model in self._models_of(provider.name, provider.kind):
                found.setdefault(model, {})[f"{provider.name}/{model}"] = None
        return {name: tuple(full) for name, full in found.items()}

    def listing(self, usable: Iterable[Provider]) -> list[Listed]:
        """Return every model that is known and offered at the *usable* providers, by name.

        What a provider was seen to have stands for what the data says of it. Others can be asked for all the same.
        """
        found = []
        for provider in usable:
            made = self.tables.of(provider.kind).date
            for model in self._models_of(provider.name, provider.kind):
                known = self._known(provider.name, provider.kind, model)
                if self._status(known) == "deprecated":
                    continue
                found.append(
                    Listed(
                        id=f"{provider.name}/{model}",
                        owned_by=provider.name,
                        kind=known.model.kind,
                        created=_seconds(known.model.released or made),
                        context=known.ours.context or known.learned.context or known.model.context,
                        max_output=known.ours.max_output or known.learned.max_output or known.model.max_output,
                        capabilities=(known.model.kind, *can(known)),
                    )
                )
        return sorted(found, key=lambda listed: listed.id)

    def entries(self, usable: Mapping[str, str] | None = None) -> Iterator[Entry]:
        """Yield all that is known: the models of the *usable* providers (name -> kind), then those of every other kind.

        Takes some milliseconds for each thousand of models: not for the request path.
        """
        usable = usable or {}
        for name, kind in usable.items():
            for model in self._models_of(name, kind):
                yield self._entry(name, kind, model, usable=True)
        for kind in self.tables.kinds():
            if kind not in usable.values():
                for listed in self.tables.of(kind).models:
                    yield self._entry(kind, kind, listed.name, usable=False)

    def _entry(self, provider: str, kind: str, model: str, *, usable: bool) -> Entry:
        known = self._known(provider, kind, model)
        ours, learned, shipped = known.ours, known.learned, known.model
        rules = ruled(known.kind, known.name)
        thinks = reasons(known, rules)
        return Entry(
            id=f"{provider}/{model}",
            provider=provider,
            kind=shipped.kind,
            version=shipped.version,
            status=self._status(known),
            released=shipped.released,
            retires=shipped.retires,
            cutoff=cutoff(known.name),
            context=ours.context or learned.context or shipped.context,
            max_output=ours.max_output or learned.max_output or shipped.max_output,
            dimensions=shipped.dimensions,
            capabilities=(shipped.kind, *can(known)),
            use_cases=tuple(ours.use_cases) if ours.use_cases is not None else use_cases(shipped, reasons=thinks),
            regions=tuple(ours.regions) if ours.regions is not None else shipped.regions,
            compliance=tuple(ours.compliance) if ours.compliance is not None else compliance(kind),
            price=self._price(provider, kind, known),
            profile=profile(known, rules),
            reasoning=thinks,
            usable=usable,
            source="the configuration" if shipped is UNKNOWN else self.tables.of(known.kind).source_of(shipped),
        )

    def _known(self, provider: str, kind: str, model: str) -> Known:
        ours = self._configured.get(f"{provider}/{model}") or ModelConfig()
        name = model
        if ours.base is not None:
            kind, _, name = ours.base.partition("/")
        learned = self._discovered.get(provider, {}).get(model) or Learned()
        return Known(ours, learned, self.tables.of(kind).find(name) or UNKNOWN, kind, name)

    def _models_of(self, provider: str, kind: str) -> list[str]:
        """Return the provider's own names of its known models, each once."""
        seen = None if kind in BASES else self._discovered.get(provider)
        names = seen if seen else (model.name for model in self.tables.of(kind).models)
        start = f"{provider}/"
        written = (name.removeprefix(start) for name in self._configured if name.startswith(start))
        return list(dict.fromkeys((*names, *written)))

    def _status(self, known: Known) -> Status:
        return known.ours.status or known.model.status(self._today)

    def _price(self, provider: str, kind: str, known: Known) -> PriceConfig | None:
        """Return the price the configuration has for the model, else the data's, else the whole provider's."""
        found = known.ours.price or known.model.price
        if found is not None:
            return found
        account = self._providers.get(provider)
        return account.price if account is not None and account.price is not None else row(kind).price


def _first(*layers: Timeouts) -> Timeouts:
    """Return each time limit from the first layer that has it."""
    values: dict[str, Any] = {}
    for name in Timeouts.__struct_fields__:
        values[name] = next((value for layer in layers if (value := getattr(layer, name)) is not None), None)
    return Timeouts(**values)


def _seconds(date: str) -> int:
    return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp())


def _capacity(name: str, stated: int | Capacity | None) -> tuple[tuple[str, Capacity], ...]:
    if stated is None:
        return ()
    return ((name, Capacity(stated) if isinstance(stated, int) else stated),)
