"""One error tree. A kind carries its status, type and code; a surface prints it in its client's own shape.

HeadgateError
├── Refused                what the caller asked cannot be done; nothing was spent
│   ├── BadRequest         400  invalid_request_error
│   ├── NotAuthenticated   401  invalid_request_error  invalid_api_key
│   ├── Forbidden          403  permission_error       permission_denied
│   ├── NotFound           404  not_found_error        not_found
│   ├── MethodNotAllowed   405
│   ├── Slow               408  invalid_request_error  request_timeout
│   ├── Stale              412  invalid_request_error  etag_mismatch
│   ├── TooLarge           413  invalid_request_error  request_too_large
│   ├── MediaType          415  invalid_request_error  unsupported_media_type
│   ├── RateLimited        429  rate_limit_error       rate_limit_exceeded
│   │   └── NotNow         the same, of one model or provider: another target may have room
│   └── BudgetSpent        429  insufficient_quota     insufficient_quota   (final: x-should-retry: false)
├── Unavailable            503  the gateway itself cannot serve now
└── UpstreamFailed         what a provider did: see its fields
    ├── AnswerRefused      400  invalid_request_error  content_policy_violation   its answer goes against a policy
    └── AnswerFailed       502  api_error              upstream_answer_failed     its model ended it with a failure
"""

from typing import ClassVar

from headgate.core.money import Usage


class HeadgateError(Exception):
    """The root. ``message`` is for people and holds no secret; ``param`` is the field's path, if one is to blame."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "api_error"
    code: str = "internal_error"

    def __init__(
        self, message: str, *, code: str | None = None, param: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.headers = headers or {}
        if code is not None:
            self.code = code


class Refused(HeadgateError):
    """The caller's own doing: a 4xx."""

    type = "invalid_request_error"


class BadRequest(Refused):
    """400. Always give ``code``, and ``param`` where a field is to blame."""

    status = 400
    code = "invalid_request"


class NotAuthenticated(Refused):
    """401. One wording for every cause, so that nothing is learnt from it."""

    status = 401
    code = "invalid_api_key"

    def __init__(self, message: str = "Incorrect or missing API key. Send a Headgate key (hg_...) as a bearer token."):
        super().__init__(message, headers={"www-authenticate": 'Bearer realm="headgate"'})


class Forbidden(Refused):
    """403."""

    status = 403
    type = "permission_error"
    code = "permission_denied"


class NotFound(Refused):
    """404."""

    status = 404
    type = "not_found_error"
    code = "not_found"


class ModelNotFound(NotFound):
    """404 for a model, in the words SDKs know."""

    type = "invalid_request_error"
    code = "model_not_found"


class MethodNotAllowed(Refused):
    """405, with Allow."""

    status = 405
    code = "method_not_allowed"


class Slow(Refused):
    """408: the request did not arrive in time."""

    status = 408
    code = "request_timeout"


class Conflict(Refused):
    """409."""

    status = 409
    code = "conflict"


class Stale(Refused):
    """412: the object is not what the change was made for."""

    status = 412
    code = "etag_mismatch"


class TooLarge(Refused):
    """413."""

    status = 413
    code = "request_too_large"


class MediaType(Refused):
    """415."""

    status = 415
    code = "unsupported_media_type"


class RateLimited(Refused):
    """429 that passes by itself: ``headers`` carry Retry-After."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class NotNow(RateLimited):
    """A model or a provider has no room for another call at present; another target may."""


class BudgetSpent(Refused):
    """429 that does not pass by itself; agents are told not to retry."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message, param=param, headers={"x-should-retry": "false"})


class Unavailable(HeadgateError):
    """503: ours, not the caller's and not a provider's."""

    status = 503
    code = "unavailable"


class UpstreamFailed(HeadgateError):
    """What a provider did wrong, and what follows from it.

    Fields:
        status: What the client is told if no target is left (an instance value, unlike the rest of the tree).
        retry: Another try, here or elsewhere, may help.
        same_target: A retry may go to the same target (else only to the next one).
        billed: ``none``, or ``uncertain`` where the provider may have worked: the hold then stays.
        upstream_status: The provider's own HTTP status, if there was an answer.
        wait: Seconds the provider asked to wait, if it did.
        usage: What it says that it used, where that is its last word: so much is owed, whatever ``billed`` says.
    """

    def __init__(  # noqa: PLR0913  # every fact of a failure, each named by its caller
        self,
        message: str,
        *,
        status: int,
        code: str,
        type: str = "api_error",
        retry: bool = True,
        same_target: bool = False,
        billed: str = "none",
        upstream_status: int | None = None,
        wait: float | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message, code=code, param=param)
        self.status = status  # type: ignore[misc]  # the provider decides it, so it lives on the instance here
        self.type = type  # type: ignore[misc]
        self.retry = retry
        self.same_target = same_target
        self.billed = billed
        self.upstream_status = upstream_status
        self.wait = wait
        self.usage: Usage | None = None


class AnswerRefused(UpstreamFailed):
    """A guardrail refuses what a provider has answered, which is paid for all the same."""

    def __init__(
        self, message: str, *, again: bool = False, same_target: bool = False, code: str = "content_policy_violation"
    ) -> None:
        """*again* lets another answer be asked for, of the *same_target* or the next."""
        ours = code == "guardrail_unavailable"
        super().__init__(
            message,
            status=503 if ours else 400,
            code=code,
            type="api_error" if ours else "invalid_request_error",
            retry=again,
            same_target=same_target,
        )


class AnswerFailed(UpstreamFailed):
    """A model ended its answer with a failure of its own making, or with what the caller cannot be told.

    A request can bring that about, so that it says nothing of the deployment; and it is paid for like any answer.
    """

    def __init__(self, message: str, *, same_target: bool, usage: Usage | None = None) -> None:
        """*usage* may still be told after the end, see :class:`UpstreamFailed`."""
        super().__init__(
            message, status=502, code="upstream_answer_failed", same_target=same_target, billed="uncertain"
        )
        self.usage = usage
