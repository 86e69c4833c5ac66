"""What an index of questions is: the port that those in this process and those elsewhere fill."""

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    Vector = array[float]
else:
    Vector = array  # takes no type before Python 3.12
"""Numbers of 32 bits, of length 1."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A question that was answered. ``expires`` is in microseconds since 1970, UTC."""

    tenant_id: str
    scope: bytes
    key: bytes
    text: str
    vector: Vector
    expires: int

    @property
    def size(self) -> int:
        """Bytes that it is counted with."""
        return len(self.text) + 4 * len(self.vector) + 256


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """A question that an index found, and the cosine of its vector with that of the one that was asked."""

    key: bytes
    text: str
    similarity: float
    expires: int
    vector: Vector


def share(cosine: float) -> float:
    """Return a cosine as callers are told it: from 0 to 1."""
    return max(0.0, min(1.0, cosine))


class Down(Exception):
    """An index could not be asked: the lookup is a miss, an entry is not found later."""


class Index(Protocol):
    """Holds questions by tenant and scope. Every way in takes the tenant; there is no search over several.

    Raises :class:`Down` where it cannot be asked in time.
    """

    async def add(self, item: Item) -> None:
        """Take *item* in, in the place of another under its key."""
        ...

    async def nearest(self, tenant_id: str, scope: bytes, vector: Vector, count: int, now: int) -> list[Near]:
        """Return the *count* nearest of a tenant's scope that have not expired at *now*, nearest first."""
        ...

    async def forget(self, tenant_id: str | None, keys: Sequence[bytes] | None = None) -> None:
        """Forget these keys of a tenant, all of a tenant's, or with ``None`` everybody's."""
        ...

    async def counts(self, tenant_id: str | None) -> tuple[int, int]:
        """Return entries and their bytes, of a tenant or with ``None`` in all."""
        ...

    async def sweep(self, now: int) -> None:
        """Remove what has expired at *now*."""
        ...

    async def close(self) -> None:
        """Give back what is open."""
        ...
