"""What follows a failed try."""

import pytest

from headgate.core.errors import UpstreamFailed
from headgate.pipeline.attempts import Move, after


def failed(code: str = "upstream_unavailable", **fields: object) -> UpstreamFailed:
    given = {"status": 503, "same_target": True, **fields}
    return UpstreamFailed("no", code=code, **given)  # type: ignore[arg-type]


def decide(error: UpstreamFailed, **given: object) -> Move | None:
    defaults = {"here": 1, "left": 2, "others": True, "room": 100.0, "chance": 0.5}
    return after(error, **{**defaults, **given})  # type: ignore[arg-type]


def test_a_callers_own_mistake_is_never_tried_again() -> None:
    assert decide(failed(retry=False)) is None


def test_an_outage_is_tried_once_more_here_then_elsewhere() -> None:
    assert decide(failed()) == Move("same", 0.25)
    assert decide(failed(), here=2) == Move("next")


def test_a_lone_target_gets_all_tries_with_growing_jitter() -> None:
    assert decide(failed(), others=False, here=2) == Move("same", 0.5)
    assert decide(failed(), others=False, left=0) is None


def test_a_timeout_is_not_repeated_on_the_same_target() -> None:
    slow = failed("upstream_timeout", same_target=False)
    assert decide(slow) == Move("next")
    assert decide(slow, others=False) is None


@pytest.mark.parametrize(
    ("wait", "others", "room", "move"),
    [
        (1.5, True, 100.0, Move("same", 1.5)),  # short enough to wait here
        (5.0, True, 100.0, Move("next")),  # another target is faster
        (5.0, False, 100.0, Move("same", 5.0)),  # no other: wait
        (5.0, False, 3.0, None),  # past the deadline
        (61.0, False, 500.0, None),  # longer than anybody should wait
    ],
)
def test_a_providers_wait_is_honoured(wait: float, others: bool, room: float, move: Move | None) -> None:
    assert decide(failed("upstream_rate_limited", wait=wait), others=others, room=room) == move


def test_a_short_wait_is_spent_once() -> None:
    assert decide(failed("upstream_rate_limited", wait=1.0), here=2) == Move("next")


def test_nothing_starts_past_the_deadline() -> None:
    assert decide(failed(), room=0.0) is None
    assert decide(failed(), room=0.1, others=False) is None
