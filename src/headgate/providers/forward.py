"""Which of the caller's own request headers go on to a provider."""

from collections.abc import Iterable

from headgate.providers.base import Provider


def forwarded(provider: Provider, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the header lines of *headers* (names in lower case) that *provider* lets through, each ending in CRLF.

    A value that could end its line and begin another is left out.
    """
    allowed = provider.forward
    found = [b"%b: %b\r\n" % (name, value) for name, value in headers if name in allowed]
    if not found:
        return b""
    return b"".join([line for line in found if line.count(b"\n") == 1 == line.count(b"\r") and b"\0" not in line])
