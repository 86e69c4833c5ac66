"""What a configuration file may say, and what is reported of one that says something else."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from headgate.alerts.channels.types import ChannelConfig
from headgate.cache.config import CacheConfig
from headgate.guardrails.types import Guardrail
from headgate.models.config import ModelConfig
from headgate.observe.config import LogConfig, ObserveConfig, OtlpConfig
from headgate.providers.base import Capacity, PriceConfig, ProviderConfig, TierConfig, Timeouts
from headgate.routing.table import Experiment, FanOut, Hedge, RouteConfig, Shadow, TargetConfig
from headgate.routing.types import Strategy
from headgate.routing.use_cases import Parameters, UseCase


class RateConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Limits of calls. What is left out is not limited."""

    rps: float | None = None
    """Requests per second; a burst may use the whole number at once."""
    rpm: int | None = None
    """Requests per minute."""
    tpm: int | None = None
    """Tokens per minute, prompt and completion."""
    concurrency: int | None = None
    """Requests in flight."""


PERSON = RateConfig(rps=10)


class LimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Limits of the whole gateway; those of tenants, teams, apps, users and keys are theirs, and bind besides."""

    body: int = 20_000_000
    """The largest request body, in bytes."""
    installation: RateConfig = RateConfig()
    """What all callers together may do."""
    user: RateConfig = PERSON
    """What binds each user without limits of its own. `{}` binds nobody."""
    end_user: RateConfig = PERSON
    """What binds each end user (`user` in the body, `x-headgate-user`), where its tenant says nothing else."""
    models: dict[str, RateConfig] = {}
    """Limits of single models, by `provider/model`: while one is reached, the route's next target is asked."""
    providers: dict[str, RateConfig] = {}
    """Limits of providers, by name, in the same way."""


class SecretsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Secrets that stand elsewhere, such as `vault:secret/data/headgate#openai`."""

    refresh: float = 300.0
    """Seconds between two times that they are fetched; a new one is used at once."""


class ResponsesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Responses that the gateway keeps, where their provider does not."""

    keep: int = 86_400
    """Seconds for which a response can be fetched, and gone on from; 0 keeps none."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole file. Every section may be absent; top-level keys that begin with ``x-`` are ignored, for anchors."""

    providers: dict[str, ProviderConfig] = {}
    """Upstream accounts by name. A model of one is called ``provider/model``."""
    models: dict[str, ModelConfig] = {}
    """What is to be known of single models, by ``provider/model``. Models that are not listed work too."""
    aliases: dict[str, str] = {}
    """Other names of a route or of a ``provider/model``."""
    routes: dict[str, RouteConfig] = {}
    """Names that callers send as ``model``, each with the deployments to try in turn."""
    use_cases: dict[str, UseCase] = {}
    """What callers can ask for instead of a model, as ``use-case/NAME``; these go over the ones that are shipped."""
    alerts: dict[str, dict[str, Any]] = {}
    """When somebody is told: each rule has a `kind` and its settings beside it. They go over the ones that are
    shipped."""
    channels: dict[str, ChannelConfig] = {}
    """Who can be told of alerts, by the names that rules have for them."""
    guardrails: dict[str, dict[str, Any]] = {}
    """What looks at the text of calls: each has a `kind` and its settings beside it. Routes name those they pass."""
    caches: dict[str, CacheConfig] = {}
    """Where answers are kept to be given again. Routes name the one they use."""
    limits: LimitsConfig = LimitsConfig()
    responses: ResponsesConfig = ResponsesConfig()
    observe: ObserveConfig = ObserveConfig()
    """Where finished calls are told of: traces, logs, webhooks."""
    secrets: SecretsConfig = SecretsConfig()
    steps: dict[str, bool] = {}
    """Optional steps of the pipeline, on or off for every route."""
    sandbox: bool = True
    """Offer the embedded ``sandbox`` provider, which needs no network and no key."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The names that a file may refer to without defining them."""

    kinds: frozenset[str]
    """Kinds of provider."""
    needs_base_url: frozenset[str] = frozenset()
    """Kinds that say nothing of where the service is."""
    providers: frozenset[str] = frozenset()
    """Providers that exist without the file, such as those found by their environment variables."""
    variables: dict[str, str] = {}
    """Kind -> the environment variable that would bring it in, for messages."""
    models: Iterable[str] = ()
    """Models of the registry, as ``kind/model``, for messages: gone through only where one is written."""
    steps: frozenset[str] = frozenset()
    """Steps of the pipeline that may be switched."""
    strategies: Mapping[str, type[Strategy]] = {}
    """Kinds of strategy, each imported when it is looked up."""
    guardrails: Mapping[str, type[Guardrail]] = {}
    """Kinds of guardrail, in the same way."""
    alerts: Mapping[str, type[Any]] = {}
    """Kinds of rule of alerts, in the same way."""


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing wrong, and where. It never repeats a secret: not a credential, nor what a variable held."""

    file: str
    line: int
    """From 1; 0 where the file as a whole is to blame."""
    column: int
    path: str
    """``routes.fast.targets[0]``; empty where there is none."""
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ConfigError(Exception):
    """A file that cannot be used: all its problems at once, in the order of the file."""

    exit_code = 2

    def __init__(self, problems: list[Problem]) -> None:
        self.later = False
        """Whether it may be good later as it is: for now a secret cannot be fetched."""
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))


RANGES: dict[tuple[type, str], tuple[float, float]] = {
    **{(Timeouts, f): (0.001, 3600) for f in Timeouts.__struct_fields__},
    **{(PriceConfig, f): (0, 1_000_000) for f in PriceConfig.__struct_fields__ if f != "tiers"},
    **{(TierConfig, f): (0, 1_000_000) for f in TierConfig.__struct_fields__},
    (ProviderConfig, "concurrency"): (1, 1_000_000),
    (ModelConfig, "concurrency"): (1, 1_000_000),
    (Capacity, "calls"): (1, 1_000_000),
    (Capacity, "queue"): (0, 100_000),
    (Capacity, "wait"): (0.001, 600),
    (TierConfig, "above"): (1, 1_000_000_000),
    (ModelConfig, "context"): (1, 1_000_000_000),
    (ModelConfig, "max_output"): (1, 1_000_000_000),
    (RouteConfig, "attempts"): (1, 10),
    (RouteConfig, "min_output"): (1, 1_000_000_000),
    (RouteConfig, "timeout"): (0.001, 3600),
    (RouteConfig, "ping"): (0, 3600),
    (Hedge, "after"): (0.001, 3600),
    (Hedge, "budget"): (0, 100),
    (FanOut, "n"): (2, 10),
    (Shadow, "share"): (0.0001, 1),
    (Experiment, "level"): (0.0001, 0.5),
    (TargetConfig, "weight"): (0.001, 1_000_000),
    (TargetConfig, "quality"): (0, 1),
    (OtlpConfig, "sample"): (0, 1),
    (OtlpConfig, "slow"): (0, 3600),
    (LogConfig, "max_bytes"): (1_000_000, 10_000_000_000),
    (LogConfig, "keep"): (0, 100),
    (SecretsConfig, "refresh"): (1, 86_400),
    (ResponsesConfig, "keep"): (0, 30 * 86_400),
    (Parameters, "temperature"): (0, 2),
    (Parameters, "top_p"): (0, 1),
    (Parameters, "max_tokens"): (1, 1_000_000_000),
    **{(RateConfig, f): (0.001 if f == "rps" else 1, 10**12) for f in RateConfig.__struct_fields__},
    (LimitsConfig, "body"): (1024, 100 * 1024 * 1024),
}
"""Smallest and largest value of each number; one that is not listed is at least 0."""
