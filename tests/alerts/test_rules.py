"""When an alert fires, reminds and ends, look after look."""

import msgspec

from headgate.alerts.rules import SECOND, Standing, Timing, step

TIMING = Timing(after=60 * SECOND, clear=30 * SECOND, repeat=600 * SECOND)


def run(looks, timing=TIMING, was=None, **change):
    """Take *looks* (seconds, bad or well) one after the other; return what befell it, and how it stands."""
    told = []
    for at, bad in looks:
        found = step(was, bad, at * SECOND, timing)
        was = found.standing
        if found.event:
            told.append((at, found.event, found.tell))
        if was is not None and at in change.get("changes", {}):
            was = msgspec.structs.replace(was, **change["changes"][at])
    return told, was


def test_what_is_bad_long_enough_fires_once_and_ends_once():
    looks = [(at, True) for at in range(0, 120, 15)] + [(at, False) for at in range(120, 240, 15)]
    told, stands = run(looks)
    assert told == [(60, "fired", True), (135, "resolved", True)]
    assert stands.state == "resolved" and stands.fired == 1 and stands.resolved_at == 135 * SECOND


def test_what_is_bad_for_a_moment_leaves_nothing():
    assert run([(0, True), (15, True), (30, False)]) == ([], None)


def test_one_good_look_does_not_end_it():
    told, stands = run([(0, True), (60, True), (75, False), (90, True), (105, False), (119, False)])
    assert told == [(60, "fired", True)] and stands.state == "firing"


def test_it_reminds_at_its_interval_until_somebody_acknowledges():
    looks = [(at, True) for at in range(0, 2000, 60)]
    told, _ = run(looks, changes={900: {"acked_at": 1, "acked_by": "user:ann"}})
    assert told == [(60, "fired", True), (660, "reminded", True)]


def test_who_was_told_is_told_of_the_end_though_it_was_acknowledged():
    told, stands = run([(0, True), (60, True), (90, False)], changes={60: {"acked_at": 1, "acked_by": "user:ann"}})
    assert told[-1] == (90, "resolved", True)
    assert stands.acked_at is None


def test_silenced_it_fires_and_nobody_hears_until_then():
    quiet = Standing(state="resolved", since=0, seen_at=0, fired=1, silenced_until=300 * SECOND)
    told, _ = run([(10, True), (70, True), (200, True), (301, True), (340, False)], was=quiet)
    assert told == [(70, "fired", False), (301, "fired", True), (340, "resolved", True)]
    told, _ = run([(10, True), (70, True), (110, False)], was=quiet)
    assert told == [(70, "fired", False), (110, "resolved", False)]


def test_it_fires_anew_under_the_same_key():
    told, stands = run([(0, True), (60, True), (90, False), (200, True), (260, True)])
    assert [event for _, event, _ in told] == ["fired", "resolved", "fired"]
    assert stands.fired == 2 and stands.since == 200 * SECOND
