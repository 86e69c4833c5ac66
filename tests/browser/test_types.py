"""The dashboard's own types: half a minute of a compiler that nobody waits for when a page is built."""

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.processes import ROOT


def test_the_pages_fit_the_types(dashboard: None) -> None:
    command = ["npm", "run", "--silent", "check"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(command, cwd=ROOT / "dashboard", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
