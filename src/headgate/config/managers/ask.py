"""One question to a manager over our own transport: bounded in time and size, told in words where it fails."""

import re
from typing import TypeVar

import msgspec

from headgate.config.managers.types import Unfetched
from headgate.core.errors import HeadgateError
from headgate.core.redact import redact
from headgate.transport.base import Outbound, Sender, exchange

PATIENCE = 5.0
"""Seconds to connect, to the headers, and for the body in all."""
MAX_ANSWER = 1024 * 1024
"""Bytes of an answer. A secret may have a sixteenth of it."""
MAX_WORDS = 300
LATER = frozenset((408, 429, 500, 502, 503, 504))
UNPRINTED = re.compile(r"[^ -~]+")

T = TypeVar("T")


async def ask(sender: Sender, out: Outbound) -> tuple[int, bytes]:
    """Send *out*; return the status and the body. Raise :class:`Unfetched`."""
    out.connect_timeout = out.headers_timeout = PATIENCE
    try:
        answer, body = await exchange(sender, out, MAX_ANSWER, PATIENCE)
    except HeadgateError as error:
        raise Unfetched(error.message, later=True) from None
    return answer.status, body


def decoded(decoder: "msgspec.json.Decoder[T]", status: int, body: bytes) -> T:
    """Return the answer as *decoder* has it; raise :class:`Unfetched` for what it cannot read."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unfetched(f"answered {status}, and not in its own words", later=status in LATER) from None


def refused(status: int, words: str = "") -> Unfetched:
    """The failure that an answer of *status* is; *words* are the manager's own."""
    said = UNPRINTED.sub(" ", redact(words)).strip()[:MAX_WORDS]
    return Unfetched(f"answered {status}" + (f" ({said})" if said else ""), later=status in LATER)
