"""From a file, or its bytes, to a checked ``Config``."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import inspect

from headgate.config.check import check
from headgate.config.parse import compose, read
from headgate.config.shape import ABSENT, Shape, convert
from headgate.config.types import Config, ConfigError, Known


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
    node = compose(data, file)
    if node is None:
        return Config()
    shape = Shape(file, environ, known.strategies)
    values = shape.read(node, inspect.type_info(Config), ())
    if files is not None:
        files |= shape.files
    if values is not ABSENT:
        check(values, shape, known)
    if shape.problems:
        raise ConfigError(shape.problems)
    config: Config = convert(values, Config)
    return config
