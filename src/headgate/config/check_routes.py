"""What no single entry of a route can tell: its strategies' settings together, and where its fallbacks lead."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from headgate.config.shape import ABSENT, Path, Shape, nearest, shown
from headgate.config.types import Known


def named_targets(route: Mapping[str, Any]) -> list[Any]:
    """Return the ``provider/model`` of each entry, ``ABSENT`` for one that is wrong."""
    return [target.get("model", ABSENT) if isinstance(target, dict) else target for target in route.get("targets", ())]


def strategy_faults(path: Path, entry: Mapping[str, Any], targets: Collection[str], shape: Shape, known: Known) -> None:
    """Note what is wrong with the settings of one strategy, whose types and ranges were looked at."""
    kind = known.strategies[entry["kind"]]
    providers = {target.partition("/")[0] for target in targets}
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


def fallbacks(routes: Mapping[str, Any], shape: Shape) -> None:
    """Note fallbacks to routes that do not exist, and those that lead in a circle."""
    leads = {name: route["fallback"] for name, route in routes.items() if route.get("fallback") is not None}
    for name, to in leads.items():
        path: Path = ("routes", name, "fallback")
        if to not in routes:
            shape.note(path, f"no route {shown(to)}{nearest(to, sorted(routes))}")
            continue
        way = [name]
        while (to := leads.get(way[-1], "")) and to not in way:
            way.append(to)
        if to == name:
            shape.note(path, f"leads in a circle: {' -> '.join([*way, name])}")
