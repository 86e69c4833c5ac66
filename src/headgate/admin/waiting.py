"""Sealing and opening secrets in a request: off the event loop, as a key service may have to be asked."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from headgate.access.vault import KeyAway, Unsealable
from headgate.core.errors import Unavailable

T = TypeVar("T")


async def waited(work: Callable[[], T]) -> T:
    """Return what *work* returns; raise ``Unavailable`` where a key service does not answer, or a secret is lost."""
    try:
        return await asyncio.to_thread(work)
    except KeyAway as error:
        words = f"A secret cannot be sealed or opened now: {error}. Try again."
        raise Unavailable(words, code="key_service_unavailable") from None
    except Unsealable as error:
        raise Unavailable(f"A stored secret cannot be opened: {error}.", code="secret_unreadable") from None
