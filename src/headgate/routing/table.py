"""Names to routes: what a caller may ask for, compiled once per configuration and swapped whole."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec.structs import force_setattr

from headgate.core.call import Operation
from headgate.core.errors import BadRequest, ModelNotFound, NotFound
from headgate.providers.base import Target
from headgate.routing.use_cases import PREFIX

MAX_POLICIES = 256
MAX_RESOLVED = 4096  # unlisted provider/model names kept compiled; junk names must not grow memory
MAX_NAME = 256  # bytes in UTF-8: Bedrock's ARNs pass 100; a pair of names must fit into one row of an index


class Failover(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """After which failures of a target the next one of the route is asked."""

    error: bool = True
    """It cannot be reached, is down, or answers what is no answer."""
    timeout: bool = True
    """It does not answer in time."""
    rate_limit: bool = True
    """It asks to wait."""
    context_overflow: bool = False
    """The prompt is too long for it; the next one should take more."""
    refusal: bool = False
    """Its content filter refuses the prompt."""
    auth: bool = True
    """It refuses the gateway's credential, or the account there has no credit left."""
    budget: bool = False
    """A budget of the caller's has no room for it; the next one should be cheaper."""


class TargetConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A deployment in the list of a route, with what its strategies go by."""

    model: str
    """``provider/model``."""
    weight: float = 1.0
    """Its share beside the others'."""
    region: str | None = None
    """Where it runs, in place of what the registry says."""
    tags: list[str] = []
    """What it is fit for, such as ``hipaa``, besides what the registry says of its provider."""
    quality: float | None = None
    """How good it is, 0 to 1, as you judge it."""


class Hedge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A second call to the next target where the first one is slow; the first to begin its answer gives it."""

    after: float | None = None
    """Seconds without an answer, or of a stream without its first content. Left out: what 95 of 100 calls of that
    deployment took of late, once ten are measured."""
    budget: float = 5.0
    """How many calls of a hundred may be made twice; one in ten seconds always may."""


class FanOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Several targets asked at once. Each is held and paid for."""

    answer: Literal["first", "best", "all"] = "first"
    """``first``: whoever begins to answer first; the others are cancelled. ``best``: of those that answer, the target
    with the highest ``quality``, or whose answer the ``judge`` prefers. ``all``: every answer, as the choices of one
    whole reply in OpenAI's form."""
    n: int = 2
    """How many: the first so many of the route's targets as they are ordered for the call."""
    judge: str | None = None
    """A route or ``provider/model`` that says which answer is the best one. It is paid for as well; where it gives no
    judgement, or prefers none, ``quality`` decides."""


Measure = Literal["errors", "latency", "first_token", "cost"]


class Experiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the targets of a route are compared by. ``weighted`` with ``sticky`` deals the callers out among them; the
    first target is what the others are compared with. ``headgate route experiment NAME`` tells how it stands."""

    measure: Measure = "errors"
    """Less is better: of calls that failed, time to the whole answer, time to its first token, or cost."""
    since: str | None = None
    """Calls from this day or instant on count, ``2026-01-31`` or ``2026-01-31T12:00:00Z``; write it when weights
    change."""
    level: float = 0.05
    """In how many comparisons of hundred, as a share, a difference may be told where there is none."""


class Shadow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A copy of some calls to another deployment, after they were answered.

    Nobody gets its answer; the same key pays.
    """

    target: str
    """``provider/model``."""
    share: float = 0.1
    """Of the calls, 0 to 1."""
    judge: str | None = None
    """A route or ``provider/model`` that says which of the two answers is better. The same key pays."""


class RouteConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One ``routes:`` entry: the deployments to try, first to last or as strategies have it, and how."""

    targets: list[TargetConfig | str]
    """Deployments, each as ``provider/model`` or with what strategies are to know of it."""
    strategy: list[dict[str, Any]] = []
    """What orders the targets for each request: each has a ``kind`` and its settings beside it. The first counts most,
    those that follow decide between what it finds equal; without any the order of the list stands."""
    fallback: str | None = None
    """Another route, whose targets follow in its own order when these have failed. Strategies of this one that say
    where calls may not go hold for these, too."""
    guardrails: list[str] = []
    """Names of `guardrails`, which look at its calls besides those that look at all."""
    cache: str | None = None
    """Which of `caches` answers its calls, and keeps their answers."""
    min_output: int = 256
    """Clamping an answer to the room left in a budget stops here (tokens)."""
    on_unsupported: Literal["refuse", "drop"] = "refuse"
    """What to do with a parameter the target has no word for."""
    unknown_fields: Literal["forward", "refuse"] = "forward"
    """Top-level fields this gateway does not know, towards a target of the same dialect."""
    attempts: int = 3
    """Requests to providers for one call, at most. A target passed over here, for want of budget say, takes none."""
    timeout: float | None = None
    """Seconds for the whole call."""
    ping: float = 10.0
    """Seconds after which the caller of a stream that has not begun gets a sign of life, and again; 0 sends none. The
    answer's head goes out with the first: what fails later is an event of the stream, and the head names no model."""
    skip: list[str] = []
    """Names of steps this route does without."""
    failover: Failover = Failover()
    """After which failures the next target is asked."""
    context: Literal["larger", "trim"] | None = None
    """What to do with a prompt that is too long for a target whose window is known. ``larger``: leave that target out.
    ``trim``: leave out the oldest turns, never the system's words or the last turn, and say so in
    ``x-headgate-defaulted``. Without it the provider decides."""
    resume: bool = False
    """Go on with a stream that breaks off, at another target that can go on from the beginning of an answer (or at the
    same one). Its streams are read and printed, not passed on as they are."""
    hedge: Hedge | None = None
    """Make a second call where the first one is slow."""
    fan_out: FanOut | None = None
    """Ask several targets at once."""
    experiment: Experiment | None = None
    """Compare the targets with each other."""
    shadow: Shadow | None = None
    """Copy calls to another deployment, to compare it."""
    single_flight: bool = False
    """Make one call for several of one key that are the same and come while it is under way; the first one pays."""


class Route(msgspec.Struct, frozen=True, eq=False):
    """A compiled route: its targets best first."""

    name: str
    kind: Literal["route", "alias", "model", "list", "use-case"]
    targets: tuple[Target, ...]
    config: RouteConfig
    reason: str
    parameters: Mapping[str, Any] = {}
    """Parameters of a request where its caller leaves them open."""
    policy: Any = None
    """Its strategies, compiled (``routing.policy.Policy``); ``None`` where the order of the list stands."""
    fallback: "Route | None" = None
    """The route whose targets are the last of these."""
    steps: tuple[Any, ...] = ()
    """What its calls go through, where that is not what all go through."""
    own: bool = False
    """A tenant made it for itself."""
    asks: bool = False
    """Whether a strategy of it, or of its fallback's, asks others: follows from these."""
    _serving: dict[Operation, tuple[tuple[Target, ...], tuple[Target, ...]]] = {}
    """Of which targets, too: a copy of a route with others, made by ``structs.replace``, shares it."""

    def __post_init__(self) -> None:
        asks = self.policy is not None and bool(self.policy.counsels)
        force_setattr(self, "asks", asks or (self.fallback is not None and self.fallback.asks))

    def serving(self, operation: Operation) -> tuple[Target, ...]:
        """Return its targets that know *operation*, worked out once."""
        kept = self._serving.get(operation)
        if kept is None or kept[0] is not self.targets:
            kept = self._serving[operation] = (self.targets, knowing(self.targets, operation))
        return kept[1]

    @property
    def decides(self) -> bool:
        """Whether there is anything to decide."""
        return self.policy is not None or (self.fallback is not None and self.fallback.decides)


def knowing(targets: tuple[Target, ...], operation: Operation) -> tuple[Target, ...]:
    """Return those of *targets* whose providers know *operation*: the same, where all do."""
    found = tuple([target for target in targets if target.provider.supports(operation)])
    return targets if len(found) == len(targets) else found


def instant(text: str) -> int | None:
    """Return the microseconds since 1970 of a day or an instant (UTC, where it names no zone); ``None`` for neither."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def named(entry: TargetConfig | str) -> TargetConfig:
    """Return an entry of a route's list in full."""
    return TargetConfig(entry) if isinstance(entry, str) else entry


def in_order(names: Sequence[str], routes: Sequence[Route]) -> Route:
    """Return the route of a caller's own order: everything the first name stands for, then the second, and so on.

    Its settings (time limit, attempts, what to refuse) are the first one's.
    """
    by_name: dict[str, Target] = {}
    for route in routes:
        for target in route.targets:
            by_name.setdefault(target.name, target)
    targets = tuple(by_name.values())
    first = routes[0].config
    config = msgspec.structs.replace(first, attempts=max(first.attempts, len(targets)))
    return Route(routes[0].name, "list", targets, config, f"the caller's own order: {', '.join(names)}")


