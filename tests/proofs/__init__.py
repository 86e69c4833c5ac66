"""The long proofs: one figure each. ``make prove`` runs them at full size, ``make test`` the same code at a small one."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

PROOFS = (
    "sigkill",
    "sigkill_postgres",
    "budget",
    "budget_postgres",
    "budget_redis",
    "disconnects",
    "fuzz",
    "failover",
    "simulation",
    "schedules",
    "holds",
    "money",
    "money_postgres",
    "money_redis",
    "totals",
    "rows",
    "timing",
    "attempts",
    "resume",
    "outage",
    "redis",
    "revoked",
    "clock",
    "guard_chunks",
    "canaries",
    "canaries_postgres",
    "cache_canaries",
    "near_canaries",
    "matrix",
    "schema",
    "projections",
    "browser",
)

Progress = Callable[[int, int], None]
Proof = Callable[[float, Path, Progress], str]
"""``prove(scale, folder, progress)`` returns its figure in a sentence, or raises ``AssertionError``; scale 1 is full."""


def load(name: str) -> Proof:
    proof: Proof = import_module(f"tests.proofs.{name}").prove
    return proof
