"""What ``headgate doctor`` looks at. Every check looks only, and says what to do where something is wrong."""

import asyncio
import shutil
import socket
import ssl
import stat
from collections.abc import Iterator
from time import time
from urllib.parse import urlsplit

from headgate import edge
from headgate import settings as process
from headgate.access.first import compare
from headgate.access.home import SECRETS, Home, open_home
from headgate.access.keys import derive
from headgate.alerts.explain import Finding, disk_of, explained
from headgate.alerts.signals import breakers, certificate, clock, failing
from headgate.cli import own
from headgate.cli.compiled import Here, seen
from headgate.config import ConfigError
from headgate.core.ids import now
from headgate.encryption import missing, open_ring
from headgate.observe.outlets import OUTLETS, ills
from headgate.providers.base import ProviderConfig
from headgate.providers.catalog import row
from headgate.providers.discovery import Found
from headgate.routing.board import Board
from headgate.settings import Settings
from headgate.storage.alerts import firing
from headgate.storage.sql import SqlError, open_sql, without_password
from headgate.storage.types import StorageRefused, StorageUnreachable
from headgate.storage.upgrade import HEAD, present

CONNECT = 3.0
MUCH_BEHIND = 10_000_000
DEAD = "dead.jsonl"


def environment_of(settings: Settings) -> Iterator[Finding]:
    """Look at the settings."""
    strange = process.unknown(process.environment())
    for words in strange:
        yield Finding("settings", "warn", words)
    try:
        process.refuse_exposed(settings)
        edge.certificate(settings)
    except process.SettingsError as error:
        for problem in error.problems:
            yield Finding("settings", "fail", problem)
        return
    if not strange:
        yield Finding("settings", "ok", f"listens on {settings.host}:{settings.port}, {settings.workers} worker(s)")


def home_of(settings: Settings) -> Iterator[Finding]:
    """Look at the directory and its secret, and whether the database was made with it."""
    home = settings.home
    secret = process.decode_secret_key(settings.secret_key) if settings.secret_key else None
    made = (home / SECRETS).exists()
    try:
        there = open_home(home, secret) if made else Home(home, derive(secret or b""), created=True)
        compare(there, settings.database())
    except StorageUnreachable:
        pass  # told by the look at the database
    except StorageRefused as error:
        yield Finding("home", "fail", str(error), "Mend what it says; without its secret no key can be read.")
        return
    if not made:
        words = "has no secret" if home.exists() else "is not there"
        yield Finding("home", "ok", f"{home} {words} yet; the first start makes {'one' if home.exists() else 'it'}")
        return
    mode = stat.S_IMODE(home.stat().st_mode)
    if mode & 0o022:
        yield Finding("home", "warn", f"{home} can be written by other users (mode {mode:04o})", "`chmod 700` it.")
    else:
        yield Finding("home", "ok", f"{home}, its secret readable by its owner alone")
    yield disk_of(shutil.disk_usage(home).free)


def database_of(settings: Settings) -> Iterator[Finding]:
    """Look at the database and its schema."""
    url = settings.database()
    path = without_password(settings.database_path() or url)
    try:
        found = present(url)
    except StorageRefused as error:
        do = "Mend what it says, or give back a copy; nothing was changed."
        yield Finding("database", "fail", str(error), do)
        return
    if found is None:
        yield Finding("database", "ok", f"{path} is not there yet; the first start makes it")
    elif found != HEAD:
        do = "The next start brings it up, or `headgate db upgrade` does."
        yield Finding("database", "warn", f"{path} has schema {found}, not {HEAD}", do)
    else:
        yield Finding("database", "ok", f"{path}, schema {found}")


def encryption_of(settings: Settings) -> Iterator[Finding]:
    """Look whether the keys are there that secrets are sealed under."""
    do = "Give the keys back in HEADGATE_ENCRYPTION_KEYS or the home; nothing is lost until then."
    if not (settings.home / SECRETS).exists():
        return
    try:
        home = open_home(settings.home, process.decode_secret_key(settings.secret_key) if settings.secret_key else None)
        ring = open_ring(settings, home, process.environment())
        lost = missing(ring, settings.database())
    except process.SettingsError as error:
        yield Finding("encryption", "fail", str(error), "Mend what it says; a gateway does not start with it.")
        return
    except (StorageRefused, SqlError):
        return  # told by the look at the home, or at the database
    for id, what in lost.items():
        yield Finding("encryption", "fail", f"the key {id} is not there, and {what} cannot be opened", do)
    if not lost:
        yield Finding("encryption", "ok", f"secrets are sealed under {ring.ids[0]}")


def journal_of(settings: Settings) -> Iterator[Finding]:
    """Look at what has been recorded but is not in the database yet."""
    directory = settings.home / "journal"
    ends: dict[str, int] = {}
    starts: dict[str, int] = {}
    dead = 0
    try:
        for file in directory.iterdir() if directory.exists() else ():  # `glob` finds nothing where it may not look
            size = file.stat().st_size
            if file.name == DEAD:
                dead = size
            elif file.match("*.*.log"):
                id, start, _ = file.name.split(".")
                ends[id] = max(ends.get(id, 0), int(start, 16) + size)
                starts[id] = min(starts.get(id, int(start, 16)), int(start, 16))
    except OSError as error:
        do = "Ask as the user that the gateway runs as."
        yield Finding("journal", "fail", f"{directory} cannot be looked at: {error.strerror}", do)
        return
    stored = _stored(settings)
    behind = sum(end - max(stored.get(id, 0), starts[id]) for id, end in ends.items())
    if behind > MUCH_BEHIND:
        do = "Look whether a gateway runs on this home, and can write the database: it brings them in."
        yield Finding("journal", "warn", f"{behind:,} bytes are not in the database yet", do)
    else:
        yield Finding("journal", "ok", f"{behind:,} bytes are not in the database yet")
    if dead:
        do = "Their money is counted. Read it, and report it as a fault of the gateway's; then put it aside."
        yield Finding("journal", "warn", f"{directory / DEAD} holds records that the database refused", do)


