"""Which outlets there are to be, from the configuration and the environment."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from headgate.observe.config import (
    LANGFUSE_TRACES,
    LogConfig,
    ObserveConfig,
    OtlpConfig,
    WebhookConfig,
    langfuse_of,
    otlp_of,
)
from headgate.observe.lines import Hook, Lines
from headgate.observe.otlp import PROTOBUF, Accounts, Langfuse, Otlp, Sampling, basic
from headgate.observe.outlets import Make, Sink
from headgate.observe.post import Outside, Poster
from headgate.observe.scores import INGESTION, Scores
from headgate.observe.scores import NAME as SCORES
from headgate.observe.spans import Account

PORTS = {"https": 443, "http": 80}
JSON = {"content-type": "application/json"}


def plans(
    config: ObserveConfig, environ: Mapping[str, str], ways: Callable[[], Outside], accounts: Accounts
) -> dict[str, tuple[object, Make]]:
    """Return what ``Outlets.set`` takes. *ways* opens the ways out of the thread that asks."""
    found: dict[str, tuple[object, Make]] = {}
    if (to := otlp_of(config.otlp, environ)) is not None:
        found["otlp"] = ((config.otlp, to), _otlp(config.otlp, *to, ways, accounts))
    if (door := langfuse_of(config.langfuse, environ)) is not None:
        found["langfuse"] = (door, _langfuse(*door, ways, accounts))
        found[SCORES] = (door, _scores(*door, ways))
    if config.log is not None:
        found["log"] = (config.log, _log(config.log))
    if config.webhook is not None:
        found["webhook"] = (config.webhook, _webhook(config.webhook, ways))
    return found


def accounts_of(told: Iterable[Mapping[str, Any]]) -> dict[str, Account]:
    """Return what spans say of providers, each given with its ``name``, ``kind`` and ``base_url``."""
    found = {}
    for one in told:
        url = urlsplit(one["base_url"] or "")
        found[one["name"]] = Account(
            one["kind"], url.hostname, (url.port or PORTS.get(url.scheme)) if url.hostname else None
        )
    return found


def _otlp(
    config: OtlpConfig, url: str, headers: dict[str, str], ways: Callable[[], Outside], accounts: Accounts
) -> Make:
    def make() -> Sink:
        out = ways()
        post = Poster(out.get(), url, {**headers, **PROTOBUF})
        return Otlp(out, post, accounts, config.service, Sampling(config.sample, config.slow))

    return make


def _langfuse(url: str, public: str, secret: str, ways: Callable[[], Outside], accounts: Accounts) -> Make:
    def make() -> Sink:
        out = ways()
        post = Poster(out.get(), url, {"authorization": basic(public, secret), **PROTOBUF})
        return Langfuse(out, post, accounts, "headgate", Sampling(1.0, 0.0))

    return make


def _scores(url: str, public: str, secret: str, ways: Callable[[], Outside]) -> Make:
    def make() -> Sink:
        out = ways()
        to = url.removesuffix(LANGFUSE_TRACES) + INGESTION
        return Scores(out, Poster(out.get(), to, {"authorization": basic(public, secret), **JSON}))

    return make


def _log(config: LogConfig) -> Make:
    return lambda: Lines(config.to, config.max_bytes, config.keep)


def _webhook(config: WebhookConfig, ways: Callable[[], Outside]) -> Make:
    def make() -> Sink:
        out = ways()
        return Hook(out, Poster(out.get(), config.url, JSON), config.secret.reveal(), config.status)

    return make
