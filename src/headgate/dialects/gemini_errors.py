"""What Google's errors mean, <https://ai.google.dev/gemini-api/docs/troubleshooting>, and ours in its shape."""

import re
from typing import Any

from headgate.core.errors import HeadgateError, UpstreamFailed
from headgate.core.redact import redact
from headgate.dialects import upstream, wire
from headgate.dialects.upstream import Told
from headgate.dialects.waits import MAX_WAIT, Headers
from headgate.dialects.wire import ODD

STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "UNIMPLEMENTED",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""HTTP status to Google's own word for it."""
_NUMBERS = {word: status for status, word in reversed(STATUS.items())} | {
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
    "INTERNAL": 500,
}
_SECONDS = re.compile(r"(\d{1,6}(?:\.\d{1,9})?)s")
_KEY = re.compile(r"API[ _]key (not valid|expired|not found)|API_KEY_INVALID", re.I)
_CONTEXT = re.compile(r"input token count.{0,60}exceed", re.I | re.S)
_DAILY = re.compile(r"per_?day|daily", re.I)


def read_error(status: int, headers: Headers, body: bytes) -> UpstreamFailed:
    """Classify an answer with a status of 400 or more."""
    try:
        document = wire.decode(body)
    except ODD:
        return upstream.read_error(status, headers, body)
    if isinstance(document, list) and document:
        document = document[0]
    inner = document.get("error") if isinstance(document, dict) else None
    if not isinstance(inner, dict):
        return upstream.read_error(status, headers, body)
    return _classified(status, headers, inner)


def read_stream_error(error: Any) -> UpstreamFailed:
    """Classify an error object that came where content was due."""
    if not isinstance(error, dict):
        return upstream.read_stream_error(error)
    code, word = error.get("code"), error.get("status")
    status = code if isinstance(code, int) and 400 <= code < 600 else _NUMBERS.get(str(word), 500)
    return _classified(status, [], error)


def _classified(status: int, headers: Headers, error: dict[str, Any]) -> UpstreamFailed:
    details = [one for one in _list(error.get("details")) if isinstance(one, dict)]
    message = error.get("message")
    told = Told(message if isinstance(message, str) else "", str(error.get("status") or ""))
    if status == 400 and (_KEY.search(told.message) or any(one.get("reason") == "API_KEY_INVALID" for one in details)):
        return upstream.failed(401, headers, told)
    if status == 400 and _CONTEXT.search(told.message):
        told = told._replace(code="context_length_exceeded")
    if status == 429:
        return _limited(headers, told, details)
    return upstream.failed(status, headers, told)


def _limited(headers: Headers, told: Told, details: list[dict[str, Any]]) -> UpstreamFailed:
    """A limit that passes in a moment, or one of the day. The words are the same, the details are not."""
    quotas = [
        str(one.get("quotaId") or one.get("quotaMetric") or "")
        for detail in details
        for one in _list(detail.get("violations"))
        if isinstance(one, dict)
    ]
    if any(_DAILY.search(quota) for quota in quotas):
        return UpstreamFailed(
            "The gateway's quota of the day at the provider is used up.",
            status=502,
            code="upstream_quota_exhausted",
            upstream_status=429,
        )
    # The usual words of it ("check your plan and billing details") would pass for an account without credit.
    failure = upstream.failed(429, headers, Told())
    if told.message:
        failure.message += f" It said: {redact(told.message[:500])}"
    waits = [float(found[1]) for one in details if (found := _SECONDS.fullmatch(str(one.get("retryDelay"))))]
    if waits and failure.wait is None:
        failure.wait = min(max(waits), MAX_WAIT)
        failure.headers["retry-after"] = str(max(round(failure.wait + 0.5), 1))
    return failure


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def gemini_error(error: HeadgateError) -> bytes:
    """``{"error": {code, message, status, details: [{reason, field}]}}``; the status follows from the number."""
    word = STATUS.get(error.status, "INTERNAL" if error.status >= 500 else "FAILED_PRECONDITION")
    inner = {
        "code": error.status,
        "message": error.message,
        "status": word,
        "details": [{"reason": error.code, "field": error.param}],
    }
    return wire.encode({"error": inner})
