"""The settings of the process: each stated once, with its variable, type, default and meaning.

A field ``port`` is the environment variable ``HEADGATE_PORT`` and, where a command offers it, the option ``--port``.
What the gateway does with requests is not here but in the configuration file, see ``headgate.config``.
"""

import base64
import binascii
import difflib
import os
import types
import typing
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from headgate import settings_edge
from headgate.access.keeping import Level
from headgate.access.keys import weakness
from headgate.core.secret import Secret

PREFIX = "HEADGATE_"
SECRET_KEY_BYTES = 32
SQLITE = "sqlite:///"
REDIS = ("redis://", "rediss://", "unix://")
DATABASES = (SQLITE, "postgresql://", "postgres://")
SWITCH = {"on": True, "1": True, "true": True, "yes": True, "off": False, "0": False, "false": False, "no": False}
CONFIG_NAME = "headgate.yaml"

LogLevel = Literal["debug", "info", "warning", "error"]
Role = Literal["all", "data", "control", "worker"]


class SettingsError(Exception):
    """Settings that cannot be used. ``problems`` has one sentence for each, none of which repeats a secret."""

    exit_code = 2

    def __init__(self, problems: list[str], *, later: bool = False) -> None:
        """*later* is whether they may be good later as they are: for now a secret cannot be fetched."""
        super().__init__("; ".join(problems))
        self.problems = problems
        self.later = later


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What one process was started with. Immutable; hand it on, do not read the environment again."""

    home: Annotated[Path, Meta(description="Directory of the database, the journal and the secrets file.")] = Path(
        "~/.headgate"
    )
    config: Annotated[
        Path | None,
        Meta(description="Configuration file. Without it: ./headgate.yaml, then headgate.yaml in the home, then none."),
    ] = None
    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535, description="Port to listen on; 0 takes a free one.")] = 8080
    workers: Annotated[int, Meta(ge=1, le=64, description="Processes that share the port.")] = 1
    role: Annotated[
        Role,
        Meta(
            description="What this gateway does: all; data (calls alone), control (the management API and the "
            "dashboard) or worker (reports, exports, retention: what comes by itself). All but all take PostgreSQL."
        ),
    ] = "all"
    database_url: Annotated[
        Secret | None,
        Meta(
            description="sqlite:///path or postgresql://user:password@host/name of the database; without it, "
            "headgate.db in the home."
        ),
    ] = None
    redis_url: Annotated[
        Secret | None,
        Meta(description="redis://host:6379/0 for limits that processes share; without it, the database has them."),
    ] = None
    secret_key: Annotated[
        Secret | None,
        Meta(description="32 bytes in base64. Key digests and signatures derive from it; without it, one is made."),
    ] = None
    encryption_keys: Annotated[
        Secret | None,
        Meta(
            description="Keys that provider keys and other secrets are sealed under, by commas: id=32 bytes in base64, "
            "id=file:/path or id=transit:https://vault:8200/transit/key; or file:/path of such a list. The first "
            "seals, all open. Without it, one that follows from the secret key."
        ),
    ] = None
    admin_key: Annotated[
        Secret | None, Meta(description="Fixes the admin key; without it, one is generated and printed once.")
    ] = None
    metrics_token: Annotated[
        Secret | None, Meta(description="Bearer token that may read /metrics from other machines.")
    ] = None
    dashboard: Annotated[bool, Meta(description="Serve the dashboard, on or off.")] = True
    log_level: Annotated[LogLevel, Meta(description="The least severe log lines that are written.")] = "info"
    discovery: Annotated[
        float,
        Meta(ge=0, le=86_400, description="Seconds between looks at what models each provider has; 0 asks none."),
    ] = 600.0
    accept_grace: Annotated[
        float,
        Meta(ge=0, le=3600, description="Seconds after SIGTERM in which new connections are still answered."),
    ] = 5.0
    drain: Annotated[
        float, Meta(ge=0, le=3600, description="Seconds that calls in flight are given to finish after SIGTERM.")
    ] = 30.0
    tls_cert: Annotated[
        Path | None, Meta(description="Certificate chain (PEM) to serve HTTPS with; taken anew when it changes.")
    ] = None
    tls_key: Annotated[Path | None, Meta(description="The key (PEM) of the certificate, without a password.")] = None
    public_url: Annotated[
        str | None,
        Meta(description="Where browsers reach the gateway; without it, what the request's Host header says."),
    ] = None
    allowed_hosts: Annotated[
        tuple[str, ...],
        Meta(description="Names that are answered to, without ports; *.example.com is all below. None set is all."),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Addresses and networks whose X-Forwarded-For, -Proto and -Host are believed."),
    ] = ()
    cors_origins: Annotated[
        tuple[str, ...], Meta(description="Origins whose pages may call the gateway; * is all, without cookies.")
    ] = ()
    ca_file: Annotated[
        Path | None, Meta(description="Certificates (PEM) of authorities that are trusted besides the system's.")
    ] = None
    proxy: Annotated[
        Secret | None, Meta(description="HTTP proxy that providers without one of their own are reached through.")
    ] = None
    private_hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Hosts (sso.corp, sso.corp:8443) and networks that identity providers and webhooks may be at, "
            "besides public addresses."
        ),
    ] = ()
    payload: Annotated[
        Level,
        Meta(
            description="What is kept of calls whose tenant says nothing: none, metadata (the record), redacted or "
            "full (also what was said)."
        ),
    ] = "metadata"
    smtp_url: Annotated[
        Secret | None,
        Meta(description="Mail server of reports and notices: smtp://user:password@host:587?from=..., or smtps://."),
    ] = None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the port."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    def config_file(self) -> Path | None:
        """Return the configuration file in force, or ``None`` where there is none.

        A file that was named is returned though it be missing, so that its absence is an error and not an oversight.
        """
        if self.config is not None:
            return self.config
        return next((p for p in (Path(CONFIG_NAME).absolute(), self.home / CONFIG_NAME) if p.exists()), None)

    def database(self) -> str:
        """Return the URL of the database. That of a server may have a password in it: do not print it."""
        if self.database_url is None:
            return f"sqlite:///{self.home / 'headgate.db'}"
        url = self.database_url.reveal()
        if url.startswith(SQLITE):
            return SQLITE + str(Path(url.removeprefix(SQLITE)).expanduser())
        return "postgresql://" + url.partition("://")[2]

    def database_path(self) -> Path | None:
        """Return the file of the embedded database, ``None`` where it is a server's."""
        url = self.database()
        return Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None


