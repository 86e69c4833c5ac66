"""Every proof, at the size that fits into the ordinary test run."""

from pathlib import Path

import pytest

from tests.proofs import load

SCALE = {
    "sigkill": 0.01,
    "sigkill_postgres": 0.01,
    "budget": 0.05,
    "outage": 0.05,
    "redis": 0.04,
    "revoked": 0.004,
    "guard_chunks": 0.001,
    "disconnects": 0.02,
    "fuzz": 0.003,
    "matrix": 0.03,
    "schema": 0.004,
    "failover": 0.1,
    "simulation": 0.004,
    "schedules": 0.002,
    "holds": 0.1,
    "money": 0.001,
    "totals": 0.0015,
    "rows": 0.0003,
    "timing": 0.05,
    "attempts": 0.04,
    "resume": 0.01,
    "canaries": 0.04,
    "cache_canaries": 0.003,
    "near_canaries": 0.002,
    "projections": 0.03,
}
"""Not here: those that differ from others in nothing but the store behind them, and clocks that jump."""


@pytest.mark.prove
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.xdist_group(f"proof-{name}")) for name in SCALE])
def test_proof(name: str, tmp_path: Path) -> None:
    print(load(name)(SCALE[name], tmp_path, lambda done, of: None))
