"""The head of a request: llhttp judges every byte of it, and what it says is collected here.

A parser is made for each head and given exactly the bytes up to the empty line, so none of its state outlives a request
and the end of a head is always known. Bodies never pass through it.
"""

import re
from typing import Any
from urllib.parse import unquote

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from headgate.core.errors import BadRequest, MediaType, MethodNotAllowed
from headgate.transport.server_errors import HeadTooLarge, TargetTooLong

_COMMON = b"""Accept Accept-Encoding Accept-Language Anthropic-Beta Anthropic-Version Api-Key Authorization Baggage
Cache-Control Connection Content-Encoding Content-Length Content-Type Cookie Expect Host Idempotency-Key If-Match
If-None-Match Openai-Beta Openai-Organization Openai-Project Origin Pragma Referer Sec-Fetch-Dest Sec-Fetch-Mode
Sec-Fetch-Site Traceparent Tracestate Transfer-Encoding Upgrade User-Agent X-Api-Key X-Forwarded-For X-Forwarded-Proto
X-Goog-Api-Key X-Headgate-Cache X-Headgate-Clamp X-Headgate-Metadata X-Headgate-Session X-Headgate-Tags
X-Headgate-Timeout X-Headgate-User X-Request-Id X-Stainless-Arch X-Stainless-Async X-Stainless-Helper-Method
X-Stainless-Lang X-Stainless-OS X-Stainless-Package-Version X-Stainless-Read-Timeout X-Stainless-Retry-Count
X-Stainless-Runtime X-Stainless-Runtime-Version X-Stainless-Timeout""".split()

KNOWN: dict[bytes, bytes] = {name.lower(): name.lower() for name in _COMMON} | {n: n.lower() for n in _COMMON}
"""Spellings that clients send, to their lower case: one lookup instead of a search and a copy for each header."""

_HOST = re.compile(rb"(?:[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,64}\])(?::[0-9]{0,5})?").fullmatch
_AUTHORITY = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL).fullmatch
LENGTH = b"\r\ncontent-length: "
_CR = 0x0D
MAX_DIGITS = 10
MAX_TWIN = 4096
"""Bytes: a longer head is not kept to be compared."""
_CODINGS = {b"gzip": True, b"x-gzip": True, b"deflate": True, b"identity": False, b"": False}


