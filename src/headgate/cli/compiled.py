"""The configuration as a gateway on this machine would have it, for commands that only look."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from headgate.config import load
from headgate.config.compile import Compiled, compile_config
from headgate.config.known import known
from headgate.core.secret import Secret
from headgate.models.discovered import Discovered
from headgate.models.table import Tables
from headgate.providers.discover import from_environment, probe_local
from headgate.settings import Settings, environment
from headgate.storage.provider_keys import stored
from headgate.storage.sql import SqlError


class NoSenders:
    """Stands for the ways out of the process, which a look does not take."""

    def get(self, *, proxy: str | None = None, http2: bool = False) -> Any:
        """Return nothing that could send."""
        return None


def compiled(path: Path | None, settings: Settings | None = None) -> Compiled:
    """Return the configuration in *path*, compiled over what this machine offers and what the home of *settings* holds.

    Raise ``ConfigError``, or ``ValueError`` for what only building the providers shows.
    """
    environ = environment()
    keys = _sealed(settings.database()) if settings is not None else {}
    # A file may not count on a local server that is up by chance; on a key that is kept here, it may.
    config = load(path, environ, known(environ, providers=keys))
    found = {**asyncio.run(probe_local()), **from_environment(environ)}
    return compile_config(
        config,
        found,
        NoSenders(),
        tables=Tables(settings.home / "models") if settings is not None else None,
        discovered=seen(settings).models if settings is not None else None,
        keys=keys,
    )


def seen(settings: Settings) -> Discovered:
    """Return the last look at each provider."""
    found = Discovered(settings.home / "discovered")
    found.read()
    return found


def _sealed(database: str) -> dict[str, list[Secret]]:
    """Return something for every sealed key of a provider: none is opened by who only looks."""
    keys: dict[str, list[Secret]] = {}
    with suppress(SqlError):  # told by who looks at the database
        for row in stored(database, "default"):
            keys.setdefault(row.provider, []).append(Secret(row.id))
    return keys
