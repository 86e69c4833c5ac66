"""What the server itself refuses, and how a refusal is printed when no application has been asked yet."""

import http
from typing import Any

import msgspec

from headgate.core.errors import HeadgateError, Refused, Unavailable
from headgate.core.ids import new_id


class TargetTooLong(Refused):
    """414."""

    status = 414
    code = "target_too_long"


class HeadTooLarge(Refused):
    """431: too many header bytes, or too many headers."""

    status = 431
    code = "headers_too_large"


class Overloaded(Unavailable):
    """503: there is no room for another connection."""

    type = "overloaded_error"
    code = "server_overloaded"

    def __init__(self, message: str = "The server holds as many connections as it may. Try again shortly.") -> None:
        super().__init__(message, headers={"retry-after": "1"})


class ClientGone(ConnectionError):
    """The client closed the connection before its request was complete. There is nobody to answer."""


STATUS_LINES: dict[int, bytes] = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in http.HTTPStatus}

_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    415: "invalid_request_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def status_line(status: int) -> bytes:
    """Return the response's first line, CRLF included. A status without a known phrase gets an empty one."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def render(error: HeadgateError, path: bytes) -> tuple[bytes, bytes]:
    """Return (header lines, JSON body): Anthropic's shape under ``/v1/messages``, else OpenAI's."""
    request_id = new_id()
    told: dict[str, Any] = {"message": error.message, "type": error.type, "param": error.param, "code": error.code}
    document: dict[str, Any] = {"error": told}
    if path == b"/v1/messages" or path.startswith(b"/v1/messages/"):
        told["type"] = _ANTHROPIC_TYPES.get(error.status, "api_error")
        document = {"type": "error", "error": told, "request_id": request_id}
    lines = [f"content-type: application/json\r\nx-request-id: {request_id}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in error.headers.items()]
    return "".join(lines).encode("latin-1", "replace"), msgspec.json.encode(document)
