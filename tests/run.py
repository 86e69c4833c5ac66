"""``make test``: the whole suite, in parallel where it may, and a last line that names what did not run."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

# What some tests need, and how to tell that it is there.
OPTIONAL = {
    "chromium": lambda: shutil.which("chromium") is not None,
    "recorded exchanges (../shared/recorded)": lambda: Path("../shared/recorded").is_dir(),
}
FREEDOM = "HEADGATE_REQUIRE_ALL"
PREFIX = "headgate-tests-"
MEMORY = Path("/dev/shm")
PLENTY = 12 * 1024**3  # bytes; half of it is used


def folder() -> Path:
    """Where the tests write: into memory where there is plenty, since hundreds of databases are made and thrown away."""
    if not MEMORY.is_dir() or min(shutil.disk_usage(MEMORY).free, available()) < PLENTY:
        return Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    made = MEMORY / f"{PREFIX}{os.getpid()}"
    for left in MEMORY.glob(f"{PREFIX}*"):  # by one that was killed
        if left == made or not Path("/proc", left.name.removeprefix(PREFIX)).exists():
            shutil.rmtree(left, ignore_errors=True)
    made.mkdir()
    return made


def available() -> int:
    """Bytes of memory that this process and what it starts may use."""
    told = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    bounds = [int(told[1]) * 1024] if told else [0]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # the newer says "max" where there is none
            bounds.append(int(Path("/sys/fs/cgroup", name).read_text()))
    return min(bounds)


def main() -> int:
    started = time.monotonic()
    absent = [name for name, there in OPTIONAL.items() if not there()]
    if absent and os.environ.get(FREEDOM) == "1" and any("recorded" not in name for name in absent):
        print(f"{FREEDOM}=1, but there is no {', '.join(absent)}", file=sys.stderr)
        return 1
    where = folder()
    where.chmod(0o755)  # PostgreSQL, which is not root, has its files there too
    code = subprocess.call(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "4",  # some wait while others work
            "--dist",
            "loadgroup",
            "-p",
            "no:cacheprovider",
            "--tb=native",  # the others parse sources anew, which Python 3.11 can fail at deep in a stack
            *sys.argv[1:],
        ],
        env={**os.environ, "TMPDIR": str(where)},
    )
    shutil.rmtree(where, ignore_errors=True)
    print(f"{time.monotonic() - started:.0f} s")
    print(f"not run: {', '.join(absent) or 'nothing'}")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
