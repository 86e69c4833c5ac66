"""What is wrong with the settings of one cache, together, and with routes that use one."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from headgate.cache.config import LARGEST, CacheConfig
from headgate.config.check_guardrails import NAME
from headgate.config.shape import ABSENT, Shape, convert
from headgate.config.words import Path, nearest, shown

RESERVED = frozenset(("stats", "clear"))


def cache_faults(caches: Mapping[str, Any], shape: Shape) -> None:
    """Note what is wrong with entries whose types and ranges were looked at."""
    for name, entry in caches.items():
        _cache(name, entry, shape)


def _cache(name: str, entry: Any, shape: Shape) -> None:
    path: Path = ("caches", name)
    if not NAME.fullmatch(name):
        shape.note(path, "a cache's name is 1 to 64 letters, digits, dots, dashes and underscores")
    elif name in RESERVED:
        shape.note(path, f"the name `{name}` is taken by the API: choose another")
    if not isinstance(entry, Mapping) or ABSENT in entry.values():
        return
    try:
        config = convert(entry, CacheConfig)
    except msgspec.ValidationError:
        return  # a field that is wrong was noted where it is
    for field, message in config.faults():
        inside = (*path, *field.split("."))
        shape.note(inside if inside in shape.places else path, message)
    if path in shape.owned and config.semantic.url:
        shape.note((*path, "semantic", "url"), "names another server, and so can stand in the file alone")
    if "tenant" in shape.owned.get(path, "") and "max_bytes" in entry and config.max_bytes > LARGEST:
        shape.note(
            (*path, "max_bytes") if (*path, "max_bytes") in shape.places else path,
            f"`max_bytes` of a tenant's own cache is at most {LARGEST:,}",
        )


def route_cache_faults(name: str, route: Mapping[str, Any], shape: Shape, caches: Collection[str]) -> None:
    """Note a cache that there is not, or that the route cannot have."""
    cache, path = route.get("cache"), ("routes", name, "cache")
    if not isinstance(cache, str):
        return
    if cache not in caches:
        shape.note(path, f"no cache {shown(cache)}{nearest(cache, sorted(caches))}")
    fan_out = route.get("fan_out")
    if isinstance(fan_out, Mapping) and fan_out.get("answer", "first") != "first":
        shape.note(path, "a route that compares answers (`fan_out.answer`) keeps none: leave one of them out")
