"""What no single entry can tell: names that must exist, must not clash, and must not lead in circles."""

from collections.abc import Iterable, Mapping
from typing import Any

from headgate.config.check_alerts import alert_faults, channel_faults
from headgate.config.check_caches import cache_faults, route_cache_faults
from headgate.config.check_guardrails import guardrail_faults
from headgate.config.check_providers import HEADER_NAME, RESERVED, provider_faults, url_fault
from headgate.config.check_routes import (
    elsewhere_faults,
    experiment_faults,
    fallbacks,
    named_targets,
    several_faults,
    strategy_faults,
)
from headgate.config.shape import ABSENT, Shape
from headgate.config.types import Known
from headgate.config.words import Path, nearest, shown
from headgate.core.secret import Secret
from headgate.observe.archive.config import faults as archive_faults

MAX_NAME = 200


class Names:
    """The names in force together: the document's own and those it may refer to."""

    def __init__(self, values: Mapping[str, Any], shape: Shape, known: Known, beside: "Names | None" = None) -> None:
        """*beside* are the names of a document that this one comes on top of."""
        self.known = known
        own_providers = _named(shape, "providers")
        self.providers = known.providers | own_providers
        if values.get("sandbox") is False and "sandbox" not in own_providers:
            self.providers -= {"sandbox"}
        self.disabled = frozenset(n for n, p in values.get("providers", {}).items() if p.get("enabled") is False)
        self.models = _named(shape, "models")
        self.own_aliases = self.aliases = _named(shape, "aliases")
        self.own_routes = self.routes = _named(shape, "routes")
        self.guardrails = _named(shape, "guardrails")
        self.caches = _named(shape, "caches")
        if beside is not None:
            self.providers = beside.providers | own_providers
            self.disabled, self.models = self.disabled | beside.disabled, beside.models
            self.aliases |= beside.aliases - self.own_routes
            self.routes |= beside.routes - self.own_aliases
            self.guardrails |= beside.guardrails
            self.caches |= beside.caches

    def fault_of(self, target: str, *, but: Iterable[str] = ()) -> str | None:
        """Say why *target* is no deployment (``provider/model``), or ``None``; *but* are names that would do too."""
        provider, slash, model = target.partition("/")
        if slash and not model:
            return f"{shown(target)} names no model: write `{provider}/model`"
        if slash:
            return None if provider in self.providers else f"no provider {shown(provider)}{self._hint(provider)}"
        full = [name for name in (*self.models, *sorted(self.known.models)) if name.partition("/")[2] == target]
        if full:
            usable = [name for name in full if name.partition("/")[0] in self.providers] or full
            return f"{shown(target)} must be written in full: did you mean `{usable[0]}`?"
        names = (*but, *self.models, *self.known.models, *(n.partition("/")[2] for n in self.known.models))
        hint = nearest(target, names, listed=False)
        return f"no model {shown(target)}{hint or ': write `provider/model`'}"

    def _hint(self, provider: str) -> str:
        variable = self.known.variables.get(provider)
        if variable:
            return f": set {variable}, or add `providers.{provider}`"
        return nearest(provider, self.providers)


def _named(shape: Shape, section: str) -> frozenset[str]:
    """The names of a section, those of entries that are wrong inside too: they are meant to exist."""
    return frozenset(str(path[1]) for path in shape.places if len(path) == 2 and path[0] == section)


