"""Where finished calls are taken to, as the configuration and the usual environment variables say."""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote

import msgspec

from headgate.core.secret import Secret
from headgate.observe.archive.config import ArchiveConfig, StoreConfig

TRACES = "/v1/traces"
LANGFUSE_TRACES = "/api/public/otel/v1/traces"


class OtlpConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """OpenTelemetry traces, by OTLP over HTTP with protobuf bodies."""

    endpoint: str | None = None
    """The collector, such as `http://localhost:4318`; without it, `OTEL_EXPORTER_OTLP_ENDPOINT` says where, or
    nothing is sent."""
    headers: dict[str, Secret] = {}
    """Sent with every request, over those of `OTEL_EXPORTER_OTLP_HEADERS`."""
    sample: float = 1.0
    """The share of calls that is sent. Failures and slow calls are sent in any case."""
    slow: float = 10.0
    """Seconds from which a call is slow."""
    service: str = "headgate"
    """`service.name`."""


class LangfuseConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Langfuse, by its own OTLP door."""

    host: str | None = None
    """Such as `https://cloud.langfuse.com`; without it, `LANGFUSE_HOST` says where."""
    public_key: Secret | None = None
    """Without it, `LANGFUSE_PUBLIC_KEY`; nothing is sent without keys."""
    secret_key: Secret | None = None
    """Without it, `LANGFUSE_SECRET_KEY`."""


class LogConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A line of JSON for each finished call."""

    to: str
    """`stdout`, or a file's path."""
    max_bytes: int = 100_000_000
    """The size at which a file is put aside and a new one begun."""
    keep: int = 5
    """How many files that were put aside are kept."""


class WebhookConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Finished calls, posted as JSON and signed."""

    url: str
    secret: Secret
    """What they are signed with, as https://www.standardwebhooks.com says: `whsec_` and base64, or any text."""
    status: Literal["all", "failure"] = "all"
    """Which calls are told of."""


class RetentionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """For how many days calls and sums are kept, where a tenant's logging policy does not say; 0 is for good."""

    records: int = 0
    """The calls themselves."""
    minutes: int = 7
    """Sums by minute: 3 at least."""
    hours: int = 400
    """Sums by hour: 92 at least."""
    days: int = 0
    """Sums by day: 400 at least."""


class ObserveConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is told of finished calls elsewhere. All of it is off unless it is set."""

    otlp: OtlpConfig = OtlpConfig()
    langfuse: LangfuseConfig = LangfuseConfig()
    log: LogConfig | None = None
    webhook: WebhookConfig | None = None
    stores: dict[str, StoreConfig] = {}
    """Folders and buckets that exports and the archive can go to, by the names that these have for them."""
    archive: ArchiveConfig | None = None
    retention: RetentionConfig = RetentionConfig()


def otlp_of(config: OtlpConfig, environ: Mapping[str, str]) -> tuple[str, dict[str, str]] | None:
    """Return URL and headers; ``None`` where nothing is to be sent. The standard variables are
    <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>."""
    whole = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    base = config.endpoint or (None if whole else environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))
    if base:
        whole = base if base.endswith(TRACES) else base.rstrip("/") + TRACES
    if not whole or environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    given = environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")
    pairs = (pair.partition("=") for pair in given.split(",") if "=" in pair)
    headers = {unquote(name.strip()).lower(): unquote(value.strip()) for name, _, value in pairs}
    return whole, headers | {name.lower(): value.reveal() for name, value in config.headers.items()}


def langfuse_of(config: LangfuseConfig, environ: Mapping[str, str]) -> tuple[str, str, str] | None:
    """Return URL, public and secret key; ``None`` where nothing is to be sent."""
    host = config.host or environ.get("LANGFUSE_HOST") or environ.get("LANGFUSE_BASE_URL")
    public = config.public_key or Secret(environ.get("LANGFUSE_PUBLIC_KEY", ""))
    secret = config.secret_key or Secret(environ.get("LANGFUSE_SECRET_KEY", ""))
    if not (host and public and secret):
        return None
    return host.rstrip("/") + LANGFUSE_TRACES, public.reveal(), secret.reveal()