class Head:
    """What a request's head says. ``headers`` has lower-case names; a repeated header is one value joined by commas.

    Fields:
        target: The path and query as sent, always beginning with ``/`` (or ``*`` for OPTIONS).
        length: Bytes of the body by Content-Length, 0 without a body, -1 if chunked.
        http11: The client speaks HTTP/1.1, not 1.0.
        keep_alive: The client wants the connection kept.
        expects: The client waits for ``100 Continue`` before it sends the body.
        deflated: The body is gzip or zlib; ``content-encoding`` and ``content-length`` are already taken out.
        memo: What others make of the headers and the target alone, by a name of theirs; twins share it.
    """

    __slots__ = (
        "_more",
        "deflated",
        "expects",
        "headers",
        "http11",
        "keep_alive",
        "length",
        "memo",
        "method",
        "target",
        "words",
    )

    method: bytes
    target: bytes
    http11: bool

    def __init__(self) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.length = 0
        self.keep_alive = True
        self.expects = False
        self.deflated = False
        self._more = 0
        self.memo: dict[str, Any] = {}
        self.words: tuple[str, str, bytes, bytes] | None = None
        """Method and decoded path, path and query as they came; see :meth:`read_words`."""

    def read_words(self) -> tuple[str, str, bytes, bytes]:
        """Take the target apart; a twin has it ready."""
        raw_path, _, query = self.target.partition(b"?")
        path = raw_path.decode("ascii")
        self.words = self.method.decode("ascii"), unquote(path) if "%" in path else path, raw_path, query
        return self.words

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; called by the parser. A name with ``_`` is dropped: proxies take it for its ``-`` twin."""
        key = KNOWN.get(name)
        if key is None:
            if b"_" in name:
                self._more += 1
                return
            key = name.lower()
        headers = self.headers
        if key in headers:
            self._more += 1
            if key == b"host":
                raise BadRequest("The request has more than one Host header.", code="invalid_host")
            headers[key] = headers[key].rstrip(b" \t") + (b"; " if key == b"cookie" else b", ") + value
        else:
            headers[key] = value


class Twin:
    """A head that was read, to know the next one by that differs in nothing but the number of its Content-Length.

    A client sends the same headers over a connection again and again; to compare them costs a tenth of reading them.
    """

    __slots__ = ("_after", "_before", "_head")

    def __init__(self, before: bytes, after: bytes, head: Head) -> None:
        self._before = before
        self._after = after
        self._head = head

    @classmethod
    def of(cls, data: bytes, head: Head) -> "Twin | None":
        """Return the twin of *head*, read from *data*; ``None`` for one that is long, or says more of its body."""
        digits = head.headers.get(b"content-length", b"")
        if head.length <= 0 or head.expects or head.deflated or len(data) > MAX_TWIN or not digits.isdigit():
            return None
        at = data.lower().find(LENGTH)
        start = at + len(LENGTH)
        end = start + len(digits)
        if at < 0 or data[start : end + 2] != digits + b"\r\n":
            return None
        return cls(data[:start], data[end:], head)

    def read(self, data: bytes) -> tuple[Head, int] | None:
        """Return the head that *data* begins with, and where it ends, if it is the same but for its length."""
        before, after = self._before, self._after
        if not data.startswith(before):
            return None
        start = len(before)
        end = data.find(_CR, start, start + MAX_DIGITS + 1)
        digits = data[start:end]
        if end < 0 or not digits.isdigit() or not data.startswith(after, end):
            return None
        known, head = self._head, Head()
        head.method, head.target, head.http11 = known.method, known.target, known.http11
        head.keep_alive, head.words, head.memo = known.keep_alive, known.words, known.memo
        head.headers = {**known.headers, b"content-length": digits}
        head.length = int(digits)
        return head, end + len(after)


def parse_head(data: bytes, max_target: int, max_headers: int) -> Head:
    """Read *data*, a whole head with its empty line.

    Raise ``BadRequest`` (``invalid_http``, ``invalid_framing``, ``invalid_host``), ``TargetTooLong``, ``HeadTooLarge``,
    ``MethodNotAllowed`` or ``MediaType``.
    """
    if len(data) > 8192 and data.count(b"\n") > max_headers + 2:
        raise HeadTooLarge(f"The request has more than {max_headers} headers.")
    head = Head()
    parts = data[: data.find(b"\r\n")].split(b" ")
    if len(parts) != 3:
        raise _bad("its first line is not a method, a target and a version")
    head.method, head.target, version = parts
    if len(head.target) > max_target:
        raise TargetTooLong(f"The request target is longer than {max_target} bytes.")
    head.http11 = version == b"HTTP/1.1"
    if not head.http11 and version != b"HTTP/1.0":
        raise _bad("its version is neither HTTP/1.1 nor HTTP/1.0")
    _judge(head, data)
    headers = head.headers
    if len(headers) + head._more > max_headers:
        raise HeadTooLarge(f"The request has more than {max_headers} headers.")
    if b" \r\n" in data or b"\t" in data:
        for name, value in headers.items():
            headers[name] = value.rstrip(b" \t")
    if head.target[:1] != b"/" or b"#" in head.target:
        _unusual_target(head)
    _frame(head, headers)
    return head


def valid_host(host: bytes) -> bool:
    """Return whether *host* is a name or an address, with or without a port, and nothing else."""
    return _HOST(host) is not None


def _judge(head: Head, data: bytes) -> None:
    try:
        HttpRequestParser(head).feed_data(data)
    except HttpParserUpgrade:
        if head.method == b"CONNECT":
            raise MethodNotAllowed("This server is not a proxy.", headers={"allow": "GET, POST"}) from None
        # Any other upgrade is an offer, and not to take it is an answer: the request is served as it stands.
    except HttpParserError as exc:
        if isinstance(exc.__context__, BadRequest):
            raise exc.__context__ from None
        raise _bad(str(exc)) from None


def _frame(head: Head, headers: dict[bytes, bytes]) -> None:
    """Fill in what decides where the message ends and what happens after it."""
    length = headers.get(b"content-length")
    if length is not None:
        head.length = int(length)
    elif b"transfer-encoding" in headers:
        if headers[b"transfer-encoding"].lower() != b"chunked" or not head.http11:
            raise BadRequest("The only transfer coding is chunked, in HTTP/1.1.", code="invalid_framing")
        head.length = -1
    connection = headers.get(b"connection")
    if connection is None:
        head.keep_alive = head.http11
    elif connection != b"keep-alive":
        options = {option.strip() for option in connection.lower().split(b",")}
        head.keep_alive = b"close" not in options and (head.http11 or b"keep-alive" in options)
    if b"expect" in headers and head.http11 and head.length:
        head.expects = headers[b"expect"].lower() == b"100-continue"
    if b"content-encoding" in headers:
        _decode(head, headers)
    if b"host" not in headers and head.http11:
        raise BadRequest("The request has no Host header.", code="invalid_host")


def _decode(head: Head, headers: dict[bytes, bytes]) -> None:
    coding = headers.pop(b"content-encoding").lower()
    if coding not in _CODINGS:
        raise MediaType("The request body may be plain, gzip or deflate, in one coding.", param="content-encoding")
    if _CODINGS[coding] and head.length:
        head.deflated = True
        headers.pop(b"content-length", None)


def _unusual_target(head: Head) -> None:
    """Turn the absolute form into the usual one; its authority counts, not the Host header (RFC 9112, 3.2.2)."""
    if head.target == b"*" and head.method == b"OPTIONS":
        return
    match = _AUTHORITY(head.target)
    if match is None or b"#" in head.target:
        raise _bad("its target is not a path")
    head.headers[b"host"] = match[1]
    head.target = match[2] if match[2][:1] == b"/" else b"/" + match[2]


def _bad(why: str) -> BadRequest:
    return BadRequest(f"This is not a valid HTTP request: {why}.", code="invalid_http")
