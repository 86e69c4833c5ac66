"""Where a provider is, and the header lines that never change: checked strictly once, rendered to bytes once."""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, urlsplit

import msgspec

from headgate import __version__
from headgate.core.secret import Secret
from headgate.transport.base import Origin

USER_AGENT = f"headgate/{__version__}"
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110, field names
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\.?\Z")
FRAMING = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect"})
"""Headers that say how a message is cut; a configured one would let it be cut twice."""


class Endpoint(msgspec.Struct, frozen=True):
    """A base URL, taken apart."""

    origin: Origin
    host: str
    """The Host header: with the port where it is not the scheme's own."""
    path: str
    """Without a slash at its end; empty for the root."""


def endpoint(url: str) -> Endpoint:
    """Take a base URL apart; raise ``ValueError`` saying what to change. What may hold a password is not repeated."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"base_url is not a URL: {error}. Write http(s)://host[:port]/path.") from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError("base_url must begin with http:// or https:// and name a host, such as https://host/v1.")
    if "@" in parts.netloc:
        raise ValueError("base_url must not hold a user or password; put the credential into api_key or headers.")
    if "?" in url or "#" in url:
        raise ValueError("base_url must not have a query or fragment; send fixed values by headers instead.")
    if port == 0:
        raise ValueError("base_url names port 0; name the port that the server listens on.")
    host = _host(parts)
    tls = parts.scheme == "https"
    number = port or (443 if tls else 80)
    named = f"[{host}]" if ":" in host else host
    if number != (443 if tls else 80):
        named = f"{named}:{number}"
    return Endpoint(Origin(host, number, tls), named, _path(parts.path))


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if ":" in host:  # urlsplit has checked that it is an IPv6 address in brackets
        return host
    try:
        ascii_host = host.encode("ascii" if host.isascii() else "idna").decode()
    except UnicodeError:
        raise ValueError(f"base_url names the host {host[:100]!r}, which is no host name.") from None
    if not HOST.match(ascii_host) or len(ascii_host) > 253:
        raise ValueError(f"base_url names the host {host[:100]!r}, which is no host name.")
    return ascii_host


def _path(path: str) -> str:
    if any(c <= " " or c == "\x7f" or c == "\\" for c in path):
        raise ValueError("base_url has a blank, control character or backslash in its path; take it out.")
    if any(step in (".", "..") for step in path.split("/")):
        raise ValueError("base_url has a '.' or '..' step in its path; write the path it stands for.")
    return quote(path, safe="/%:@!$&'()*+,;=~-._").rstrip("/")


def credential(key: Secret | None) -> str | None:
    """Return the credential's text, or ``None`` without one; raise ``ValueError`` for what cannot be in a header."""
    text = key.reveal() if key is not None else ""
    if any(c < " " or c > "~" for c in text):
        raise ValueError("api_key has a line break, control character or a letter outside ASCII; copy it again.")
    if text != text.strip():
        raise ValueError("api_key begins or ends with a blank; take it off.")
    return text or None


def fields(*layers: Mapping[str, str]) -> dict[str, str]:
    """Merge header layers, later ones over earlier ones whatever the case; raise ``ValueError`` naming a bad one."""
    merged: dict[str, str] = {}
    for layer in layers:
        for name, value in layer.items():
            if not TOKEN.match(name):
                raise ValueError(f"headers: {name[:100]!r} is no header name.")
            if name.lower() in FRAMING:
                raise ValueError(f"headers: {name!r} is set by the gateway itself; take it out.")
            if any((c < " " and c != "\t") or c == "\x7f" or c > "\xff" for c in value):
                raise ValueError(f"headers: the value of {name!r} has a line break or a letter outside Latin-1.")
            merged[name.lower()] = value.strip(" \t")
    return merged


def render(method: str, endpoint: Endpoint, path: str, lines: Mapping[str, str]) -> bytes:
    """Return the request line and header lines of one operation, each ending in CRLF."""
    text = [f"{method} {endpoint.path}{path} HTTP/1.1", f"host: {endpoint.host}"]
    text += [f"{name}: {value}" for name, value in lines.items()]
    return "".join(f"{line}\r\n" for line in text).encode("latin-1")
