"""Errors of Cohere's API: ``{"id", "message"}`` beside the status."""

import re

from headgate.core.errors import HeadgateError, UpstreamFailed
from headgate.core.money import Usage
from headgate.dialects import upstream, wire
from headgate.dialects.waits import Headers

_MONTH = re.compile(rb"trial (api )?key.{0,200}/ ?month", re.I | re.S)
INVALID_TOKEN = 498  # elsewhere it means a full queue


def read_error(status: int, headers: Headers, body: bytes) -> UpstreamFailed:
    """Classify an answer with a status of 400 or more. 498 is a bad key; a trial key's month does not pass soon."""
    if status == INVALID_TOKEN:
        error = upstream.read_error(401, headers, body)
    elif status == 429 and _MONTH.search(body):
        error = upstream.read_error(402, headers, body)
    else:
        return upstream.read_error(status, headers, body)
    error.upstream_status = status
    return error


def failed(said: object, reason: str, usage: Usage | None = None) -> UpstreamFailed:
    """The failure of an answer that ended with the *reason* ``ERROR`` or ``TIMEOUT``.

    *said* is its message, and *usage* what it told to have used, if anything.
    """
    message = said if isinstance(said, str) and said else "The provider ended the answer with an error."
    error = upstream.read_stream_error({"message": message, "type": "timeout_error" if reason == "TIMEOUT" else ""})
    error.usage = usage
    return error


def write_error(error: HeadgateError, request_id: str) -> bytes:
    """Print an error as clients of this API expect it, with our code and the field to blame beside it."""
    body = {"id": request_id, "message": error.message, "code": error.code, "param": error.param}
    return wire.encode({name: value for name, value in body.items() if value is not None})


def write_stream_error(error: HeadgateError, request_id: str) -> bytes:
    """Print an error as the end of a stream."""
    reason = "TIMEOUT" if error.status in (408, 504) else "ERROR"
    event = {"type": "message-end", "id": request_id, "delta": {"finish_reason": reason, "error": error.message}}
    return b"event: message-end\ndata: %b\n\n" % wire.encode(event)
