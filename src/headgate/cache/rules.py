"""What may be kept and what may be given again: decisions alone."""

from typing import Literal

import msgspec

from headgate.cache.config import CacheConfig
from headgate.cache.types import Entry
from headgate.core.errors import BadRequest, NotFound

MOST_AGE = 30 * 86_400


class Control(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a caller asks of the cache."""

    off: bool = False
    """Neither answer from it nor keep the answer."""
    no_cache: bool = False
    """Do not answer from it; keep the answer."""
    no_store: bool = False
    """Answer from it, keep nothing."""
    only: bool = False
    """Answer from it or not at all."""
    max_age: int | None = None
    """Seconds."""
    exact: bool = False
    """Answer no request with the answer of another that is only near to it."""


PLAIN = Control()
WORDS = "on, off, no-cache, no-store, only-if-cached, exact, max-age=SECONDS"


def control(text: str) -> Control:
    """Read ``no-store, max-age=60``; raise ``ValueError`` saying what it takes."""
    found: dict[str, bool | int] = {}
    for part in text.lower().split(","):
        word, equals, number = part.strip().partition("=")
        if word == "max-age" and number.isdecimal() and int(number) <= MOST_AGE:
            found["max_age"] = int(number)
        elif word == "only-if-cached" and not equals:
            found["only"] = True
        elif word in ("off", "no-cache", "no-store", "exact") and not equals:
            found[word.replace("-", "_")] = True
        elif word != "on" or equals:
            raise ValueError(f"takes one or more of: {WORDS}")
    if found.get("only") and (found.get("off") or found.get("no_cache")):
        raise ValueError("says both that the cache is to answer and that it is not")
    return msgspec.convert(found, Control)


def wished(text: str) -> Control:
    """Read the same of a body; raise ``BadRequest``."""
    try:
        return control(text)
    except ValueError as error:
        raise BadRequest(f"headgate.cache {error}.", code="invalid_option", param="headgate.cache") from None


Refusal = Literal["", "no_store", "tool_call", "too_large", "empty", "unfinished"]
"""Why an answer is not kept; empty where it is."""


def refusal(config: CacheConfig, *, finish: str | None, size: int, tools: bool, operation: str, store: bool) -> Refusal:
    """Say why an answer of *size* bytes is not kept; it came whole, with status 200, and nobody refused it."""
    if not store:
        return "no_store"
    if not size:
        return "empty"
    if size > config.max_entry:
        return "too_large"
    if operation != "chat":
        return ""
    if tools and not config.tool_calls:
        return "tool_call"
    # A provider's own filter is no answer; a length that was reached is one: it is in the key.
    return "" if finish in ("stop", "length") or (tools and finish == "tool_calls") else "unfinished"


def usable(entry: Entry, asked: Control, now: int) -> bool:
    """Tell whether *entry* may be given at *now* (microseconds since 1970)."""
    if now >= entry.expires:
        return False
    return asked.max_age is None or now - entry.at <= asked.max_age * 1_000_000


def not_kept(why: str) -> NotFound:
    """The refusal of who wants an answer from the cache or none."""
    return NotFound(
        f"The cache has no answer for this request ({why}), and x-headgate-cache: only-if-cached asks for no other.",
        code="not_cached",
        param="x-headgate-cache",
    )