class Setting(msgspec.Struct, frozen=True):
    """One setting, as help texts and the reference page show it."""

    name: str
    env: str
    type: Any
    """The bare type, without ``None`` and annotations."""
    default: Any
    help: str
    meta: Meta


def environment() -> Mapping[str, str]:
    """Return the environment of the process. This is the one place where it is read."""
    return os.environ


def describe() -> tuple[Setting, ...]:
    """Return every setting in the order of the class."""
    hints = typing.get_type_hints(Settings, include_extras=True)
    found = []
    for field in msgspec.structs.fields(Settings):
        bare, meta = typing.get_args(hints[field.name])
        default = None if field.default is msgspec.NODEFAULT else field.default
        found.append(
            Setting(field.name, PREFIX + field.name.upper(), _plain(bare), default, meta.description or "", meta)
        )
    return tuple(found)


def load(environ: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of *environ*, over which *overrides* (of the command line; ``None`` is unset) win.

    Raise :class:`SettingsError` with every problem at once. An empty variable counts as unset.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for setting in describe():
        given = (overrides or {}).get(setting.name)
        text = environ.get(setting.env, "")
        if given is None and not text:
            continue
        try:
            values[setting.name] = _read(setting, text if given is None else given)
        except ValueError as error:
            source = setting.env if given is None else "--" + setting.name.replace("_", "-")
            problems.append(f"{source} {error}")
    missing = settings_edge.fetch(values, environ)
    problems += missing or _unusable(values)
    if problems:
        raise SettingsError(problems, later=bool(missing))
    settings = Settings(**values)
    files = ("home", "config", "tls_cert", "tls_key", "ca_file")
    given = {name: path.expanduser().absolute() for name in files if (path := getattr(settings, name)) is not None}
    return msgspec.structs.replace(settings, **given)


def unknown(environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each variable that looks like a setting and is none: a typing error would pass unseen."""
    known = [setting.env for setting in describe()]
    strange = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    found = []
    for name in strange:
        close = difflib.get_close_matches(name, known, n=1)
        found.append(f"{name} is not a setting{f'; did you mean {close[0]}?' if close else ''}")
    return found


def refuse_parted(settings: Settings) -> None:
    """Raise :class:`SettingsError` where a part of the work could never meet the others."""
    if settings.role != "all" and settings.database_path() is not None:
        raise SettingsError(
            [
                f"--role {settings.role} does a part of the work of several gateways, which share a PostgreSQL: "
                "set HEADGATE_DATABASE_URL to it, or leave --role out"
            ]
        )


def refuse_exposed(settings: Settings) -> None:
    """Raise :class:`SettingsError` where other machines can reach the port and a credential is easily guessed."""
    if settings.loopback:
        return
    problems = []
    for name, secret in (
        ("HEADGATE_ADMIN_KEY", settings.admin_key),
        ("HEADGATE_METRICS_TOKEN", settings.metrics_token),
    ):
        why = weakness(secret.reveal()) if secret else None
        if why:
            problems.append(f"{name} {why}, and {settings.host} can be reached from other machines: choose another")
    raw = decode_secret_key(settings.secret_key) if settings.secret_key else None
    if raw is not None and len(set(raw)) < settings_edge.DISTINCT:
        problems.append(f"HEADGATE_SECRET_KEY is not random, and {settings.host} can be reached from other machines")
    problems += settings_edge.guessable(settings.encryption_keys)
    if problems:
        raise SettingsError(problems)


def _read(setting: Setting, value: Any) -> Any:
    if setting.type is Secret:
        return value if isinstance(value, Secret) else Secret(str(value))
    if setting.type is bool and isinstance(value, str):
        if value.lower() not in SWITCH:
            raise ValueError(f"must be on or off, not {value!r}")
        return SWITCH[value.lower()]
    if setting.type is Path:
        try:
            return Path(value).expanduser()
        except RuntimeError:
            raise ValueError(f"must be a path, not {value!r}: nobody has that home") from None
    if typing.get_origin(setting.type) is Literal and isinstance(value, str):
        value = value.lower()
    if typing.get_origin(setting.type) is tuple:
        return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value
    try:
        return msgspec.convert(value, Annotated[setting.type, setting.meta], strict=False)
    except msgspec.ValidationError:
        raise ValueError(f"must be {_wanted(setting)}, not {value!r}") from None


def _unusable(values: Mapping[str, Any]) -> list[str]:
    """What no single type can tell."""
    problems = []
    redis = values.get("redis_url")
    if redis and not redis.reveal().startswith(REDIS):
        problems.append("HEADGATE_REDIS_URL must be redis://host:port/db, rediss:// or unix:///path")
    url = values.get("database_url")
    if url and not url.reveal().startswith(DATABASES):
        problems.append("HEADGATE_DATABASE_URL must be sqlite:///path or postgresql://user:password@host/name")
    problems += settings_edge.unusable(values)
    key = values.get("secret_key")
    if key is not None and decode_secret_key(key) is None:
        problems.append("HEADGATE_SECRET_KEY must be 32 bytes in base64; `openssl rand -base64 32` makes one")
    return problems


def decode_secret_key(key: Secret) -> bytes | None:
    """Return the bytes of a secret key in either base64 alphabet, or ``None`` where they are not 32."""
    text = key.reveal().strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == SECRET_KEY_BYTES else None


def _plain(hint: Any) -> Any:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return next(arg for arg in typing.get_args(hint) if arg is not type(None))
    return hint


def _wanted(setting: Setting) -> str:
    if typing.get_origin(setting.type) is Literal:
        return f"one of {', '.join(typing.get_args(setting.type))}"
    if setting.meta.le is not None:
        return f"a number from {setting.meta.ge} to {setting.meta.le}"
    return f"a value of type {setting.type.__name__}"
