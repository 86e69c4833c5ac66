"""Every proof, at the size that fits into the ordinary test run."""

from pathlib import Path

import pytest

from tests.proofs import PROOFS, load

SCALE = {"sigkill": 0.15, "budget": 0.1, "disconnects": 0.02, "fuzz": 0.04, "failover": 0.1, "timing": 0.05}


@pytest.mark.prove
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.xdist_group(f"proof-{name}")) for name in PROOFS]
)
def test_proof(name: str, tmp_path: Path) -> None:
    print(load(name)(SCALE[name], tmp_path, lambda done, of: None))
