"""What a routing decision is made of: what is seen of a request, what is known of a deployment, and what is decided."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol
from zoneinfo import ZoneInfo

import msgspec

from headgate.providers.base import Target

if TYPE_CHECKING:
    from headgate.routing.candidates import Candidates


class Sight(msgspec.Struct):
    """What a strategy may look at. What is costly stays empty unless a strategy of the route reads it."""

    route: str
    model: str
    """The name that was asked for."""
    operation: str
    stream: bool = False
    prompt_bound: int = 0
    """Bytes of the body: its prompt has no more tokens."""
    max_output: int | None = None
    needs: frozenset[str] = frozenset()
    """What the request shows that the model must be able to do: ``tools``, ``vision``, ``json_schema`` ..."""
    tenant_id: str = ""
    app_id: str | None = None
    team_id: str | None = None
    key_id: str | None = None
    user: str | None = None
    session: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = {}
    at: int = 0
    """Microseconds since 1970, UTC."""
    turn: int = 0
    """How many decisions this process made for the route before."""
    text: str = ""
    """The last user turn, at most 8,000 characters."""
    prefix: int = 0
    """A hash of what a prompt cache would share: tools, system, first turn."""
    last: str = ""
    """The deployment that answered this conversation last, where that is remembered."""
    in_tool_loop: bool = False
    """The last turn is a tool's result: the model must not change now."""
    spent_share: float | None = None
    """How much of the caller's tightest budget is used, 0 to 1; ``None`` without one."""
    advice: Mapping[int, "Advice"] = {}
    """What strategies that ask others were answered, by the ``id`` of the strategy."""


class Advice(msgspec.Struct, frozen=True):
    """What somebody who was asked says of a request."""

    names: tuple[str, ...]
    """Deployments, best first."""
    reason: str = ""


class Asking(Protocol):
    """What a strategy may ask with, for one request."""

    def messages(self) -> list[dict[str, str]]:
        """Return the conversation: ``role`` and ``content`` of each turn that has text."""
        ...

    async def post(self, provider: str, path: str, body: bytes) -> bytes:
        """Post JSON to an account's own API and return the answer; raise ``UpstreamFailed``."""
        ...


class Measured(msgspec.Struct):
    """How a deployment has done of late; smoothed, so that one slow call does not count for much."""

    samples: int = 0
    latency_ms: float = 0.0
    """To the last byte."""
    p95_ms: float = 0.0
    first_token_ms: float = 0.0
    first_token_p95_ms: float = 0.0
    tokens_per_second: float = 0.0
    error_rate: float = 0.0
    """0 to 1; faults of the provider's own making alone."""
    inflight: int = 0
    used_at: float = 0.0
    """Monotonic seconds."""


class Standing(Protocol):
    """What is known of deployments now. Filled by attempts, read by strategies; both in memory."""

    generation: int
    """Another number where ``of`` may give other objects than before: those it gave are kept up to date in place."""

    def of(self, target: str) -> Measured:
        """Return what was measured of ``provider/model``; an empty one for a stranger."""
        ...

    def shut(self, target: str) -> str | None:
        """Say why ``provider/model`` is not to be called now (breaker, cooldown, by hand), or ``None``."""
        ...


