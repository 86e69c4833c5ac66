"""Keys of providers at rest: sealed (see ``envelope``), opened only by who must sign.

What a key belongs to (tenant, provider and id) is authenticated with it, so that no row can be put in another's place.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from headgate.core.ids import new_id, now
from headgate.core.secret import Secret
from headgate.storage.provider_keys import ProviderKeyRow

log = logging.getLogger("headgate.access")

SHOWN = 4
"""Characters shown of the beginning of a key, besides the last four; of a short one, nothing."""
SHORT = 20


class Unsealable(Exception):
    """A stored value cannot be opened: the key above it is not there, or it was moved or damaged. The words say which,
    and name the key."""


class KeyAway(Unsealable):
    """A key service gives no answer now. What it wrapped is whole, and opens when it is back."""


class UnknownKey(Unsealable):
    """The value is under a key that is not in the ring."""


class Sealer(Protocol):
    """What seals: ``envelope.Envelope``, or ``envelope.Direct`` where there are very many values."""

    def seal(self, secret: bytes, about: bytes) -> bytes:
        """Return *secret* sealed; *about* is authenticated with it."""
        ...

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """Return what was sealed; raise :class:`Unsealable` where it, or *about*, is not what it was."""
        ...


def sealed_row(key: Secret, provider: str, name: str, tenant_id: str, sealer: Sealer) -> ProviderKeyRow:
    """Return the row that stores *key*."""
    text = key.reveal()
    id = new_id()
    shown = text if len(text) >= SHORT else ""
    return ProviderKeyRow(
        id=id,
        tenant_id=tenant_id,
        provider=provider,
        name=name,
        sealed=sealer.seal(text.encode(), about(tenant_id, provider, id)),
        key_prefix=shown[:SHOWN],
        last4=shown[-4:],
        created_at=now(),
    )


def opened(row: ProviderKeyRow, sealer: Sealer) -> Secret:
    """Return the key in *row*; raise :class:`Unsealable`."""
    return Secret(sealer.open(row.sealed, about(row.tenant_id, row.provider, row.id)).decode())


def all_opened(
    rows: Iterable[ProviderKeyRow], sealer: Sealer, away: Callable[[], None] = lambda: None
) -> dict[str, list[Secret]]:
    """Return the keys in *rows* by provider; one that cannot be opened is told to the log and left out.

    *away* is called for each that may be opened later, when its key service answers again.
    """
    found: dict[str, list[Secret]] = {}
    for row in rows:
        try:
            found.setdefault(row.provider, []).append(opened(row, sealer))
        except Unsealable as error:
            log.error("the key %s of the provider %s cannot be opened: %s", row.id, row.provider, error)
            if isinstance(error, KeyAway):
                away()
    return found


def about(tenant_id: str, provider: str, id: str) -> bytes:
    """Return what is authenticated with a sealed key."""
    return "\0".join((tenant_id, provider, id)).encode()
