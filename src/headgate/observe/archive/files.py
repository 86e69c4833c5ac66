"""Rows into a file: JSON lines, or Parquet by pyarrow, which is installed with ``headgate[archive]``."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from headgate.observe.archive.rows import COLUMNS, KINDS, SAID, line_of

Format = Literal["jsonl", "parquet"]
INSTALL = "Parquet needs pyarrow, which is not installed here: pip install 'headgate[archive]'"


class NoParquet(Exception):
    """pyarrow is not installed; the text says how."""

    def __init__(self) -> None:
        super().__init__(INSTALL)


class Part(msgspec.Struct, frozen=True):
    """A file that was written."""

    name: str
    rows: int
    bytes: int
    sha256: str
    where: str = ""
    """Where it was put, for people."""


class Writer(Protocol):
    """Writes rows to one file."""

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write more rows."""
        ...

    def close(self) -> None:
        """Complete the file."""
        ...


class Lines:
    """JSON lines."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """See :class:`Writer`."""
        self._file.write(b"".join(map(line_of, rows)))
        self._file.flush()  # how large it is, is looked at

    def close(self) -> None:
        """See :class:`Writer`."""
        self._file.close()


class Parquet:
    """Parquet, a row group for each batch, compressed by zstd."""

    def __init__(self, path: Path, *, said: bool) -> None:
        """*said* adds the columns of what was said. Raise :class:`NoParquet`."""
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise NoParquet from None
        text = pyarrow.string()
        types = {
            "text": text,
            "json": text,
            "texts": pyarrow.list_(text),
            "instant": pyarrow.timestamp("us", tz="UTC"),
            "whole": pyarrow.int64(),
            "float": pyarrow.float64(),
            "flag": pyarrow.bool_(),
        }
        names = (*COLUMNS, *SAID) if said else COLUMNS
        self._schema = pyarrow.schema([(name, types[KINDS.get(name, "json")]) for name in names])
        self._table = pyarrow.Table
        self._writer = pyarrow.parquet.ParquetWriter(path, self._schema, compression="zstd")

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """See :class:`Writer`."""
        columns = {name: [_cell(name, row[name]) for row in rows] for name in self._schema.names}
        self._writer.write_table(self._table.from_pydict(columns, self._schema))

    def close(self) -> None:
        """See :class:`Writer`."""
        self._writer.close()


def writer(format: Format, path: Path, *, said: bool) -> Writer:
    """Return what writes *path*; raise :class:`NoParquet`."""
    return Parquet(path, said=said) if format == "parquet" else Lines(path)


def parquet_missing() -> str | None:
    """Say how to install what Parquet needs, where it is not there. Nothing is imported for it."""
    from importlib.util import find_spec

    return None if find_spec("pyarrow") is not None else INSTALL


def part_of(path: Path, rows: int) -> Part:
    """Return what is told of the complete file at *path*."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(1024 * 1024):
            digest.update(data)
    return Part(path.name, rows, path.stat().st_size, digest.hexdigest())


def _cell(name: str, value: Any) -> Any:
    kind = KINDS.get(name, "json")
    if value is None:
        return None
    if kind == "instant":
        return datetime.fromisoformat(value)
    if kind == "json":
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return value