def _no_policy(name: str, entries: Sequence[Mapping[str, Any]], targets: tuple[Target, ...]) -> Any:
    raise BadRequest("There are no strategies here.", code="invalid_option", param="headgate.strategy")


class Ambiguous(BadRequest):
    """A bare name that several providers offer; ``full`` are the names to choose from."""

    code = "ambiguous_model"

    def __init__(self, name: str, full: tuple[str, ...]) -> None:
        super().__init__(
            f"The model {name!r} is offered by several providers; ask for one of: {', '.join(full)}.", param="model"
        )
        self.full = full


def not_found(name: str) -> ModelNotFound:
    """Return the refusal of what does not exist, or not for the caller: the words are the same."""
    return ModelNotFound(
        f"The model {name[:200]!r} does not exist or you do not have access to it. GET /v1/models lists yours.",
        param="model",
    )


def no_provider(name: str) -> NotFound:
    """Return the refusal of a provider that does not exist, or not for the caller."""
    return NotFound(f"There is no provider {name[:100]!r} here.", param="provider")


class RouteTable:
    """Looks names up in this order: route, alias, ``use-case/...``, ``provider/rest``, bare registry name."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        providers: frozenset[str],
        target: Callable[[str, str], Target],
        bare: Mapping[str, tuple[str, ...]],
        use_case: Callable[[str], Route] | None = None,
        policy: Callable[[str, Sequence[Mapping[str, Any]], tuple[Target, ...]], Any] | None = None,
    ) -> None:
        """*target* builds the deployment of a provider and model; *bare* maps a bare name to its full names.

        *use_case* builds the route of a use case, or raises ``ModelNotFound``; *policy* compiles strategies for
        deployments.
        """
        self.routes = routes
        self._providers = providers
        self._target = target
        self._bare = bare
        self._use_case = use_case
        self._seen: dict[str, Route] = {}
        self._policies: dict[Hashable, Any] = {}
        self.policy = policy or _no_policy

    def resolve(self, name: str) -> Route:
        """Return the route of *name*; raise ``ModelNotFound``, or ``BadRequest`` where a bare name is ambiguous."""
        route = self.routes.get(name) or self._seen.get(name)
        if route is not None:
            return route
        provider, slash, model = name.partition("/")
        if self._use_case is not None and name.startswith(PREFIX):
            return self._keep(self._use_case(name.removeprefix(PREFIX)))
        if slash and provider in self._providers and len(name.encode()) > MAX_NAME:
            words = f"A model's name is at most {MAX_NAME} bytes long in UTF-8."
            raise BadRequest(words, code="model_name_too_long", param="model")
        if slash and model and provider in self._providers and model.isprintable():  # it goes into headers
            return self._keep(self._model(name, provider, model, f"{provider}/{model} was asked for by name"))
        full = self._bare.get(name, ())
        if len(full) == 1:
            provider, _, model = full[0].partition("/")
            return self._keep(self._model(name, provider, model, f"{full[0]} is the only provider of {name}"))
        if full:
            raise Ambiguous(name, full)
        raise not_found(name)

    def at(self, provider: str, model: str) -> Route:
        """Return the route to *model*, as *provider* itself calls it, there and nowhere else; raise ``NotFound``."""
        if provider not in self._providers:
            raise no_provider(provider)
        name = f"{provider}/{model}"
        if not model.isprintable() or len(name.encode()) > MAX_NAME:
            raise ModelNotFound(f"{provider} has no model of that name.", param="model")
        route = self._seen.get(name)
        if route is not None:
            return route
        return self._keep(self._model(name, provider, model, f"{name} was asked for at the provider itself"))

    def _model(self, name: str, provider: str, model: str, reason: str) -> Route:
        return Route(name, "model", (self._target(provider, model),), RouteConfig(targets=[name]), reason)

    def kept(self, key: Hashable) -> Any:
        """Return what :meth:`keep` kept for *key*."""
        return self._policies.get(key)

    def keep(self, key: Hashable, policy: Any) -> Any:
        """Keep a policy that was compiled for a request, for those like it; return it."""
        if len(self._policies) >= MAX_POLICIES:
            self._policies.clear()
        self._policies[key] = policy
        return policy

    def _keep(self, route: Route) -> Route:
        if len(self._seen) >= MAX_RESOLVED:
            self._seen.clear()
        self._seen[route.name] = route
        return route
