"""Errors as the clients of each API family expect them."""

from headgate.core.errors import HeadgateError
from headgate.dialects import wire

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
    529: "overloaded_error",
}


def openai_error(error: HeadgateError) -> bytes:
    """``{"error": {message, type, param, code}}``."""
    return wire.encode(
        {"error": {"message": error.message, "type": error.type, "param": error.param, "code": error.code}}
    )


def anthropic_error(error: HeadgateError, request_id: str) -> bytes:
    """``{"type": "error", "error": {type, message, code, param}, "request_id"}``; the type follows from the status."""
    inner = {
        "type": _ANTHROPIC_TYPES.get(error.status, "api_error"),
        "message": error.message,
        "code": error.code,
        "param": error.param,
    }
    return wire.encode({"type": "error", "error": inner, "request_id": request_id})