def check(values: Mapping[str, Any], shape: Shape, known: Known, beside: Names | None = None) -> Names:
    """Note on *shape* every fault of *values*, which are what ``Shape.read`` made of the file; return what it names.

    *beside* are the names of a document that this one comes on top of.
    """
    names = Names(values, shape, known, beside)
    for name, provider in values.get("providers", {}).items():
        provider_faults(name, provider, shape, known)
    for name in values.get("models", {}):
        if "/" not in name:
            shape.note(("models", name), f"must be written `provider/model`{_full(name, names)}")
        elif (fault := names.fault_of(name)) is not None:
            shape.note(("models", name), fault)
        base = values["models"][name].get("base")
        if base is not None and (fault := _base_fault(base, known)) is not None:
            shape.note(("models", name, "base"), fault)
    for name, case in values.get("use_cases", {}).items():
        _use_case(name, case, shape, names)
    _observe(values.get("observe", {}), shape)
    _stores(values.get("observe", {}), shape)
    _retention(values.get("observe", {}), shape)
    for name in values.get("steps", {}):
        if name not in known.steps:
            shape.note(("steps", name), _unknown_step(name, known))
    for name, entry in values.get("guardrails", {}).items():
        guardrail_faults(name, entry, shape, known, names.routes, beside.guardrails if beside is not None else ())
    for name, entry in values.get("channels", {}).items():
        channel_faults(name, entry, shape)
    for name, entry in values.get("alerts", {}).items():
        alert_faults(name, entry, shape, values.get("channels", {}).keys())
    cache_faults(values.get("caches", {}), shape)
    for name in names.own_routes | names.own_aliases:
        _free(name, shape, names)
    for name, route in values.get("routes", {}).items():
        _route(name, route, shape, names)
    fallbacks(values.get("routes", {}), shape, names.routes)
    for name, target in values.get("aliases", {}).items():
        _alias(name, target, shape, names, values["aliases"])
    return names


def _base_fault(base: str, known: Known) -> str | None:
    kind, slash, model = base.partition("/")
    if not slash or not model:
        return "must be written `kind/model`, as `headgate models` lists them"
    return None if kind in known.kinds else f"unknown kind {shown(kind)}{nearest(kind, known.kinds)}"


def _full(name: str, names: Names) -> str:
    return f", as in `{sorted(names.providers)[0]}/{name[:80]}`" if names.providers else ""


def _observe(observe: Mapping[str, Any], shape: Shape) -> None:
    for section, field in (("otlp", "endpoint"), ("langfuse", "host"), ("webhook", "url")):
        url = (observe.get(section) or {}).get(field)
        if url is not None and (fault := url_fault(url)) is not None:
            shape.note(("observe", section, field), fault)
    for header, value in (observe.get("otlp") or {}).get("headers", {}).items():
        if not HEADER_NAME.fullmatch(header) or header.lower() in ("content-type", "host"):
            shape.note(("observe", "otlp", "headers", header), "is not a header that can be set here")
        elif isinstance(value, Secret) and not (value.reveal().isascii() and value.reveal().isprintable()):
            shape.note(("observe", "otlp", "headers", header), "a header's value is printable ASCII")


def _retention(observe: Mapping[str, Any], shape: Shape) -> None:
    for field, least in (("records", 1), ("minutes", 3), ("hours", 92), ("days", 400)):
        days = (observe.get("retention") or {}).get(field, 0)
        if days and not least <= days <= 36_500:
            shape.note(("observe", "retention", field), f"must be 0 (for good), or from {least} to 36500 days")


def _stores(observe: Mapping[str, Any], shape: Shape) -> None:
    for path, said in archive_faults(observe):
        shape.note(("observe", *path), said)
    for name, store in (observe.get("stores") or {}).items():
        if (endpoint := store.get("endpoint")) is not None and (fault := url_fault(endpoint)) is not None:
            shape.note(("observe", "stores", name, "endpoint"), fault)


def _free(name: str, shape: Shape, names: Names) -> None:
    """Note a name of a route or alias that something else has, or that would hide something else."""
    section = "routes" if name in names.own_routes else "aliases"
    path: Path = (section, name)
    first = name.partition("/")[0]
    if not name or len(name) > MAX_NAME or not name.isprintable() or " " in name:
        shape.note(path, f"a name is 1 to {MAX_NAME} printable characters without spaces")
    if first == RESERVED and "/" in name:
        shape.note(path, f"names that begin with `{RESERVED}/` are reserved")
    elif first in names.providers:
        shape.note(path, f"{'begins with' if '/' in name else 'is'} the name of the provider `{first}`: choose another")
    if section == "routes" and name in names.own_aliases:
        line = shape.places.get(("aliases", name), (0, 0))[0]
        shape.note(path, f"is a route and an alias ({f'line {line}' if line else 'in the database'}): rename one")


