"""``make test``: the whole suite, in parallel where it may, and a last line that names what did not run."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

# What some tests need, and how to tell that it is there.
OPTIONAL = {
    "chromium": lambda: shutil.which("chromium") is not None,
    "recorded exchanges (../shared/recorded)": lambda: Path("../shared/recorded").is_dir(),
}
FREEDOM = "HEADGATE_REQUIRE_ALL"


def main() -> int:
    started = time.monotonic()
    absent = [name for name, there in OPTIONAL.items() if not there()]
    if absent and os.environ.get(FREEDOM) == "1" and any("recorded" not in name for name in absent):
        print(f"{FREEDOM}=1, but there is no {', '.join(absent)}", file=sys.stderr)
        return 1
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
        ]
    )
    print(f"{time.monotonic() - started:.0f} s")
    print(f"not run: {', '.join(absent) or 'nothing'}")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
