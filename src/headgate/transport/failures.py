"""The ways an upstream can fail before it has said anything worth reading, each as the error that callers act on."""

from headgate.core.errors import UpstreamFailed
from headgate.transport.base import Origin


def where(origin: Origin) -> str:
    """Return ``host:port``, with an IPv6 address in brackets. Never a path: some providers carry keys in it."""
    return f"[{origin.host}]:{origin.port}" if ":" in origin.host else f"{origin.host}:{origin.port}"


def not_connected(origin: Origin, reason: str, *, same_target: bool = True) -> UpstreamFailed:
    """No connection could be made, so nothing was sent and nothing is owed."""
    return UpstreamFailed(
        f"Could not connect to {where(origin)}: {reason}.",
        status=502,
        code="upstream_connect_error",
        same_target=same_target,
    )


def no_room(origin: Origin, reason: str) -> UpstreamFailed:
    """This process has no connection left for that origin; another target may have one."""
    return UpstreamFailed(
        f"No connection to {where(origin)} is free: {reason}.",
        status=503,
        code="upstream_unavailable",
        type="overloaded_error",
    )


def not_trusted(origin: Origin, reason: str) -> UpstreamFailed:
    """TLS failed. Trying that host again would fail alike, and without TLS it is never tried."""
    return UpstreamFailed(f"TLS to {where(origin)} failed: {reason}.", status=502, code="upstream_tls_error")


def no_answer(origin: Origin, unseen: bool) -> UpstreamFailed:
    """The connection ended before the response headers were complete; *unseen*: before the request could be read."""
    return UpstreamFailed(
        f"{where(origin)} closed the connection without an answer.",
        status=502,
        code="upstream_connect_error",
        same_target=unseen,
        billed="none" if unseen else "uncertain",
    )


def too_slow(origin: Origin, waited_for: str, seconds: float) -> UpstreamFailed:
    """Nothing came in time; the provider may still be working."""
    return UpstreamFailed(
        f"{where(origin)} sent no {waited_for} for {seconds:g} seconds.",
        status=504,
        code="upstream_timeout",
        billed="uncertain",
    )


def cut(origin: Origin) -> UpstreamFailed:
    """The connection ended before the response did."""
    return UpstreamFailed(
        f"{where(origin)} cut the response short.",
        status=502,
        code="upstream_stream_interrupted",
        billed="uncertain",
    )


def invalid(origin: Origin, reason: str) -> UpstreamFailed:
    """What came is not a usable HTTP response."""
    return UpstreamFailed(
        f"{where(origin)} sent an unusable response: {reason}.",
        status=502,
        code="upstream_invalid_response",
        billed="uncertain",
    )
