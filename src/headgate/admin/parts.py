"""What the management API is handed by the composition root."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from headgate.access.keys import Derived
from headgate.access.types import Principal
from headgate.models.registry import Entry
from headgate.models.select import Wanted
from headgate.observe.log import LogStore
from headgate.observe.usage import UsageStore
from headgate.storage.keys import KeyStore


class Authenticator(Protocol):
    """See ``access.principals.Principals``."""

    def authenticate(
        self, headers: list[tuple[bytes, bytes]], query: bytes, address: str | None
    ) -> Principal | Awaitable[Principal]:
        """Return who calls."""
        ...


class AdminParts(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The parts. Everything takes the tenant as an argument: there is no method without one."""

    principals: Authenticator
    keys: KeyStore
    derived: Derived
    logs: LogStore
    usage: UsageStore
    config: Callable[[], dict[str, Any]]
    """The configuration in force; what may be secret in it is masked before it is shown."""
    models: Callable[[Wanted], list[Entry]]
    """The models of the registry in force that are wanted, by name."""
