"""Reads and writes requests of every dialect, by name: what the tests of the translation contract call."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from headgate.core.chat import Request
from headgate.dialects.base import Abilities, Profile, Written
from headgate.dialects.contract import SOURCES, Rule, column, own_rules
from tests.dialects.samples import BASES, SAMPLES, Sample

PROFILE = Profile(
    efforts=("low", "medium", "high"),
    thinking=("enabled", "adaptive", "disabled", "level"),
    cache_points=True,
)
OBLIGING = Abilities("zmodel", "prov/zmodel", max_output=64_000, reasoning=True, profile=PROFILE)
"""A model that takes what its API can say."""
CLAUDE = "anthropic.claude-x"  # of those behind Bedrock the one that takes most


def to(target: str) -> Abilities:
    """Return the model that requests are written for."""
    if target != "bedrock-converse":
        return OBLIGING
    return Abilities(CLAUDE, "prov/zmodel", max_output=64_000, reasoning=True, profile=PROFILE)


def read(source: str, document: dict[str, Any]) -> Request:
    """Read a request of *source*."""
    module = import_module(f"headgate.dialects.{SOURCES[source].removesuffix('_words')}_read")
    request: Request = module.read_request(json.dumps(document).encode())
    request.model = request.model or "m"
    return request


def write(target: str, request: Request, *, drop: bool = False) -> Written:
    """Write a request for *target*."""
    module = import_module(f"headgate.dialects.{SOURCES[target].removesuffix('_words')}_write")
    written: Written = module.write_request(request, to(target), drop=drop)
    return written


def document(source: str, sample: Sample) -> dict[str, Any]:
    """Return the request of a sample."""
    return {**BASES[source], **sample.fields}


def rule(source: str, name: str, target: str) -> Rule:
    """Return what the table says of a sample's field."""
    if name.startswith("own:"):
        return own_rules(source, target).get(name[4:], Rule("refuse"))
    return column(target).NEUTRAL[name]


def told(path: str, paths: list[str]) -> bool:
    """Tell whether *paths* name *path*, or what it stands in, or what stands in it."""
    return any(below(one, path) or below(path, one) for one in paths)


def below(one: str, other: str) -> bool:
    """Tell whether *one* is *other*, or stands in it."""
    return one == other or one.startswith((f"{other}.", f"{other}["))


def marks(value: Any) -> Iterator[str]:
    """Return the leaves of *value* that cannot be there by chance: marked strings, and odd numbers."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if "zq" in name:
                yield name
            yield from marks(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from marks(inner)
    elif isinstance(value, str) and value.startswith("{"):
        yield from marks(json.loads(value))
    elif isinstance(value, str) and "zq" in value:
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool) and (value > 40 or value % 1):
        yield repr(value)


def found(mark: str, body: bytes) -> bool:
    """Tell whether *mark* stands in a body, in texts within texts too."""
    said = body.decode()
    return mark in said or json.dumps(mark)[1:-1] in said or mark in re.sub(r"\\+", "", said)


def cells() -> Iterator[tuple[str, str, str]]:
    """Return every source, sample and target."""
    for source, samples in SAMPLES.items():
        for name in samples:
            for target in SOURCES:
                if target != source:
                    yield source, name, target
