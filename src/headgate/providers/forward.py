"""Which of the caller's own request headers go on to a provider."""

from collections.abc import Iterable

from headgate.providers.base import Provider

SPAN = 36
"""Where a span's id begins in a ``traceparent``: after the version and the trace id."""


def forwarded(provider: Provider, headers: Iterable[tuple[bytes, bytes]], span: bytes = b"") -> bytes:
    """Return the header lines of *headers* (names in lower case) that *provider* lets through, each ending in CRLF.

    *span* (16 hexadecimal digits) takes the place of the caller's in its ``traceparent``: the provider is called by us.
    A value that could end its line and begin another is left out.
    """
    allowed = provider.forward
    found = [
        b"%b: %b\r\n" % (name, value[:SPAN] + span + value[SPAN + 16 :] if span and name == b"traceparent" else value)
        for name, value in headers
        if name in allowed
    ]
    if not found:
        return b""
    return b"".join([line for line in found if line.count(b"\n") == 1 == line.count(b"\r") and b"\0" not in line])