def standing_of(settings: Settings) -> Iterator[Finding]:
    """Look at what workers and outlets of this home told last, at its certificate, its clock and its alerts."""
    told = [
        *breakers(row for post in Board(settings.home / "health").read() for row in post.rows),
        *failing(ills(settings.home / OUTLETS)),
        *certificate(settings.tls_cert),
    ]
    sql = open_sql(settings.database())
    try:
        if settings.database_path() is None:
            told.append(clock(sql.now()))
        alerts = firing(sql)
    except SqlError:
        alerts = []  # told by the look at the database
    finally:
        sql.close()
    yield from explained(told, now())
    for name, text in alerts:
        yield Finding(f"alert {name}", "warn", text, "`headgate alerts list` shows it and the records behind it.")


def _stored(settings: Settings) -> dict[str, int]:
    sql = open_sql(settings.database())
    try:
        return dict(sql.execute("SELECT id, position FROM journals").fetchall())
    except SqlError:
        return {}  # told by the look at the database
    finally:
        sql.close()


def config_of(settings: Settings, here: Here) -> Iterator[Finding]:
    """Look at the configuration file, of which *here* is made."""
    path = settings.config_file()
    try:
        config = here.compiled.config
    except ConfigError as error:
        for problem in error.problems:
            yield Finding("config", "fail", str(problem))
    except ValueError as error:
        yield Finding("config", "fail", f"{path}: {error}")
    else:
        counts = f"{len(config.routes)} route(s), {len(config.aliases)} alias(es)"
        yield Finding("config", "ok", f"{path}: {counts}" if path else "no file, and none is needed")
        if here.managed.used:
            named = {one.reference for one in here.managed.used}
            yield Finding("secrets", "ok", f"{len(named)} reference(s) to managers of secrets resolve")


def providers_of(settings: Settings, here: Here, *, probe: bool) -> Iterator[Finding]:
    """Look at every provider in force *here*; with *probe*, open a connection to it."""
    try:
        accounts = here.compiled.accounts
    except (ConfigError, ValueError):
        return  # told already
    looks = seen(settings).found
    for name, account in accounts.items():
        known = row(account.kind)
        if account.kind == "sandbox":
            yield Finding(f"provider {name}", "ok", "embedded, needs no network")
            continue
        where = account.base_url or known.base_url or ""
        if not account.api_key and not account.api_keys and known.key_env and not account.base_url:
            do = f"Set it, or store a key: `headgate providers keys add {name}`."
            yield Finding(f"provider {name}", "fail", f"has no api_key; {known.key_env[0]} would be its variable", do)
        elif probe:
            yield asyncio.run(_reach(name, where, account))
        else:
            yield _last_look(name, where, looks.get(name))


def _last_look(name: str, where: str, found: Found | None) -> Finding:
    if found is None:
        return Finding(f"provider {name}", "ok", where)
    ago = max(time() - found.at / 1_000_000, 0) / 60
    when = f"when looked at {ago:,.0f} minute(s) ago"
    if found.error is not None:
        do = f"Look whether its key is valid: `headgate providers discover {name}` looks again."
        return Finding(f"provider {name}", "warn", f"{where}, not well {when}: {found.error}", do)
    return Finding(f"provider {name}", "ok", f"{where}, {len(found.models):,} models {when}")


async def _reach(name: str, where: str, account: ProviderConfig) -> Finding:
    parts = urlsplit(account.proxy or where)
    tls = parts.scheme == "https"
    port = parts.port or (443 if tls else 80)
    try:
        async with asyncio.timeout(CONNECT):
            _, writer = await asyncio.open_connection(parts.hostname, port, ssl=tls or None)
        writer.close()
    except TimeoutError:
        return Finding(f"provider {name}", "fail", f"{parts.hostname}:{port} does not answer within {CONNECT:g} s")
    except OSError as error:
        return Finding(f"provider {name}", "fail", f"{parts.hostname}:{port} cannot be reached: {error}")
    return Finding(f"provider {name}", "ok", f"{where}, {parts.hostname}:{port} answers")


def port_of(settings: Settings) -> Finding:
    """Look at who has the port."""
    where = f"{settings.host}:{settings.port}"
    ask = f"GET /health HTTP/1.1\r\nhost: {own.name_of(settings)}\r\nconnection: close\r\n\r\n"
    try:
        with socket.create_connection((own.address_of(settings), settings.port), timeout=1) as probe:
            context = own.trusting(settings)
            with context.wrap_socket(probe) if context is not None else probe as there:
                there.sendall(ask.encode())
                answer = there.recv(4096)
    except (ConnectionRefusedError, TimeoutError):
        return Finding("port", "ok", f"{where} is free")
    except ssl.SSLError as error:
        do = "Another program has the port, or a gateway that was started with another certificate."
        return Finding("port", "warn", f"{where} does not show {settings.tls_cert}: {error.reason}", do)
    except OSError as error:
        return Finding("port", "warn", f"{where} cannot be looked at: {error}")
    if answer.startswith(b"HTTP/1.1 200"):
        return Finding("port", "ok", f"a gateway runs on {where}")
    return Finding("port", "warn", f"another program has {where}", "Serve on another with --port.")
