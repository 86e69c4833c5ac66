"""Errors as AWS tells them: a type in a header or in the frame, a message in the body."""

from headgate.core.errors import HeadgateError, UpstreamFailed
from headgate.dialects import event_stream, upstream, wire
from headgate.dialects.upstream import Told, failed
from headgate.dialects.waits import Headers
from headgate.dialects.wire import ODD

_STATUS = {
    "validationexception": 400,
    "servicequotaexceededexception": 402,  # no more of it until the account's operator acts, whatever its status
    "accessdeniedexception": 403,
    "unrecognizedclientexception": 403,
    "expiredtokenexception": 403,
    "resourcenotfoundexception": 404,
    "modeltimeoutexception": 408,
    "modelerrorexception": 424,
    "modelstreamerrorexception": 424,
    "throttlingexception": 429,
    "modelnotreadyexception": 429,
    "internalserverexception": 500,
    "serviceunavailableexception": 503,
}
_NAMES = {
    401: "AccessDeniedException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    502: "ServiceUnavailableException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
    529: "ServiceUnavailableException",
}
_UNKNOWN_MODEL = "model identifier is invalid"


def read_error(status: int, headers: Headers, body: bytes) -> UpstreamFailed:
    """Classify an answer with a status of 400 or more."""
    told = _told(body)
    name = next((value.decode("latin-1") for name, value in headers if name == b"x-amzn-errortype"), told.type)
    return _classified(name, told.message, headers, status)


def read_exception(frame: event_stream.Frame) -> UpstreamFailed:
    """Classify a frame that tells an error in the middle of a stream."""
    name = frame.text(":exception-type") or frame.text(":error-code")
    told = _told(frame.payload)
    return _classified(name, told.message or frame.text(":error-message"), [], None)


def _classified(name: str, message: str, headers: Headers, status: int | None) -> UpstreamFailed:
    name = name.partition(":")[0].rpartition("#")[2]
    means = _STATUS.get(name.lower(), status or 500)
    if means == 400 and _UNKNOWN_MODEL in message:
        means = 404
    error = failed(means, headers, Told(message, name))
    error.upstream_status = status or means
    return error


def _told(body: bytes) -> Told:
    try:
        document = wire.decode(body)
    except ODD:
        return upstream.tell(body[: upstream.MAX_MESSAGE].decode("utf-8", "replace").strip())
    if not isinstance(document, dict):
        return Told()
    message, type_ = (
        next((found for name in names if isinstance(found := document.get(name), str)), "")
        for names in (("message", "Message", "errorMessage"), ("__type", "code"))
    )
    return Told(message, type_)


def name_of(error: HeadgateError) -> str:
    """Return the exception that a client of AWS raises for *error*."""
    if error.code == "insufficient_quota":
        return "ServiceQuotaExceededException"
    if error.status in _NAMES:
        return _NAMES[error.status]
    return "ValidationException" if 400 <= error.status < 500 else "InternalServerException"


def write_error(error: HeadgateError, request_id: str) -> bytes:
    """``{"message", "code", "reason", "param"}``: *code* is what SDKs read where no header names the exception."""
    return wire.encode({"message": error.message, "code": name_of(error), "reason": error.code, "param": error.param})


def write_exception(error: HeadgateError) -> bytes:
    """Print an error as the last frame of a stream."""
    name = name_of(error)
    if name in ("ModelErrorException", "ModelTimeoutException"):
        name = "ModelStreamErrorException"  # these two have no frames
    headers: event_stream.Headers = {
        ":exception-type": name[:1].lower() + name[1:],
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return event_stream.encode(headers, wire.encode({"message": error.message}))
