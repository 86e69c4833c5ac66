"""The registry: what is known of a model, by the configuration first, then by the provider itself, then by data."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from headgate.dialects.base import PLAIN, Abilities, Profile
from headgate.models.facts import compliance, cutoff, use_cases
from headgate.models.price import price
from headgate.models.profiles import Ruled, ruled
from headgate.models.table import Model, Status, Tables
from headgate.providers.base import Capacity, PriceConfig, Provider, ProviderConfig, Target, Timeouts
from headgate.providers.catalog import row
from headgate.providers.discovery import Learned

UNKNOWN = Model("")
PREFILL = {"vllm": "continue", "sandbox": "message"}
"""How every model of a kind goes on from the beginning of an answer."""
PREFIXED = {"mistral": "prefix", "deepseek": "never"}
"""How those do of which the data says that they can, where a last message is not enough:
<https://docs.mistral.ai/guides/prefix>, <https://api-docs.deepseek.com/guides/chat_prefix_completion>."""
BASES = frozenset(("azure",))
"""Kinds that list what could be deployed, and not what can be called."""


class ProfileConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the model does with parameters, where that is not what the shipped rules say."""

    sampling: bool | None = None
    """Off where ``temperature``, ``top_p`` and ``top_k`` are refused."""
    penalties: bool | None = None
    stop: bool | None = None
    efforts: list[str] | None = None
    """The reasoning efforts it takes, weakest first."""
    thinking: list[str] | None = None
    """How it may be told to think: ``adaptive``, ``enabled``, ``disabled``, ``level``."""
    forced_tools: bool | None = None
    system_midway: bool | None = None
    cache_points: bool | None = None
    prefill: Literal["message", "prefix", "continue", "never"] | None = None
    """How it goes on from the beginning of an answer, for routes with ``resume``: ``message`` where that is the last
    message, ``prefix`` where it must be marked so too (Mistral; DeepSeek with a ``base_url`` that ends in ``/beta``),
    ``continue`` for vLLM's ``continue_final_message``."""
    speaks: list[str] | None = None
    """The dialects it can be reached by, best first."""
    tools_by: str | None = None
    """The dialect it must be asked in where tools are sent and it reasons."""


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
    base: str | None = None
    """The model it is, ``kind/model``, where its own name does not tell: for deployments and fine-tunes."""
    profile: ProfileConfig = ProfileConfig()
    capabilities: list[str] | None = None
    """What it can do besides its kind: ``tools``, ``vision`` and so on."""
    use_cases: list[str] | None = None
    status: Literal["active", "testing", "deprecated"] | None = None
    regions: list[str] | None = None
    compliance: list[str] | None = None
    """Tags of the programmes it is under, for rules that ask for one."""
    concurrency: int | Capacity | None = None
    """How many calls of it may be under way at once: a number, or how many and who waits for how long."""


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


class _Known(msgspec.Struct, frozen=True):
    """The layers of one model."""

    ours: ModelConfig
    learned: Learned
    model: Model
    kind: str
    name: str
    """The name that rules go by."""


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
        reasons = _reasons(known, rules)
        max_output = ours.max_output or learned.max_output or known.model.max_output
        stream_usage = None if account is None else account.stream_usage
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
                reasoning=reasons or ("reasoning" in _can(known) and ours.reasoning is None),
                stream_usage=usual.stream_usage if stream_usage is None else stream_usage,
                max_tokens_field=ours.max_tokens_field or rules.max_tokens_field or usual.max_tokens_field,
                kind=provider.kind,
                profile=_profile(known, rules),
            ),
            timeouts=_first(ours.timeouts, account.timeouts if account else Timeouts(), usual.timeouts),
            reasoning=reasons,
            capabilities=None
            if known.model is UNKNOWN and ours.capabilities is None
            else (known.model.kind, *_can(known)),
            capacity=(
                *_capacity(name, ours.concurrency),
                *_capacity(provider.name, account.concurrency if account else None),
            ),
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
                        capabilities=(known.model.kind, *_can(known)),
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
        reasons = _reasons(known, rules)
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
            capabilities=(shipped.kind, *_can(known)),
            use_cases=tuple(ours.use_cases) if ours.use_cases is not None else use_cases(shipped, reasons=reasons),
            regions=tuple(ours.regions) if ours.regions is not None else shipped.regions,
            compliance=tuple(ours.compliance) if ours.compliance is not None else compliance(kind),
            price=self._price(provider, kind, known),
            profile=_profile(known, rules),
            reasoning=reasons,
            usable=usable,
            source="the configuration" if shipped is UNKNOWN else self.tables.of(known.kind).source_of(shipped),
        )

    def _known(self, provider: str, kind: str, model: str) -> _Known:
        ours = self._configured.get(f"{provider}/{model}") or ModelConfig()
        name = model
        if ours.base is not None:
            kind, _, name = ours.base.partition("/")
        learned = self._discovered.get(provider, {}).get(model) or Learned()
        return _Known(ours, learned, self.tables.of(kind).find(name) or UNKNOWN, kind, name)

    def _models_of(self, provider: str, kind: str) -> list[str]:
        """Return the provider's own names of its known models, each once."""
        seen = None if kind in BASES else self._discovered.get(provider)
        names = seen if seen else (model.name for model in self.tables.of(kind).models)
        start = f"{provider}/"
        written = (name.removeprefix(start) for name in self._configured if name.startswith(start))
        return list(dict.fromkeys((*names, *written)))

    def _status(self, known: _Known) -> Status:
        return known.ours.status or known.model.status(self._today)

    def _price(self, provider: str, kind: str, known: _Known) -> PriceConfig | None:
        """Return the price the configuration has for the model, else the data's, else the whole provider's."""
        found = known.ours.price or known.model.price
        if found is not None:
            return found
        account = self._providers.get(provider)
        return account.price if account is not None and account.price is not None else row(kind).price


def _reasons(known: _Known, rules: Ruled) -> bool:
    """Whether it reasons without being asked: where no rule tells, one that can is taken to."""
    if known.ours.reasoning is not None:
        return known.ours.reasoning
    return rules.reasons if rules.reasons is not None else "reasoning" in known.model.can.split()


def _can(known: _Known) -> tuple[str, ...]:
    if known.ours.capabilities is not None:
        return tuple(known.ours.capabilities)
    can = known.model.can.split()
    if known.learned.efforts and "reasoning" not in can:
        can.append("reasoning")
    return tuple(can)


def _profile(known: _Known, rules: Ruled) -> Profile:
    """The rules, then the data's dialects, then what the provider says, then the configuration."""
    said: dict[str, Any] = {}
    speaks = known.model.speaks or row(known.kind).speaks
    if speaks:
        said["speaks"] = speaks
    if known.kind in PREFILL or "prefill" in _can(known):
        said["prefill"] = PREFILL.get(known.kind) or PREFIXED.get(known.kind, "message")
    if known.learned.efforts is not None:
        said["efforts"] = known.learned.efforts
    if known.learned.thinking is not None:
        said["thinking"] = known.learned.thinking
    for field in ProfileConfig.__struct_fields__:
        value = getattr(known.ours.profile, field)
        if value is not None:
            said[field] = tuple(value) if isinstance(value, list) else value
    if not said:
        return rules.profile
    made = msgspec.structs.replace(rules.profile, **said)
    return PLAIN if made == PLAIN else made


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
