"""When a deployment is left alone, and how it comes back. Instants are numbers here, not the clock's."""

from headgate.providers.breaker import COOLDOWN, IN_A_ROW, Breaker
from headgate.routing.budget import RetryBudget


def opened(now: float = 100.0) -> Breaker:
    one = Breaker()
    for _ in range(IN_A_ROW):
        one.failed(now, "it failed")
    return one


def test_a_few_failures_are_nothing() -> None:
    one = Breaker()
    for _ in range(IN_A_ROW - 1):
        one.failed(1.0, "it failed")
    assert one.shut(1.0) is None
    one.worked()
    for _ in range(IN_A_ROW - 1):
        one.failed(1.0, "it failed")
    assert one.state(1.0) == "closed"


def test_failures_in_a_row_open_it_for_a_while() -> None:
    one = opened()
    assert one.shut(100.0) == "it failed" and one.state(100.0) == "open"
    assert one.shut(100.0 + COOLDOWN) is None and one.state(100.0 + COOLDOWN) == "half-open"


def test_half_of_the_calls_of_late_open_it() -> None:
    one = Breaker()
    for _ in range(20):
        one.worked()
        one.failed(5.0, "now and then")
    assert one.state(5.0) == "open", "answers to calls that were under way do not close it"


def test_a_tenth_of_the_calls_does_not() -> None:
    one = Breaker()
    for _ in range(50):
        for _ in range(9):
            one.worked()
        one.failed(5.0, "now and then")
    assert one.state(5.0) == "closed"


def test_only_one_probe_is_let_through() -> None:
    one = opened()
    later = 100.0 + COOLDOWN
    assert one.enter(later) and not one.enter(later)
    assert one.shut(later) is not None, "the others wait for what the probe finds"
    one.worked()
    assert one.shut(later) is None and one.state(later) == "closed"


def test_a_probe_that_fails_opens_it_again() -> None:
    one = opened()
    later = 100.0 + COOLDOWN
    one.enter(later)
    one.failed(later, "still")
    assert one.shut(later + COOLDOWN - 0.1) == "still"
    assert one.enter(later + COOLDOWN)


def test_a_probe_that_finds_nothing_out_leaves_its_place() -> None:
    one = opened()
    later = 100.0 + COOLDOWN
    one.enter(later)
    one.gave_up()
    assert one.shut(later) is None and one.enter(later)


def test_a_time_to_wait_is_kept_exactly() -> None:
    one = Breaker()
    one.bench(100.0, 7.0, "it asked to wait", "wait")
    one.worked()  # a call that was under way
    one.bench(100.0, 2.0, "it asked to wait", "wait")
    assert one.shut(106.9) == "it asked to wait" and one.shut(107.0) is None
    assert not one.enter(107.0) and one.state(107.0) == "closed", "it said when, so no probe is needed"


def test_a_hand_goes_over_everything() -> None:
    one = opened()
    one.hand = "closed"
    assert one.shut(100.0) is None
    one.hand = "open"
    assert one.shut(1e9) == "switched off by hand" and one.state(1e9) == "open"


def test_retries_are_a_fifth_and_three_are_free() -> None:
    account = RetryBudget()
    one = RetryBudget(account)
    made = 0
    for _ in range(1000):
        one.count(100.0, again=False)
        for _ in range(2):
            if one.allows(100.0):
                one.count(100.0, again=True)
                made += 1
    assert made == 200
    other = RetryBudget(account)
    other.count(100.0, again=False)
    assert other.allows(100.0), "a quiet deployment keeps its own"


def test_the_retry_budget_forgets() -> None:
    one = RetryBudget()
    for _ in range(5):
        one.count(100.0, again=True)
    assert not one.allows(105.0)
    assert not one.allows(111.0), "the last window still counts in part"
    assert one.allows(125.0)
