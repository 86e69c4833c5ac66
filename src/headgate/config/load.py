"""From a file, or its bytes, to a checked ``Config``."""

from collections.abc import Mapping
from pathlib import Path

from headgate.config.effective import effective
from headgate.config.managed import Managed
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
    managed: Managed | None = None,
) -> Config:
    """Return the configuration that *data* states; raise :class:`ConfigError` with all faults.

    To *files* are added those that secrets stand in: when one changes, the configuration has changed.
    *managed* has the secrets that managers keep; without it they are fetched.
    """
    managed = managed or Managed(environ)
    try:
        return effective(data, environ, known, file=file, managed=managed).config
    finally:
        if files is not None:
            files |= managed.files
