"""How the sandbox is to behave: asked for in the request's ``metadata``, so that any client can rehearse a bad day.

=============================  ==================================================================================
``sandbox_text``               answer exactly this
``sandbox_latency_ms``         wait so long before the response headers
``sandbox_tokens_per_second``  stream at this rate; a whole answer takes as long as its tokens
``sandbox_error``              answer with this status (``429``, ``500``, ...), or ``timeout``: never answer
``sandbox_truncate``           end the stream after so many events without its terminator; half a whole answer
``sandbox_stall``              say nothing more after so many events, and keep the connection open
=============================  ==================================================================================

Numbers may be written as text, because OpenAI's own metadata holds nothing else.
"""

from typing import Any

import msgspec

from headgate.providers.sandbox.answer import Refused

MAX_LATENCY_MS = 600_000
MAX_TEXT = 65_536
ERRORS: dict[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", "invalid_value", "The request was refused, as it asked to be."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    402: ("insufficient_quota", "insufficient_quota", "You have run out of credits."),
    403: ("permission_error", "permission_denied", "This key may not do that."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist."),
    408: ("timeout_error", "request_timeout", "The request took too long."),
    409: ("conflict_error", "conflict", "Something else is being done."),
    413: ("invalid_request_error", "request_too_large", "The request is too large."),
    422: ("invalid_request_error", "unprocessable", "The request cannot be processed."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached. Try again in 1s."),
    500: ("server_error", None, "The server had an error while processing your request."),
    502: ("server_error", "bad_gateway", "Bad gateway."),
    503: ("server_error", "server_overloaded", "The engine is currently overloaded, please try again later."),
    504: ("server_error", "gateway_timeout", "The gateway timed out."),
    529: ("overloaded_error", "overloaded", "Overloaded."),
}
"""Status -> type, code and message, in OpenAI's words where it has them."""


class Behaviour(msgspec.Struct, frozen=True):
    """What to do besides answering well."""

    latency: float = 0.0
    """Seconds before the response headers."""
    rate: float = 0.0
    """Tokens per second; 0 is all at once."""
    status: int = 0
    """Answer with this error; 0 is none."""
    silent: bool = False
    """Never answer."""
    cut: int | None = None
    """End the stream after so many events, without its terminator."""
    stall: int | None = None
    """Say nothing more after so many events, and keep the connection open."""
    text: str | None = None
    """Answer exactly this."""


NORMAL = Behaviour()


def behaviour(metadata: dict[str, Any] | None) -> Behaviour:
    """Read what *metadata* asks for; raise ``Refused`` naming a key whose value makes no sense."""
    if not metadata or not any(key.startswith("sandbox_") for key in metadata):
        return NORMAL
    asked = {key.removeprefix("sandbox_"): value for key, value in metadata.items() if key.startswith("sandbox_")}
    error = str(asked.pop("error", ""))
    status = 0
    if error and error != "timeout":
        status = int(error) if error.isdecimal() and len(error) == 3 else 0
        if status not in ERRORS:
            known = ", ".join(map(str, ERRORS))
            raise Refused(f"sandbox_error is one of timeout, {known}.", "metadata.sandbox_error")
    text = asked.pop("text", None)
    if text is not None and (not isinstance(text, str) or len(text) > MAX_TEXT):
        raise Refused(f"sandbox_text is text of at most {MAX_TEXT} characters.", "metadata.sandbox_text")
    made = Behaviour(
        latency=_number(asked, "latency_ms", MAX_LATENCY_MS) / 1000,
        rate=_number(asked, "tokens_per_second", 1_000_000),
        status=status,
        silent=error == "timeout",
        cut=int(_number(asked, "truncate", 1_000_000)) if "truncate" in asked else None,
        stall=int(_number(asked, "stall", 1_000_000)) if "stall" in asked else None,
        text=text,
    )
    unknown = asked.keys() - {"latency_ms", "tokens_per_second", "truncate", "stall"}
    if unknown:
        name = f"sandbox_{min(unknown)}"
        raise Refused(f"The sandbox does not know {name[:80]!r}.", f"metadata.{name[:80]}")
    return made


def _number(asked: dict[str, Any], name: str, most: float) -> float:
    value = asked.get(name, 0)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= most or isinstance(value, bool):
        raise Refused(f"sandbox_{name} is a number from 0 to {most:g}.", f"metadata.sandbox_{name}")
    return number
