"""The keys that issuers sign with: fetched when they are needed, kept a day where they cannot be fetched anew."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from headgate.access.jwt import BadToken, Token, import_keys
from headgate.access.web import NotFetched
from headgate.core.errors import Unavailable

if TYPE_CHECKING:
    from joserfc.jwk import Key

FRESH = 600.0
"""Seconds for which keys are used unseen."""
KEPT = 86_400.0
"""Seconds that keys outlive their last fetch while their source does not answer."""
PAUSE = 60.0
"""Seconds between two fetches, whatever names of keys are asked for."""
MAX_SETS = 1_000

log = logging.getLogger("headgate.access")


class KeySet:
    """The keys at one URL."""

    __slots__ = ("fetched", "fetching", "keys", "tried")

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.fetched = self.tried = float("-inf")
        self.fetching: asyncio.Task[None] | None = None


class KeySets:
    """Key sets by URL. At most 1,000; the one longest unused is forgotten."""

    def __init__(
        self, fetch: Callable[[str], Awaitable[dict[str, Any]]], clock: Callable[[], float] = monotonic
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._sets: dict[str, KeySet] = {}

    async def keys(self, url: str, token: Token) -> "list[Key]":
        """Return the keys at *url*, fetched anew where they are old or do not have *token*'s, once a minute at most.

        Raise ``Unavailable`` where none were had for a day.
        """
        known = self._sets.pop(url, None) or KeySet()
        self._sets[url] = known
        if len(self._sets) > MAX_SETS:
            del self._sets[next(iter(self._sets))]
        now = self._clock()
        lacks = token.kid is not None and not any(key.get("kid") == token.kid for key in known.keys)
        if (lacks or now - known.fetched >= FRESH) and now - known.tried >= PAUSE:
            known.tried = now
            known.fetching = asyncio.create_task(self._refresh(url, known))
        if known.fetching is not None:
            await asyncio.shield(known.fetching)
        if self._clock() - known.fetched >= KEPT:
            raise Unavailable("The issuer's keys cannot be had now. Try again.", code="auth_unavailable")
        return known.keys

    async def _refresh(self, url: str, known: KeySet) -> None:
        try:
            known.keys = import_keys(await self._fetch(url))
            known.fetched = self._clock()
        except (NotFetched, BadToken) as error:
            log.warning("the keys of an issuer could not be fetched: %s", error)
        finally:
            known.fetching = None
