"""The registry: what is known of a model, from the configuration first, then from the data shipped with the package."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from headgate.core.money import Price, per_million
from headgate.dialects.base import Abilities
from headgate.models.table import Model, models, tables
from headgate.providers.base import PriceConfig, Provider, ProviderConfig, Target, Timeouts
from headgate.providers.catalog import row

UNKNOWN = Model("")


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One ``models:`` entry of the configuration, under its ``provider/model`` name.

    A field left out takes what the shipped data says of that model.
    """

    price: PriceConfig | None = None
    context: int | None = None
    """The longest prompt it takes, in tokens."""
    max_output: int | None = None
    """The most tokens one answer can have."""
    reasoning: bool | None = None
    """True for a model that thinks before it answers: its time limits are longer."""
    timeouts: Timeouts = Timeouts()
    max_tokens_field: str | None = None
    """``max_tokens`` or ``max_completion_tokens``: the name the server knows the output limit by."""


class Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model that can be asked for. Prices are pico-dollars a token; ``None`` is unpriced."""

    id: str
    owned_by: str
    """The provider's name."""
    kind: str
    created: int
    """Seconds since 1970: the day of the data, as vendors' release days are not known."""
    context: int | None = None
    max_output: int | None = None
    price: Price | None = None


class Registry:
    """What is known of models. Immutable: a new configuration makes a new one."""

    def __init__(
        self, configured: Mapping[str, ModelConfig] | None = None, providers: Mapping[str, ProviderConfig] | None = None
    ) -> None:
        """*configured* is by ``provider/model``, *providers* by name; both as the configuration has them."""
        self._configured = configured or {}
        self._providers = providers or {}

    def target(self, provider: Provider, model: str) -> Target:
        """Return the deployment of *model* at *provider*; one that is listed nowhere has the provider's defaults."""
        name = f"{provider.name}/{model}"
        ours = self._configured.get(name) or ModelConfig()
        known = self._known(provider.kind, model)
        account = self._providers.get(provider.name)
        usual = row(provider.kind)
        reasons = known.reasoning if ours.reasoning is None else ours.reasoning
        max_output = ours.max_output or known.max_output
        stream_usage = None if account is None else account.stream_usage
        return Target(
            provider=provider,
            model=model,
            name=name,
            price=self._price(provider, ours, known),
            context=ours.context or known.context,
            max_output=max_output,
            abilities=Abilities(
                model=model,
                name=name,
                max_output=max_output,
                reasoning=reasons or (known.effort and ours.reasoning is None),
                stream_usage=usual.stream_usage if stream_usage is None else stream_usage,
                max_tokens_field=ours.max_tokens_field or usual.max_tokens_field,
                kind=provider.kind,
            ),
            timeouts=_first(ours.timeouts, account.timeouts if account else Timeouts(), usual.timeouts),
            reasoning=reasons,
        )

    def bare_names(self, usable: Iterable[Provider]) -> dict[str, tuple[str, ...]]:
        """Return every model's name without its provider -> its full names at the *usable* providers."""
        found: dict[str, dict[str, None]] = {}
        for provider in usable:
            for model in self._models_of(provider):
                found.setdefault(model, {})[f"{provider.name}/{model}"] = None
        return {name: tuple(full) for name, full in found.items()}

    def listing(self, usable: Iterable[Provider]) -> list[Listed]:
        """Return every model that is known at the *usable* providers, by name. Others can be asked for all the same."""
        created = _seconds(max(table.date for table in tables()))
        found = []
        for provider in usable:
            for model in self._models_of(provider):
                at = self.target(provider, model)
                kind = self._known(provider.kind, model).kind
                found.append(Listed(at.name, provider.name, kind, created, at.context, at.max_output, at.price))
        return sorted(found, key=lambda listed: listed.id)

    def _models_of(self, provider: Provider) -> list[str]:
        """Return the provider's own names of its known models, each once."""
        shipped = [name.partition("/")[2] for name in models() if name.partition("/")[0] == provider.kind]
        written = [name.partition("/")[2] for name in self._configured if name.partition("/")[0] == provider.name]
        return list(dict.fromkeys(shipped + written))

    def _known(self, kind: str, model: str) -> Model:
        return models().get(f"{kind}/{model}", UNKNOWN)

    def _price(self, provider: Provider, ours: ModelConfig, known: Model) -> Price | None:
        """Return the price the configuration has for the model, else the data's, else the whole provider's."""
        if ours.price is not None:
            return price(ours.price)
        if known.input is not None:
            return price(PriceConfig(known.input, known.output or 0.0, known.cached, known.cache_write))
        account = self._providers.get(provider.name)
        whole = account.price if account is not None and account.price is not None else row(provider.kind).price
        return None if whole is None else price(whole)


def price(config: PriceConfig) -> Price:
    """Return a price in pico-dollars a token (and a request) for one in USD per million tokens (and a request)."""
    return Price(
        input=per_million(config.input),
        output=per_million(config.output),
        cached=None if config.cached is None else per_million(config.cached),
        cache_write=None if config.cache_write is None else per_million(config.cache_write),
        request=per_million(config.request) * 10**6,
    )


def _first(*layers: Timeouts) -> Timeouts:
    """Return each time limit from the first layer that has it."""
    values: dict[str, Any] = {}
    for name in Timeouts.__struct_fields__:
        values[name] = next((value for layer in layers if (value := getattr(layer, name)) is not None), None)
    return Timeouts(**values)


def _seconds(date: str) -> int:
    return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp())
