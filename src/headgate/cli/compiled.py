"""The configuration as a gateway on this machine would have it, for commands that only look."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from time import time
from typing import Any, TypeVar

from headgate.access.permissions import PLATFORM_TENANT as TENANT
from headgate.config.compile import Compiled, Keys, compile_config, refused
from headgate.config.effective import Effective, effective, tried
from headgate.config.known import known
from headgate.config.managed import Managed
from headgate.config.parse import read
from headgate.config.types import Config
from headgate.core.secret import Secret
from headgate.models.discovered import Discovered
from headgate.models.table import Tables
from headgate.providers.base import ProviderConfig
from headgate.providers.catalog import keyed_kinds
from headgate.providers.discover import from_environment, probe_local
from headgate.settings import Settings, environment
from headgate.storage.object_rows import ObjectRow, stored_objects
from headgate.storage.provider_keys import stored
from headgate.storage.sql import SqlError

CA = "HEADGATE_CA_FILE"
T = TypeVar("T")


class NoSenders:
    """Stands for the ways out of the process, which a look does not take."""

    def get(self, *, proxy: str | None = None, http2: bool = False, ca: str | None = None) -> Any:
        """Return nothing that could send."""
        return None


class Here:
    """What a gateway on this machine would go by: read when it is first asked for; see ``live.Live``."""

    def __init__(self, path: Path | None, settings: Settings | None = None, data: bytes | None = None) -> None:
        """*path* is the file, *data* what it would say if not what it says; *settings* say where the home is."""
        self._path = path
        self._data = data
        self._settings = settings
        self._environ = environment()
        trusted = settings.ca_file if settings is not None else self._environ.get(CA)
        self.managed = Managed(self._environ, Path(trusted).expanduser() if trusted else None)
        """Secrets that managers keep, as far as they were asked for."""

    @cached_property
    def effective(self) -> Effective:
        """See ``Live``. Raise ``ConfigError``."""
        return self.read(self.rows())

    @cached_property
    def compiled(self) -> Compiled:
        """See ``Live``. Raise ``ConfigError``, or ``ValueError`` for what only building the providers shows."""
        return self.compile(self.effective)

    @property
    def revisions(self) -> list[tuple[float, Config]]:
        """The one that is in force."""
        return [(time(), self.effective.config)]

    def tried(self, row: ObjectRow) -> Compiled:
        """See ``Live``."""
        found = tried(self.effective, self.rows(), row, self.read)
        try:
            return self.compile(found)
        except ValueError as error:
            raise refused(error, str(self._path)) from None

    def read(self, rows: Sequence[ObjectRow], before: Sequence[ObjectRow] = ()) -> Effective:
        """Return what the file and *rows* come to; see :func:`headgate.config.effective.effective`."""
        # A file may not count on a local server that is up by chance; on a key that is kept here, it may.
        names = known(self._environ, providers=self._keys.get(TENANT, {}).keys() & keyed_kinds())
        data = self._data
        if data is None:
            data = b"" if self._path is None else read(self._path)
        return effective(data, self._environ, names, rows, file=str(self._path), before=before, managed=self.managed)

    def compile(self, effective: Effective) -> Compiled:
        """Compile it. Raise ``ValueError``."""
        settings = self._settings
        return compile_config(
            effective.config,
            self._found,
            NoSenders(),
            tables=Tables(settings.home / "models") if settings is not None else None,
            discovered=seen(settings).models if settings is not None else None,
            keys=Keys(shared=self._keys.get(TENANT, {}), own=self._keys, awaited=effective.made),
            own=effective.own,
        )

    @cached_property
    def _found(self) -> dict[str, ProviderConfig]:
        return {**apart(lambda: asyncio.run(probe_local())), **from_environment(self._environ)}

    @cached_property
    def _keys(self) -> dict[str, dict[str, list[Secret]]]:
        settings = self._settings
        return {} if settings is None else apart(lambda: _sealed(settings.database()))

    def rows(self) -> list[ObjectRow]:
        """Return what the database has."""
        settings = self._settings
        with suppress(SqlError):  # told by who looks at the database
            return [] if settings is None else apart(lambda: stored_objects(settings.database()))
        return []


def apart(look: Callable[[], T]) -> T:
    """Return what *look* returns, which runs a loop: whoever asks may be in one, as the management API is."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(look).result()


def compiled(path: Path | None, settings: Settings | None = None) -> Compiled:
    """Return the configuration in *path*, compiled over what this machine offers and what the home of *settings* holds.

    Raise ``ConfigError``, or ``ValueError`` for what only building the providers shows.
    """
    return Here(path, settings).compiled


def seen(settings: Settings) -> Discovered:
    """Return the last look at each provider."""
    found = Discovered(settings.home / "discovered")
    found.read()
    return found


def _sealed(database: str) -> dict[str, dict[str, list[Secret]]]:
    """Return something for every sealed key of a provider, by tenant: none is opened by who only looks."""
    keys: dict[str, dict[str, list[Secret]]] = {}
    with suppress(SqlError):  # told by who looks at the database
        for row in stored(database, None):
            keys.setdefault(row.tenant_id, {}).setdefault(row.provider, []).append(Secret(row.id))
    return keys