class Option(msgspec.Struct, frozen=True, eq=False, kw_only=True):
    """One candidate: a deployment, and what the route and the registry say of it."""

    target: Target
    name: str
    """``provider/model``."""
    provider: str
    place: int = 0
    """Its place in the route's list."""
    weight: float = 1.0
    regions: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    """The programmes it is under, and what else the configuration calls it."""
    use_cases: frozenset[str] = frozenset()
    quality: float | None = None
    """0 to 1, as the configuration has it."""
    input: int = 0
    """Pico-dollars for a token of the prompt."""
    output: int = 0
    request: int = 0
    cached: int = 0
    """Pico-dollars for a token of the prompt that the provider has kept."""
    flat: bool = True
    """False where there is no price, or one that depends on the prompt's length."""
    digest: int = 0
    """64 bits of its name, hashed."""


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one candidate, and by which rule."""

    target: str
    act: Literal["chosen", "kept", "removed", "sunk"]
    rule: str = ""
    reason: str = ""
    score: float | None = None


class When(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Conditions of a strategy: it counts only for requests that meet all that are given."""

    tags: list[str] = []
    """One of these is among the request's tags."""
    metadata: dict[str, str] = {}
    """All of these stand in the request's metadata."""
    tenants: list[str] = []
    teams: list[str] = []
    """Ids of teams."""
    apps: list[str] = []
    """Ids of apps."""
    keys: list[str] = []
    """Ids of keys."""
    users: list[str] = []
    operations: list[str] = []
    stream: bool | None = None
    above: int | None = None
    """The request's body is longer, in bytes."""
    below: int | None = None
    """The request's body is shorter, in bytes."""
    hours: str | None = None
    """A part of the day, ``09:00-17:30``; it may pass midnight."""
    days: list[str] = []
    """``mon`` to ``sun``."""
    zone: str = "UTC"
    """Whose clock, such as ``Europe/Paris``."""

    def met(self, sight: Sight) -> bool:
        """Whether *sight* meets them all."""
        return (
            (not self.tags or not set(self.tags).isdisjoint(sight.tags))
            and all(str(sight.metadata.get(name)) == value for name, value in self.metadata.items())
            and (not self.tenants or sight.tenant_id in self.tenants)
            and (not self.teams or sight.team_id in self.teams)
            and (not self.apps or sight.app_id in self.apps)
            and (not self.keys or sight.key_id in self.keys)
            and (not self.users or sight.user in self.users)
            and (not self.operations or sight.operation in self.operations)
            and self.stream in (None, sight.stream)
            and (self.above is None or sight.prompt_bound > self.above)
            and (self.below is None or sight.prompt_bound < self.below)
            and within(sight.at, self.hours, self.days, self.zone)
        )

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield each field that makes no sense, and why."""
        yield from clock_faults(self.hours, self.days, self.zone)


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def within(at: int, hours: str | None, days: Sequence[str], zone: str) -> bool:
    """Whether the instant *at* lies in *hours* of one of *days*, by the clock of *zone*."""
    if hours is None and not days:
        return True
    local = datetime.fromtimestamp(at / 1_000_000, ZoneInfo(zone))
    minute, day = local.hour * 60 + local.minute, local.weekday()
    if hours is not None:
        start, end = span(hours)
        if start > end and minute < end:
            day -= 1  # after midnight it is still the evening of the day before
        elif not (start <= minute < end if start <= end else minute >= start):
            return False
    return not days or DAYS[day % 7] in days


def span(hours: str) -> tuple[int, int]:
    """Return the minutes of the day that ``09:00-17:30`` begins and ends with; raise ``ValueError``."""
    start, end = (datetime.strptime(part.strip(), "%H:%M") for part in hours.replace("24:00", "00:00").split("-"))  # noqa: DTZ007
    return start.hour * 60 + start.minute, end.hour * 60 + end.minute or 24 * 60


def clock_faults(hours: str | None, days: Sequence[str], zone: str) -> Iterator[tuple[str, str]]:
    """Yield the fields of a time of day that make no sense, and why."""
    try:
        ZoneInfo(zone)
    except (OSError, ValueError, KeyError):
        yield "zone", "no such time zone: write one such as `Europe/Paris`, or `UTC`"
    if hours is not None:
        try:
            span(hours)
        except ValueError:
            yield "hours", "must be a part of the day, such as `09:00-17:30`"
    for day in days:
        if day not in DAYS:
            yield "days", f"must be of {', '.join(DAYS)}"


class Strategy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One way to filter or rank. Its settings are its fields: they are the configuration too.

    Everything that changes is an argument, so the same arguments always give the same answer.
    """

    reads: ClassVar[frozenset[str]] = frozenset()
    """Fields of the sight that are filled only for who reads them: ``needs``, ``text``, ``prefix``, ``last``,
    ``in_tool_loop`` (and ``last`` while that is so), ``spent_share``, ``advice``. ``turn`` and ``chance`` are there for
    all, and recorded for who reads them."""
    removes: ClassVar[bool] = False
    """Whether a score may be ``None``."""
    confines: ClassVar[bool] = False
    """Whether it says where calls may not go at all: then no fallback leads to what it removes either."""
    names: ClassVar[tuple[str, ...]] = ()
    """Fields that hold deployments, or providers, of the route."""
    accounts: ClassVar[tuple[str, ...]] = ()
    """Fields that hold the name of an account under ``providers:``."""
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}
    """Least and largest value of fields that are numbers; one that is not listed is at least 0."""

    when: When | None = None
    """Count only for requests that meet these conditions."""

    def weigh(self, sight: Sight, options: "Candidates", standing: Standing, chance: float) -> Sequence[float | None]:
        """Return a score for each of *options*: the least is the best, ``None`` removes; equals go by the next rule.

        *chance* is uniform in [0, 1). Called for every request: some tens of microseconds for 500 options.
        """
        raise NotImplementedError

    def wants(self) -> frozenset[str]:
        """Return what these settings make it read, at most ``reads``."""
        return self.reads

    def filters(self) -> bool:
        """Return whether these settings may make a score ``None``, at most ``removes``."""
        return self.removes

    def asks(self) -> float:
        """Return how many seconds :meth:`ask` may take; 0 where it is not to be called."""
        return 0.0

    async def ask(self, sight: Sight, options: "Candidates", asking: Asking) -> Advice:
        """Ask others about a request; what they say is in ``sight.advice`` when :meth:`weigh` is called.

        Raise ``UpstreamFailed``, ``ValueError`` or ``TimeoutError``: then there is no advice. Of *sight* only names,
        tags and user are filled.
        """
        raise NotImplementedError

    def tell(self, score: float) -> str:
        """Say what a score means, for people."""
        return f"{score:g}"

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield each setting that makes no sense, and why; its type and range were looked at."""
        return iter(())

    def inner(self) -> "Sequence[Strategy]":
        """Return the strategies that this one asks in turn."""
        return ()


class Empty:
    """Stands for what is measured where nothing is."""

    generation = 0

    def of(self, target: str) -> Measured:
        """Return nothing measured."""
        return UNKNOWN

    def shut(self, target: str) -> str | None:
        """Return that it is open."""
        return None


UNKNOWN = Measured()
EMPTY = Empty()
