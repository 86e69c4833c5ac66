"""The encryption keys of an installation, put together from its settings and its home."""

import logging
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from headgate.access.home import SECRETS, Home, add_key, kept_keys
from headgate.access.key_list import IN_FILE, Listed, decoded, listed
from headgate.access.keyring import Kek, Keyring, LocalKek
from headgate.access.sealed import key_id
from headgate.access.vault import Unsealable
from headgate.config.references import from_file, named_file, secret_file
from headgate.core.ids import now
from headgate.core.secret import Secret
from headgate.settings import Settings, SettingsError
from headgate.storage.sealed import counted
from headgate.storage.sql import SqlError
from headgate.storage.types import StorageRefused

log = logging.getLogger("headgate")
VARIABLE = "HEADGATE_ENCRYPTION_KEYS"
MICROSECONDS_A_DAY = 86_400_000_000


def open_ring(settings: Settings, home: Home, environ: Mapping[str, str]) -> Keyring:
    """Return the keys of *home* and *settings*; *environ* is where key services find their credentials.

    Raise :class:`SettingsError` where they cannot be used.
    """
    keys = Keys(settings.encryption_keys, home.path, environ, settings.ca_file)
    grow = partial(make_key, settings, home.path)
    try:
        return Keyring(home.derived, keys.load, (home.path / SECRETS, *keys.files()), grow)
    except ValueError as error:
        raise SettingsError([f"{VARIABLE} {error}"]) from None


class Keys:
    """What stands in the setting and in the home."""

    def __init__(self, given: Secret | None, home: Path, environ: Mapping[str, str], ca_file: Path | None) -> None:
        self._given = given
        self._home = home
        self._environ = environ
        self._ca = ca_file
        self._services: dict[Listed, Kek] = {}
        """Kept, as they know whether their service answers."""

    def load(self) -> list[Kek]:
        """Return the keys, the first first; raise ``ValueError``, or ``StorageRefused`` for the home's."""
        own = [LocalKek(id, key) for id, key in kept_keys(self._home)]
        return [*map(self._made, self._listed()), *own]

    def files(self) -> list[Path]:
        """Return the files that the setting names, as far as they can be read."""
        whole = secret_file(self._text())
        found = [whole] if whole is not None else []
        try:
            return found + [named_file(entry.value) for entry in self._listed() if entry.kind == IN_FILE]
        except ValueError:
            return found

    def _listed(self) -> list[Listed]:
        text = self._text()
        if (whole := secret_file(text)) is not None:
            text = from_file(whole)
        return listed(text) if text else []

    def _text(self) -> str:
        return self._given.reveal().strip() if self._given is not None else ""

    def _made(self, entry: Listed) -> Kek:
        if entry.kind is None:
            return LocalKek(entry.id, decoded(entry))
        if entry.kind == IN_FILE:
            return LocalKek(entry.id, decoded(Listed(entry.id, None, from_file(named_file(entry.value)))))
        if entry not in self._services:
            from headgate.access.key_services import Place, ServiceKek, service

            place = Place(entry.value, self._environ, self._ca)
            try:
                self._services[entry] = ServiceKek(entry.id, service(entry.kind, place))
            except ValueError as error:
                raise ValueError(f"cannot be used: the key {entry.id!r}: {error}") from None
        return self._services[entry]


def make_key(settings: Settings, home: Path) -> str:
    """Make a new encryption key in the *home* and return its id; raise ``ValueError`` where it would be of no use."""
    if settings.encryption_keys is not None:
        raise ValueError(f"The keys stand in {VARIABLE}: put the new one there, before the others.")
    if settings.database_path() is None:
        raise ValueError(
            "The other machines would not have a key that is made in this home: put the new one into "
            f"{VARIABLE} on all of them."
        )
    id = f"home-{now() // MICROSECONDS_A_DAY}-{os.urandom(3).hex()}"
    try:
        add_key(home, id)
    except StorageRefused as error:
        raise ValueError(str(error)) from None
    return id


def missing(ring: Keyring, url: str, *, lasting: bool = True) -> dict[str, str]:
    """Return ids of keys that values in the database at *url* are under and that are not in *ring*, each with what is
    under it in words. Raise ``SqlError`` where it cannot be read."""
    found: dict[str, list[str]] = {}
    ids = ring.ids
    for place, start, count in counted(url, lasting=lasting):
        try:
            id = key_id(start)
        except Unsealable:
            continue  # one that is damaged is told where it is opened
        if id is not None and id not in ids:
            found.setdefault(id, []).append(f"{count:,} {place.kind.replace('_', ' ')}")
    return {id: ", ".join(parts) for id, parts in sorted(found.items())}


def tell_missing(ring: Keyring, url: str) -> None:
    """Tell the log which keys are missing. Not on the event loop."""
    try:
        for id, what in missing(ring, url).items():
            log.error("the encryption key %s is not there, and %s cannot be opened without it", id, what)
    except SqlError as error:
        log.warning("it could not be seen whether encryption keys are missing: %s", error)
