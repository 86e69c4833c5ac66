"""The header lines of a call that is passed on as it came: which go to the provider, and which come back."""

from collections.abc import Iterable

from headgate.core.call import Call
from headgate.core.money import usd
from headgate.core.record import Attempt
from headgate.pipeline.answer import REQUEST_IDS, limit_lines
from headgate.pipeline.options import PREFIX
from headgate.providers.base import Target
from headgate.transport.base import Inbound

HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer transfer-encoding"
    b" upgrade content-length host expect".split()
)
"""Header lines that are about one connection."""
OURS = frozenset(
    b"authorization x-api-key api-key x-goog-api-key x-amz-security-token cookie forwarded x-real-ip via"
    b" accept-encoding user-agent x-http-method-override x-http-method x-method-override".split()
)
"""Header lines of a request that are for the gateway alone, tell of the network before it, or would make another
method of the one that was looked at."""
BEFORE = (PREFIX, b"x-forwarded-", b"sec-")
KEPT = frozenset((b"set-cookie", b"set-cookie2", b"x-request-id", b"alt-svc", b"strict-transport-security", b"server"))
"""Header lines of an answer that are between the gateway and the provider."""
LIMITS = (b"x-ratelimit-", b"ratelimit", b"anthropic-ratelimit-", PREFIX)
"""How the names begin of header lines that tell of the account's own limits, not of the caller's."""


def onward(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the caller's header lines that go on to the provider."""
    given = list(headers)
    named = {one.strip().lower() for name, value in given if name == b"connection" for one in value.split(b",")}
    return [
        (name, value)
        for name, value in given
        if name not in HOP
        and name not in OURS
        and name not in named
        and not name.startswith(BEFORE)
        and not any(sign in value for sign in (b"\r", b"\n", b"\0"))
    ]


def head(call: Call, target: Target, attempt: Attempt, inbound: Inbound, *, bare: bool) -> bytes:
    """Return the header lines of the answer: the provider's, but for those of one connection and of its account."""
    lines = [b"x-request-id: %b\r\nx-headgate-provider: %b\r\n" % (call.id.encode(), target.provider.name.encode())]
    if attempt.cost_nano is not None and not call.streaming:
        lines.append(f"x-headgate-cost: {usd(attempt.cost_nano)}\r\n".encode())
    named = {one.strip().lower() for one in (inbound.header(b"connection") or b"").split(b",")}
    for name, value in inbound.headers:
        if name in REQUEST_IDS and attempt.upstream_id is None:
            attempt.upstream_id = value[:128].decode("latin-1")
            lines.append(b"x-headgate-upstream-request-id: %b\r\n" % value[:128])
        hop = name in HOP and not (bare and name == b"content-length")
        if not (hop or name in KEPT or name in named or name.startswith(LIMITS)):
            lines.append(b"%b: %b\r\n" % (name, value))
    if call.streaming:
        lines.append(b"x-accel-buffering: no\r\n")
    return b"".join(lines) + limit_lines(call).encode()
