"""What a provider's error means: for the caller, for a retry, for the bill. Status first, words second.

The words differ and the statuses are not always kept to: money that ran out is a 400, 402 or 429, a wrong key may be a
400, and an error may arrive inside of a stream that began with 200.
"""

import re
from typing import Any, NamedTuple

from headgate.core.errors import AnswerFailed, UpstreamFailed
from headgate.core.money import Usage
from headgate.core.redact import redact
from headgate.dialects import wire
from headgate.dialects.waits import Headers, reset_of, wait_of
from headgate.dialects.wire import ODD

MAX_MESSAGE = 2000

_CONTEXT = re.compile(
    r"context[_ ]length|context[_ ]window|maximum context|prompt is too long|too many (input )?tokens|"
    r"input is too long|reduce the length|exceed_context_size|"
    r"exceed\w* the (model'?s )?(maximum |available )?(context|input) ",
    re.I,
)
_FILTER = re.compile(r"content[_ ](filter|policy|management)|ResponsibleAIPolicy|moderation|safety system", re.I)
_MONEY = re.compile(
    r"insufficient_quota|credit[_ ]balance|billing_(error|hard|not)|spend(ing)?[_ ]limit|usage[_ ]limit_reached|"
    r"quota_exceeded|exceeded your current quota|out of credits|insufficient (balance|credit|funds)|payment required",
    re.I,
)
_FLAGGED = re.compile(
    r"\b(content|inputs?|prompts?|request|messages?|output) (\w+ ){0,2}(flagged|violat\w+)|safety_check|flagged_input",
    re.I,
)
_SHUT = re.compile(
    r"(account|organi[sz]ation|workspace|team|key)\b.{0,40}(disabled|suspended|activated|banned|terminat)", re.I
)
_NO_MODEL = re.compile(
    r"model_not_found|model_permission|access to (use |the |this |that |requested |specified )*(publisher )?models?\b|"
    r"model access is denied|(authorized|allowed|permitted|permission) to (use|access|invoke|call) (the |this )?model|"
    r"bedrock:\w+ on resource|model\b.{0,100} is (blocked|not enabled|disabled)",
    re.I | re.S,
)
"""A 403 in such words is about one model, not about the credential: others may still be asked with it."""
_KEY = re.compile(r"(incorrect|invalid|wrong|missing) (x-)?api[ -_]?key|invalid_api_key|authentication_error", re.I)
_QUOTED = re.compile(r"""(['"`])[^'"`]*\1""")
# What a 404 says that is about what the gateway asked for, a model or a path, and not about what its caller named.
_GONE = re.compile(
    r"(?<![\w-])(models?|deployments?|engine|endpoint|inference profile)(?![\w-])|model_?not_?found|"
    r"deployment_?not_?found|no endpoints found for|not found for account|invalid url|"
    r"^\W*(404 )?((the )?(requested )?(resource|page|path|route|url) )?((was|is) )?not found\W*$",
    re.I,
)
# The names that stand in error bodies, for what comes inside of a stream and so has no status of its own.
_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "requests": 429,
    "tokens": 429,
    "insufficient_quota": 429,
    "resource_exhausted": 429,
    "api_error": 500,
    "server_error": 500,
    "internal_server_error": 500,
    "unavailable": 503,
    "service_unavailable": 503,
    "server_is_overloaded": 503,
    "timeout_error": 504,
    "overloaded_error": 529,
    "overloaded": 529,
    "context_length_exceeded": 400,
    "content_filter": 400,
    "tool_use_failed": 400,
}


_SAME_AGAIN = frozenset(
    ("LANGUAGE", "NO_IMAGE", "TOO_MANY_TOOL_CALLS", "UNEXPECTED_TOOL_CALL", "MISSING_THOUGHT_SIGNATURE")
)
"""Ends of answers that follow from the request. Other failures are of one sample, and the next may be better."""


class Told(NamedTuple):
    """What the provider said, whatever shape it said it in."""

    message: str = ""
    type: str = ""
    code: str = ""
    param: str | None = None
    status: int | None = None

    @property
    def words(self) -> str:
        """Everything that was said, to look for words in."""
        return f"{self.code} {self.type} {self.message}"


def read_error(status: int, headers: Headers, body: bytes) -> UpstreamFailed:
    """Classify an answer with a status of 400 or more."""
    try:
        told = tell(wire.decode(body))
    except ODD:
        text = body[:MAX_MESSAGE].decode("utf-8", "replace").strip()
        told = Told("" if text.startswith("<") else text)  # a page of HTML helps nobody
    return failed(status, headers, told)


def read_stream_error(error: Any) -> UpstreamFailed:
    """Classify an error object that came where content was due."""
    told = tell({"error": error})
    status = told.status
    if status is None:
        names = (told.code.lower(), told.type.lower())
        status = next((_STATUS[name] for name in names if name in _STATUS), 500)
    return failed(status, [], told)


def ended_with(word: str, message: Any = None, usage: Usage | None = None) -> AnswerFailed:
    """The failure of an answer that ended for a reason that is none, *word* in the provider's language.

    *usage* is what the answer told, where it is known by now.
    """
    said = f" ({redact(message[:500])})" if isinstance(message, str) and message else ""
    return AnswerFailed(
        f"The model ended its answer with {word}{said}.", same_target=word not in _SAME_AGAIN, usage=usage
    )


def untold(what: str, usage: Usage | None = None) -> AnswerFailed:
    """The failure of an answer that has *what* the caller's API has no room for; the same target does it again."""
    return AnswerFailed(f"The model {what}.", same_target=False, usage=usage)