def _route(name: str, route: Mapping[str, Any], shape: Shape, names: Names) -> None:
    targets = [(index, target) for index, target in enumerate(named_targets(route)) if target is not ABSENT]
    if route.get("targets") == []:
        shape.note(("routes", name, "targets"), "must name at least one deployment")
    if targets and all(target.partition("/")[0] in names.disabled for _, target in targets):
        shape.note(("routes", name, "targets"), "every provider of these targets has `enabled: off`")
    seen: set[str] = set()
    for index, target in targets:
        path: Path = ("routes", name, "targets", index)
        path = (*path, "model") if (*path, "model") in shape.places else path
        if target in seen:
            shape.note(path, f"{shown(target)} is in this list already")
        elif target == name:
            shape.note(path, "is the route itself: name a deployment, such as `provider/model`")
        elif target in names.routes or target in names.aliases:
            what = "a route" if target in names.routes else "an alias"
            shape.note(path, f"{shown(target)} is {what}: a target is a deployment, such as `provider/model`")
        elif (fault := names.fault_of(target)) is not None:
            shape.note(path, fault)
        seen.add(target)
    several_faults(name, route, shape)
    experiment_faults(name, route, shape)
    elsewhere_faults(name, route, shape, {*names.routes, *names.aliases}, names.fault_of, names.known)
    for index, one in enumerate(route.get("guardrails", ())):
        if one is not ABSENT and one not in names.guardrails:
            hint = nearest(one, sorted(names.guardrails))
            shape.note(("routes", name, "guardrails", index), f"no guardrail {shown(one)}{hint}")
    route_cache_faults(name, route, shape, names.caches)
    for index, step in enumerate(route.get("skip", ())):
        if step is not ABSENT and step not in names.known.steps:
            shape.note(("routes", name, "skip", index), _unknown_step(step, names.known))
    for index, entry in enumerate(route.get("strategy", ())):
        if entry is not ABSENT:
            strategy_faults(("routes", name, "strategy", index), entry, seen, names.providers, shape, names.known)


def _use_case(name: str, case: Mapping[str, Any], shape: Shape, names: Names) -> None:
    if not name or "/" in name or not name.isprintable() or " " in name:
        shape.note(("use_cases", name), "a use case has a plain name: callers ask for `use-case/NAME`")
    for index, target in enumerate(case.get("targets", ())):
        if target is not ABSENT and (fault := names.fault_of(target)) is not None:
            shape.note(("use_cases", name, "targets", index), fault)
    targets = {target for target in case.get("targets", ()) if target is not ABSENT}
    if targets and all(target.partition("/")[0] in names.disabled for target in targets):
        shape.note(("use_cases", name, "targets"), "every provider of these targets has `enabled: off`")
    for index, entry in enumerate(case.get("strategy") or ()):
        if entry is not ABSENT:
            path: Path = ("use_cases", name, "strategy", index)
            strategy_faults(path, entry, targets or names.providers, names.providers, shape, names.known)


def _alias(name: str, target: str, shape: Shape, names: Names, aliases: Mapping[str, str]) -> None:
    path: Path = ("aliases", name)
    if target == name:
        shape.note(path, "is an alias of itself")
    elif target in names.aliases:
        circle = " and they lead in a circle" if _leads_back(name, aliases) else ""
        shape.note(path, f"{shown(target)} is an alias too{circle}: name the route or `provider/model` itself")
    elif target not in names.routes and (fault := names.fault_of(target, but=names.routes)) is not None:
        shape.note(path, fault)
    elif target.partition("/")[0] in names.disabled:
        shape.note(path, f"the provider of {shown(target)} has `enabled: off`")


def _leads_back(start: str, aliases: Mapping[str, str]) -> bool:
    seen: set[str] = set()
    name = start
    while (name := aliases.get(name, "")) and name != start and name not in seen:
        seen.add(name)
    return name == start


def _unknown_step(name: str, known: Known) -> str:
    if not known.steps:
        return f"no step {shown(name)}: there is none that can be switched"
    return f"no step {shown(name)}{nearest(name, known.steps)}"
