"""The configuration as a gateway on this machine would have it, for commands that only look."""

import asyncio
from pathlib import Path
from typing import Any

from headgate.config import load
from headgate.config.compile import Compiled, compile_config
from headgate.config.known import known
from headgate.models.table import Tables
from headgate.providers.discover import from_environment, probe_local
from headgate.settings import environment


class NoSenders:
    """Stands for the ways out of the process, which a look does not take."""

    def get(self, *, proxy: str | None = None, http2: bool = False) -> Any:
        """Return nothing that could send."""
        return None


def compiled(path: Path | None, home: Path | None = None) -> Compiled:
    """Return the configuration in *path*, compiled over what this machine offers and the tables of models in *home*.

    Raise ``ConfigError``, or ``ValueError`` for what only building the providers shows.
    """
    environ = environment()
    config = load(path, environ, known(environ))  # a file may not count on a local server that is up by chance
    found = {**asyncio.run(probe_local()), **from_environment(environ)}
    tables = Tables(home / "models") if home is not None else None
    return compile_config(config, found, NoSenders(), tables=tables)
