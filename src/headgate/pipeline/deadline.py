"""The time of a call while it waits: what its limit means then, and that it is no time of the gateway's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from headgate.core.call import Call
from headgate.core.errors import UpstreamFailed

TOTAL = 600.0  # seconds for a whole call where nobody said otherwise
SLACK = 0.01  # seconds by which a wait that was cut to the limit may be seen to end before it


def set_deadline(call: Call) -> None:
    """The caller's time limit, else the route's, else the first target's."""
    total = call.options.timeout or call.route.config.timeout or call.plan[0].timeouts.total or TOTAL
    call.deadline = call.t0 + total


@contextmanager
def resting(call: Call) -> Iterator[None]:
    """Note how long *call* waits here."""
    began = monotonic()
    try:
        yield
    finally:
        call.rested += monotonic() - began


def is_over(call: Call) -> bool:
    """Whether the time limit of *call* has passed."""
    return monotonic() >= call.deadline - SLACK


def room(call: Call, idle: float) -> float:
    """Return how many seconds to wait for more of an answer, *idle* at most; raise ``UpstreamFailed`` for none."""
    left = call.deadline - monotonic()
    if left <= 0:
        raise too_late()
    return idle if idle < left else left


def late(call: Call, failure: UpstreamFailed) -> UpstreamFailed:
    """Return what an answer that had begun failed with: its time limit, where nothing came until that."""
    return too_late() if failure.code == "upstream_timeout" and is_over(call) else failure


def too_late() -> UpstreamFailed:
    """The failure of a call whose time limit has passed while its answer came: it says nothing of the provider."""
    return UpstreamFailed(
        "The time limit of this call ran out in the middle of its answer.", status=504, code="deadline_exceeded"
    )
