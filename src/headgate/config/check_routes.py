"""What no single entry of a route can tell: its strategies' settings together, and where its fallbacks lead."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from headgate.config.shape import ABSENT, Shape
from headgate.config.types import Known
from headgate.config.words import Path, nearest, shown
from headgate.routing.table import FanOut, RouteConfig, instant


def named_targets(route: Mapping[str, Any]) -> list[Any]:
    """Return the ``provider/model`` of each entry, ``ABSENT`` for one that is wrong."""
    return [target.get("model", ABSENT) if isinstance(target, dict) else target for target in route.get("targets", ())]


def strategy_faults(
    path: Path,
    entry: Mapping[str, Any],
    targets: Collection[str],
    accounts: Collection[str],
    shape: Shape,
    known: Known,
) -> None:
    """Note what is wrong with the settings of one strategy, whose types and ranges were looked at."""
    kind = known.strategies[entry["kind"]]
    providers = {target.partition("/")[0] for target in targets}
    for field in kind.accounts:
        if (account := entry.get(field, ABSENT)) is not ABSENT and account not in accounts:
            shape.note((*path, field), f"no provider {shown(account)}{nearest(account, sorted(accounts))}")
    for field in kind.names:
        for index, name in enumerate(entry.get(field, ())):
            if name is not ABSENT and name not in targets and name not in providers:
                hint = nearest(name, sorted(targets), listed=False)
                shape.note((*path, field, index), f"{shown(name)} is no target of this route{hint}")
    try:
        made = msgspec.convert({name: value for name, value in entry.items() if name != "kind"}, kind)
    except msgspec.ValidationError:
        return  # a field that is missing or wrong was noted where it is
    for field, message in made.faults():
        shape.note((*path, field) if (*path, field) in shape.places else path, message)
    if made.when is not None:
        for field, message in made.when.faults():
            shape.note((*path, "when", field), message)


def several_faults(name: str, route: Mapping[str, Any], shape: Shape) -> None:
    """Note what is wrong with asking several targets at once."""
    fan, hedge, count = route.get("fan_out"), route.get("hedge"), len(route.get("targets", ()))
    path: Path = ("routes", name)
    if isinstance(fan, dict):
        n = fan.get("n", FanOut().n)
        if isinstance(n, int) and n > route.get("attempts", RouteConfig(targets=[]).attempts):
            shape.note((*path, "fan_out"), f"asks {n} targets, which `attempts` does not allow: raise it too")
        elif isinstance(n, int) and n > count and "fallback" not in route:
            shape.note((*path, "fan_out"), f"asks {n} targets, and the route has {count}")
        if fan.get("judge") is not None and fan.get("answer", FanOut().answer) != "best":
            shape.note((*path, "fan_out", "judge"), "compares whole answers: say `answer: best`, or leave it out")
        if isinstance(hedge, dict):
            shape.note((*path, "hedge"), "goes with one target at a time, not with `fan_out`")
    elif isinstance(hedge, dict) and count < 2 and "fallback" not in route:
        shape.note((*path, "hedge"), "needs a second target to call")


def experiment_faults(name: str, route: Mapping[str, Any], shape: Shape) -> None:
    """Note what keeps the targets of a route from being compared."""
    experiment = route.get("experiment")
    if not isinstance(experiment, dict):
        return
    path: Path = ("routes", name, "experiment")
    split = [entry for entry in route.get("strategy", ()) if isinstance(entry, dict) and entry["kind"] == "weighted"]
    if not any(entry.get("sticky") for entry in split):
        shape.note(path, "needs `strategy: [{kind: weighted, sticky: user}]`, so that each caller stays on one side")
    elif len(route.get("targets", ())) < 2:
        shape.note(path, "needs two targets to compare")
    since = experiment.get("since")
    if since is not None and instant(since) is None:
        shape.note((*path, "since"), "must be a day or an instant, such as `2026-01-31T12:00:00Z`")


def elsewhere_faults(
    name: str,
    route: Mapping[str, Any],
    shape: Shape,
    names: Collection[str],
    fault_of: Callable[[str], str | None],
    known: Known,
) -> None:
    """Note where calls of a route are copied to, and who judges answers, if that may not be.

    *names* are those of routes and aliases; *fault_of* says what is wrong with the name of a deployment.
    """
    for part, field in (("shadow", "target"), ("shadow", "judge"), ("fan_out", "judge")):
        settings = route.get(part)
        other = settings.get(field) if isinstance(settings, dict) else None
        if isinstance(other, str):
            route_known = field == "judge" and other in names
            fault = (None if route_known else fault_of(other)) or confined(route, other, known)
            if fault is not None:
                shape.note(("routes", name, part, field), fault)


def confined(route: Mapping[str, Any], to: str, known: Known) -> str | None:
    """Say why what is said in calls of a route may not go *to* another deployment as well, or ``None``."""
    kinds = [entry["kind"] for entry in route.get("strategy", ()) if isinstance(entry, dict)]
    rules = [kind for kind in kinds if getattr(known.strategies.get(kind), "confines", False)]
    if not rules or to in named_targets(route):
        return None
    return f"must be one of the route's targets: `{rules[0]}` says where its calls may go, and nothing of them else"


def fallbacks(routes: Mapping[str, Any], shape: Shape, names: Collection[str]) -> None:
    """Note fallbacks to routes that are not among *names*, and those that lead in a circle."""
    leads = {name: route["fallback"] for name, route in routes.items() if route.get("fallback") is not None}
    for name, to in leads.items():
        path: Path = ("routes", name, "fallback")
        if to not in names:
            shape.note(path, f"no route {shown(to)}{nearest(to, sorted(names))}")
            continue
        way = [name]
        while (to := leads.get(way[-1], "")) and to not in way:
            way.append(to)
        if to == name:
            shape.note(path, f"leads in a circle: {' -> '.join([*way, name])}")
