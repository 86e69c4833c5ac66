"""The sixteen scenarios of the public Failover Bench catalogue, each judged from both sides: caller and provider."""

import time
from collections.abc import Callable
from itertools import pairwise

import msgspec

from headgate.faultlab.attempt import Attempt
from headgate.faultlab.caller import Seen


class Limits(msgspec.Struct, frozen=True):
    """How patient the gateway under test is; seconds."""

    headers: float = 30.0
    first_token: float = 15.0
    idle: float = 30.0
    flapping: float = 60.0
    """For how long the primary is down in the scenario in which it comes back."""


FAST = Limits(headers=1.5, first_token=1.5, idle=1.0, flapping=8.0)
SLACK = 5.0  # seconds that a busy machine may add
WAIT = 2.0  # seconds that the first scenario's provider asks for
PROBES = 5.0  # seconds between two looks at a provider that is down


class Run(msgspec.Struct):
    """What both sides saw of a scenario's one call."""

    seen: Seen
    primary: list[Attempt]
    spare: list[Attempt]
    limits: Limits


Judge = Callable[[Run], str]
"""Returns what is wrong, or nothing."""


class Scenario(msgspec.Struct, frozen=True):
    """One fault of the primary, while the spare is well."""

    id: str
    title: str
    fault: str
    judge: Judge
    stream: bool = False


def expect(*checks: tuple[bool, str]) -> str:
    """Return the first complaint whose check does not hold."""
    return next((complaint for holds, complaint in checks if not holds), "")


def served(run: Run, tries: int = 3) -> str:
    """Judge that the caller got a whole answer, and the primary was asked no more than *tries* times."""
    return expect(
        (run.seen.good, f"the caller got {run.seen}"),
        (run.seen.text == "fine", f"the answer is {run.seen.text!r}"),
        (1 <= len(run.primary) <= tries, f"the primary was asked {len(run.primary)} times"),
        (len(run.spare) <= 1, f"the spare was asked {len(run.spare)} times"),
    )


def waited(run: Run) -> str:
    """Judge that the wait was kept, or the spare was asked in its place."""
    times = [attempt.at for attempt in run.primary]
    kept = all(later - earlier >= WAIT - 0.05 for earlier, later in pairwise(times))
    return served(run) or expect((kept, "the primary was asked again before the time it gave"))


def patient(run: Run) -> str:
    """Judge that a provider without a limit is not hammered."""
    times = [attempt.at for attempt in (*run.primary, *run.spare)]
    return served(run) or expect((len(times) <= 4, f"{len(times)} calls were made"))


def within(limit: str) -> Judge:
    """Return the judge of a primary that says nothing: given up once, in time."""

    def judge(run: Run) -> str:
        most = getattr(run.limits, limit) + SLACK
        return served(run, 1) or expect((run.seen.seconds < most, f"it took {run.seen.seconds:.1f} s"))

    return judge


def cut(run: Run) -> str:
    """Judge that a broken stream ends in an error, and never as if it were whole."""
    most = run.limits.idle + SLACK
    return expect(
        (run.seen.status == 200 and run.seen.text.startswith("some text"), f"the caller got {run.seen}"),
        (run.seen.end == "error", f"the stream ended as {run.seen.end!r}"),
        (run.seen.seconds < most, f"it took {run.seen.seconds:.1f} s"),
        (len(run.primary) == 1 and not run.spare, "it was started again though text had been sent"),
    )


def stalled(run: Run) -> str:
    """Judge a stream that falls silent: cut in time, and the provider's connection closed."""
    until = time.monotonic() + SLACK
    while run.primary and run.primary[0].closed_at is None and time.monotonic() < until:
        time.sleep(0.05)
    return cut(run) or expect((run.primary[0].closed_at is not None, "the provider's connection stays open"))


def whole(text: str) -> Judge:
    """Return the judge of a stream that is only odd."""

    def judge(run: Run) -> str:
        return expect(
            (run.seen.end == "done", f"the caller got {run.seen}"),
            (run.seen.text == text, f"the answer is {run.seen.text!r}"),
            (run.seen.usage is not None, "nothing is said of what was used"),
            (len(run.primary) == 1 and not run.spare, "it was asked again"),
        )

    return judge


def refused(code: str) -> Judge:
    """Return the judge of a request that its provider was right to refuse: passed on, after one try."""

    def judge(run: Run) -> str:
        return expect(
            (run.seen.status == 400 and run.seen.code == code, f"the caller got {run.seen}"),
            (len(run.primary) == 1 and not run.spare, f"{len(run.primary) + len(run.spare)} calls were made"),
        )

    return judge


def told(run: Run) -> str:
    """Judge that the answer, its model and its usage are the spare's."""
    name = run.seen.headers.get("x-headgate-model", "")
    return served(run) or expect(
        (len(run.spare) == 1, "the spare was not asked"),
        (name.endswith("/" + run.spare[0].model), f"the model is told to be {name!r}"),
        (run.seen.usage is not None and run.seen.usage.get("total_tokens") == 18, f"the usage is {run.seen.usage}"),
    )


FLAPPING = "S15"
SCENARIOS: tuple[Scenario, ...] = (
    Scenario("S01", "429 with a time to wait", "first_s429_wait2", waited),
    Scenario("S02", "429 without one, for ever", "s429", patient),
    Scenario("S03", "500, once", "first_s500", served),
    Scenario("S04", "503, for ever", "s503", served),
    Scenario("S05", "the connection is reset before the headers", "reset", served),
    Scenario("S06", "no headers come", "never", within("headers")),
    Scenario("S07", "no first token comes", "silent", within("first_token"), stream=True),
    Scenario("S08", "the stream ends in the middle", "cut", cut, stream=True),
    Scenario("S09", "the stream falls silent", "stall", stalled, stream=True),
    Scenario("S10", "an event of the stream is no JSON", "one_bad_event", whole("some text and on"), stream=True),
    Scenario("S11", "the stream has no terminator", "no_done", whole("some text "), stream=True),
    Scenario("S12", "the prompt is too long", "too_long", refused("context_length_exceeded")),
    Scenario("S13", "the content filter refuses", "filtered", refused("content_filter")),
    Scenario("S14", "the connection is reset in mid-stream", "cut_by_reset", cut, stream=True),
    Scenario(FLAPPING, "down for a while, then back", "s503", served),
    Scenario("S16", "what is told of a fallback", "s502", told),
)
"""In the order of the catalogue."""