def tell(document: Any) -> Told:
    """Find message, type, code and parameter in any of the shapes that providers use."""
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict):
        return Told(document if isinstance(document, str) else "")
    inner = document.get("error")
    if isinstance(inner, str):
        return Told(inner, code=_text(document.get("code")))
    error = inner if isinstance(inner, dict) else document
    detail = error.get("detail")
    message = _text(error.get("message")) or (detail if isinstance(detail, str) else _details(detail))
    code = error.get("code")
    nested = error.get("details")
    if code is None and isinstance(nested, dict):
        code = nested.get("error_code")
    statuses = (error.get("status_code"), error.get("http_code"), code, document.get("code"))
    status = next((s for s in map(_number, statuses) if s is not None and 400 <= s < 600), None)
    param = error.get("param")
    return Told(
        message,
        _text(error.get("type")) or _text(error.get("status")),
        _text(code),
        param if isinstance(param, str) else None,
        status,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if type(value) is int else ""


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) == 3:
        return int(value)
    return value if isinstance(value, int) else None


def _details(detail: Any) -> str:
    """FastAPI's validation errors: a list of places and messages."""
    if not isinstance(detail, list):
        return ""
    said = []
    for one in detail[:5]:
        if isinstance(one, dict):
            place = one.get("loc")
            path = ".".join(map(str, place)) if isinstance(place, list) else ""
            said.append(f"{path}: {_text(one.get('msg'))}")
    return "; ".join(said)


def failed(status: int, headers: Headers, told: Told) -> UpstreamFailed:
    """Decide what follows from *status* and from what was said."""
    given = {name: value for name, value in headers if name in _READ}
    error = _classify(status, told)
    error.upstream_status = status
    asked = given.get(b"x-should-retry")
    if asked == b"true":
        error.retry = error.same_target = True
    elif asked == b"false":
        error.same_target = False  # another target may still be asked
    if error.retry:
        error.wait = wait_of(given)
        if error.wait is None and error.status == 429:
            error.wait = reset_of(headers)
        if error.wait is not None:
            error.headers["retry-after"] = str(max(round(error.wait + 0.5), 1))
    return error


_READ = frozenset({b"x-should-retry", b"retry-after-ms", b"retry-after", b"date"})


def _classify(status: int, told: Told) -> UpstreamFailed:
    words = told.words
    if status in (400, 402, 403, 429) and _MONEY.search(words):
        return _broke(status)
    if status in (400, 413, 422):
        if status == 400 and _KEY.search(words):
            return _locked_out(status)
        return _callers_own(status, told, words)
    if status == 403 and not _SHUT.search(words):
        if _FILTER.search(words) or _FLAGGED.search(words):
            return _callers_own(400, told._replace(code="content_filter"), "content_filter")
        if _NO_MODEL.search(words):
            return _unknown("The provider does not let the gateway's account use this model.", told)
    if status in (401, 403):
        return _locked_out(status)
    if status == 402:
        return _broke(status)
    if status == 404 and not _gone(told):
        return _callers_own(status, told, words)
    if status == 404:
        return _unknown("The provider does not know this model.", told)
    if status in (429, 498):
        return UpstreamFailed(
            "The provider's rate limit is reached." + _said(told),
            status=429,
            type="rate_limit_error",
            code="upstream_rate_limited",
            same_target=True,
        )
    if status in (502, 503, 529):
        return UpstreamFailed(
            "The provider is overloaded or down." + _said(told),
            status=503,
            type="overloaded_error",
            code="upstream_unavailable",
            same_target=True,
        )
    if status in (408, 504):
        return UpstreamFailed(
            "The provider ran out of time." + _said(told),
            status=504,
            code="upstream_timeout",
            same_target=status == 408,
            billed="uncertain" if status == 504 else "none",
        )
    return UpstreamFailed(
        f"The provider answered {status}." + _said(told),
        status=502,
        code="upstream_error",
        same_target=status == 409 or status >= 500,
    )


def _gone(told: Told) -> bool:
    """Whether a 404 is about the deployment. An item or a file that a request names is for its caller to mend."""
    if told.param is not None:
        return told.param == "model"
    said = [words for words in (_QUOTED.sub("", told.message), told.code) if words]
    return not said or any(_GONE.search(words) for words in said)


def _callers_own(status: int, told: Told, words: str) -> UpstreamFailed:
    """What is wrong with the request itself is passed on in the provider's words, and not tried again."""
    if _CONTEXT.search(words):
        code = "context_length_exceeded"
    elif _FILTER.search(words):
        code = "content_filter"
    else:
        code = told.code if told.code and not told.code.isdecimal() else ""
    return UpstreamFailed(
        redact(told.message[:MAX_MESSAGE]) or f"The provider refused the request with status {status}.",
        status=status,
        type="invalid_request_error",
        code=redact(code) or ("request_too_large" if status == 413 else "upstream_bad_request"),
        retry=False,
        param=told.param,
    )


def _unknown(message: str, told: Told) -> UpstreamFailed:
    return UpstreamFailed(message + _said(told), status=502, code="upstream_model_not_found")


def _locked_out(status: int) -> UpstreamFailed:
    return UpstreamFailed(
        f"The provider refused the gateway's own credential (status {status}). Its operator must renew it.",
        status=502,
        code="upstream_auth_error",
    )


def _broke(status: int) -> UpstreamFailed:
    return UpstreamFailed(
        f"The gateway's account at the provider has no credit left (status {status}). Its operator must refill it.",
        status=502,
        code="upstream_quota_exhausted",
    )


def _said(told: Told) -> str:
    return f" It said: {redact(told.message[:500])}" if told.message else ""
