"""Use cases: what a caller can ask for instead of a model, ``use-case/summarization``, and which models answer it."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

PREFIX = "use-case/"
MOST = 4
"""Deployments in the plan of one use case: one to answer, the others should it fail."""
DEAREST = 30.0
"""USD per million tokens written, above which even a strong model is not chosen by itself."""
USUAL = ({"kind": "slo"},)
"""Where nothing is said of how fast it must be."""
WRITTEN = 3
"""A prompt's tokens for each token of its answer, for comparing prices; so it is in most traffic."""


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Parameters of a request, as Chat Completions and Messages alike call them."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None


class UseCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One ``use_cases:`` entry: either the deployments that answer it, or what they must be able to do."""

    targets: list[str] = []
    """``provider/model`` names, best first. Without them the usable models are chosen from."""
    requires: list[str] = []
    """Capabilities that a model must have, in the registry's words: ``tools``, ``vision``, ``json_schema`` ..."""
    prefer: Literal["cheap", "strong"] = "cheap"
    """Of the models that can do it: the cheapest, or the dearest of reasonable price, as a price tells of strength
    where nothing has been measured."""
    kind: Literal["chat", "embedding"] = "chat"
    parameters: Parameters = Parameters()
    """Parameters of the request where the caller leaves them open."""
    strategy: list[dict[str, Any]] | None = None
    """What orders its deployments for each request, as in a route. Left out, what misses 2,000 ms at the 95th
    percentile comes last (``[{kind: slo}]``); ``[]`` leaves them as they are."""


SHIPPED: Mapping[str, UseCase] = {
    "chat": UseCase(),
    "summarization": UseCase(),
    "classification": UseCase(parameters=Parameters(temperature=0)),
    "extraction": UseCase(requires=["json_schema"], parameters=Parameters(temperature=0)),
    "research": UseCase(prefer="strong"),
    "code": UseCase(requires=["tools"], prefer="strong"),
    "embedding": UseCase(kind="embedding"),
}


class Candidate(msgspec.Struct, frozen=True):
    """A model that might answer. Prices are USD per million tokens."""

    name: str
    """``provider/model``."""
    kind: str
    capabilities: tuple[str, ...]
    use_cases: tuple[str, ...]
    input: float
    output: float


def chosen(name: str, case: UseCase, candidates: Iterable[Candidate]) -> list[str]:
    """Return the names of the models for *case*, best first; at most one of each provider before its second."""
    needed = set(case.requires)
    fit = [
        one for one in candidates if one.kind == case.kind and name in one.use_cases and needed <= {*one.capabilities}
    ]
    if case.prefer == "strong":
        fit = [one for one in fit if one.output <= DEAREST] or fit
    fit.sort(key=lambda one: ((1 if case.prefer == "cheap" else -1) * (WRITTEN * one.input + one.output), one.name))
    first: dict[str, Candidate] = {}
    for one in fit:
        first.setdefault(one.name.partition("/")[0], one)
    leading = [one.name for one in first.values()]
    rest = [one.name for one in fit if one.name not in leading]
    return [*leading, *rest][:MOST]
