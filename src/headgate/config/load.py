"""From a file, or its bytes, to a checked ``Config``."""

from collections.abc import Mapping
from pathlib import Path

from headgate.config.effective import effective
from headgate.config.parse import read
from headgate.config.types import Config, Known


def load(path: Path | None, environ: Mapping[str, str], known: Known) -> Config:
    """Return the configuration in *path*; without a file, the empty one. Raise :class:`ConfigError` with all faults."""
    return Config() if path is None else loads(read(path), environ, known, file=str(path))


def loads(
    data: bytes,
    environ: Mapping[str, str],
    known: Known,
    *,
    file: str = "headgate.yaml",
    files: set[Path] | None = None,
) -> Config:
    """Return the configuration that *data* states; raise :class:`ConfigError` with all faults.

    To *files* are added those that secrets stand in: when one changes, the configuration has changed.
    """
    return effective(data, environ, known, file=file, files=files).config
