"""What tests of taps share: a stream fed in pieces, and what was seen in it."""

from itertools import pairwise


def fed(tap, stream, *cuts):
    """Feed *stream* to a new *tap*, cut there; return what came out, and the tap."""
    made = tap()
    edges = [0, *cuts, len(stream)]
    out = b"".join(made.feed(stream[a:b]) for a, b in pairwise(edges))
    return out + made.close(), made


def seen(tap):
    """All that a tap knows at the end."""
    failure = tap.failure and (tap.failure.code, tap.failure.status)
    return (tap.usage, tap.finish, tap.text_bytes, tap.events, tap.started, tap.ended, tap.usage_flagged, failure)
