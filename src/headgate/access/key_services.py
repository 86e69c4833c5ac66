"""Key services, which wrap and unwrap data keys and never give their own key away: ours, and those of other packages.

One of another package is named by an entry point of the group ``headgate.key_services``: its name is the word before
the colon in ``id=service:target``, and it names a callable that takes a :class:`Place` and returns a
:class:`KeyService`. It raises ``ValueError``, saying what to change, for a target that is none.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Protocol

import msgspec

from headgate.access.vault import KeyAway, Unsealable
from headgate.core.plugins import load

REST = 5.0
"""Seconds for which a service that gave no answer is not asked again: many who wait in turn would wait for long."""


class ServiceAway(Exception):
    """The service gives no answer, or refuses us. Later, or once somebody has seen to it, it may. It says why."""


class NotWrapped(Exception):
    """The service says that it has not wrapped this, or with a key that is gone. It says why."""


class KeyService(Protocol):
    """One key of a service. Its methods may block for some seconds, and are called in any thread, several at once."""

    def wrap(self, key: bytes) -> bytes:
        """Return *key* (32 bytes) encrypted, 65,535 bytes at most; raise :class:`ServiceAway`."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return what :meth:`wrap` was given; raise :class:`ServiceAway` or :class:`NotWrapped`."""
        ...


class Place(msgspec.Struct, frozen=True):
    """Where a service is, and what is needed to ask it."""

    target: str
    """What stands after the colon: a URL, a name, whatever the service understands."""
    environ: Mapping[str, str]
    """The environment of the process, in which credentials are found."""
    ca_file: Path | None
    """Certificates of authorities to trust besides the system's."""

    def __repr__(self) -> str:
        return f"Place({self.target!r})"


def service(name: str, place: Place) -> KeyService:
    """Return the service called *name*; raise ``ValueError`` where there is none, or where *place* is none of its."""
    from headgate.access.transit import Transit

    ours: dict[str, Callable[[Place], KeyService]] = {"transit": Transit}
    found: dict[str, Callable[[Place], KeyService]] = load("key_services", ours)
    if name not in found:
        raise ValueError(f"there is no key service {name!r}; there are {', '.join(sorted(found))}")
    return found[name](place)


class ServiceKek:
    """The key of a service as one of a ring; see ``keyring.Kek``."""

    waits = True

    def __init__(self, id: str, service: KeyService) -> None:
        self.id = id
        self._service = service
        self._away_until = 0.0
        self._why = ""

    def wrap(self, key: bytes) -> bytes:
        """See ``keyring.Kek``."""
        return self._ask(self._service.wrap, key)

    def unwrap(self, wrapped: bytes) -> bytes:
        """See ``keyring.Kek``."""
        return self._ask(self._service.unwrap, wrapped)

    def derived(self, use: bytes) -> None:
        """See ``keyring.Kek``: nobody has the key."""

    def _ask(self, what: Callable[[bytes], bytes], value: bytes) -> bytes:
        if monotonic() < self._away_until:
            raise KeyAway(self._why)
        try:
            return what(value)
        except NotWrapped as error:
            raise Unsealable(f"the key service of {self.id!r} does not open its data key: {error}") from None
        except ServiceAway as error:
            self._why = f"the key service of {self.id!r} gives no answer: {error}"
        except Exception as error:  # a package of others must not stop the start
            self._why = f"the key service of {self.id!r} failed: {type(error).__name__}: {error}"
        self._away_until = monotonic() + REST
        raise KeyAway(self._why)
