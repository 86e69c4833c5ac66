"""What a manager of secrets is: one class for each, which asks it in its own words."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from headgate.transport.base import Sender


class Unfetched(Exception):
    """A secret could not be had. It says why, and nothing of any secret; ``later`` is whether another try may help."""

    def __init__(self, why: str, *, later: bool = False) -> None:
        super().__init__(why)
        self.later = later


class Place(msgspec.Struct, frozen=True):
    """What is needed to ask."""

    environ: Mapping[str, str]
    """The environment of the process: addresses and credentials of managers are in it, under the vendors' names."""
    sender: Sender

    def __repr__(self) -> str:
        return "Place(...)"


class Manager(Protocol):
    """Keeps secrets. One is made for each time that something is fetched, and may keep a token for as long."""

    def __init__(self, place: Place) -> None:
        """It must not ask anything yet, and not raise."""

    async def fetch(self, target: str) -> str | Mapping[str, Any]:
        """Return the text of the secret at *target*, or its fields where it always has some.

        Raise :class:`Unfetched`, or ``ValueError`` for a credential or an address that is none.
        """
        ...
