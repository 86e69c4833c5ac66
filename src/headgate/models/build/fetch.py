"""Where the public data is: a directory, the installed packages, or the newest wheels, which pip fetches."""

import subprocess
import sys
import tempfile
import zipfile
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import msgspec

FILES = {
    "litellm": "model_prices_and_context_window_backup.json",
    "genai-prices": "data.py",
}
"""Package -> the file of its data, which stands in the folder of the package's own name."""
PATIENCE = 300
"""Seconds that pip may take."""


class NoData(Exception):
    """The data is not to be had; the message says how it could be."""


class Data(msgspec.Struct, frozen=True):
    """What tables are made of."""

    prices: bytes
    more: bytes | None
    versions: dict[str, str]
    date: str
    """The day it was fetched, ``YYYY-MM-DD``."""


def found(directory: Path | None) -> Data:
    """Return the data in *directory*, else of the installed packages, else fetched; raise :class:`NoData`."""
    if directory is not None:
        return _in(directory)
    here = installed()
    return here if here is not None else fetched()


def installed() -> Data | None:
    """Return the data of the packages that this Python has; ``None`` without the first of them."""
    read: dict[str, bytes] = {}
    versions: dict[str, str] = {}
    for package, file in FILES.items():
        try:
            known = distribution(package)
        except PackageNotFoundError:
            continue
        path = Path(str(known.locate_file(f"{package.replace('-', '_')}/{file}")))
        if path.is_file():
            read[package], versions[package] = path.read_bytes(), known.version
    return _data(read, versions) if "litellm" in read else None


def fetched() -> Data:
    """Return the data of the newest packages. Only their wheels are fetched; nothing is installed or run."""
    with tempfile.TemporaryDirectory() as directory:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--only-binary",
            ":all:",
            "-d",
            directory,
        ]
        try:
            done = subprocess.run([*command, *FILES], capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise NoData(f"pip did not fetch {' and '.join(FILES)} within {PATIENCE} s.") from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise NoData(
                f"pip could not fetch {' and '.join(FILES)} ({last[:300]}). Fetch their wheels elsewhere, and name "
                "the directory they are in by --from-dir."
            )
        return _in(Path(directory))


def _in(directory: Path) -> Data:
    read: dict[str, bytes] = {}
    versions: dict[str, str] = {}
    for package, file in FILES.items():
        module = package.replace("-", "_")
        wheels = sorted(directory.glob(f"{module}-*.whl"), key=lambda wheel: wheel.stat().st_mtime)
        if wheels:
            with zipfile.ZipFile(wheels[-1]) as wheel:
                read[package] = wheel.read(f"{module}/{file}")
            versions[package] = wheels[-1].name.split("-")[1]
        elif (directory / file).is_file():
            read[package] = (directory / file).read_bytes()
    if "litellm" not in read:
        raise NoData(f"{directory} holds neither a wheel of litellm nor its {FILES['litellm']}.")
    return _data(read, versions)


def _data(read: dict[str, bytes], versions: dict[str, str]) -> Data:
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    return Data(read["litellm"], read.get("genai-prices"), versions, today)
