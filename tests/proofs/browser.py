"""Every walk through the dashboard, and every page in both themes and widths; the ordinary run takes the first ones."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.proofs import Progress


def prove(scale: float, folder: Path, progress: Progress) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=native", "-p", "no:cacheprovider", "tests/browser"],
        env={**os.environ, "WALKS": "all"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    return f"{passed[1] if passed else 0} walks through the dashboard, in a real browser"
