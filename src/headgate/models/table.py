"""The tables of models: what each costs, takes and can do. One file per kind of provider, read when first asked for.

The package ships the tables in ``data/models``; a refresh writes newer ones into the home directory, which then stand
before the shipped ones, kind by kind.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from headgate.providers.base import PriceConfig

DATA = Path(__file__).with_name("data")
SHIPPED = DATA / "models"
KIND = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
DATED = re.compile(r"(?:[-@](?:20\d\d-?\d\d-?\d\d|latest|default)|-(?:0[1-9]|1[0-2])-20\d\d)$")
"""How vendors mark a snapshot of a model, or the newest of them."""
DAY = re.compile(r"(20[12]\d)-?([01]\d)-?([0-3]\d)(?!\d)")
UNFINISHED = re.compile(r"preview|experimental|(?:^|[-_/.])(?:beta|alpha|exp)(?:$|[-_:.])")

Kind = Literal[
    "chat", "completion", "embedding", "rerank", "image", "speech", "transcription", "moderation", "realtime"
]
Status = Literal["active", "testing", "deprecated"]


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One model at one kind of provider."""

    name: str
    """The provider's own name of it."""
    kind: Kind = "chat"
    price: PriceConfig | None = None
    """``None`` where nobody knows; a price of nothing is written as zeros."""
    context: int | None = None
    """The longest prompt, in tokens."""
    max_output: int | None = None
    can: str = ""
    """What it can do besides its kind, separated by blanks: ``tools``, ``vision`` and so on."""
    speaks: tuple[str, ...] = ()
    """The dialects it is offered by; empty where its provider's all do."""
    dimensions: int | None = None
    """The length of an embedding, unless a shorter one is asked for."""
    regions: tuple[str, ...] = ()
    """Where it is served, in the provider's words; empty where unknown or everywhere."""
    retires: str | None = None
    """The day it is switched off (``YYYY-MM-DD``), where one is announced."""
    retired: bool = False
    """Its data says that it is no longer offered, without a day."""
    source: int = 0
    """Where the figures stand: an index into the table's ``sources``."""

    @property
    def capabilities(self) -> tuple[str, ...]:
        """What it can do, its kind among it."""
        return (self.kind, *self.can.split())

    @property
    def released(self) -> str | None:
        """The day its name gives, ``YYYY-MM-DD``."""
        found = DAY.search(self.name)
        try:
            return date(int(found[1]), int(found[2]), int(found[3])).isoformat() if found else None
        except ValueError:
            return None

    @property
    def version(self) -> str | None:
        """The snapshot its name gives: a date, or ``latest``."""
        found = DATED.search(self.name)
        return found[0].lstrip("-@") if found else None

    def status(self, today: str) -> Status:
        """Return ``deprecated`` from the day it is switched off, ``testing`` for previews, else ``active``."""
        if self.retired or (self.retires is not None and self.retires <= today):
            return "deprecated"
        return "testing" if UNFINISHED.search(self.name) else "active"


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """What is known of one kind of provider, and where the figures come from."""

    source: str
    """The data set, with its version and licence."""
    date: str
    """The day it was made, ``YYYY-MM-DD``."""
    sources: list[str]
    """The pages that the figures stand on."""
    models: list[Model]

    @cached_property
    def by_name(self) -> dict[str, Model]:
        """Every model by its provider's own name."""
        return {model.name: model for model in self.models}

    def find(self, name: str) -> Model | None:
        """Return the model *name*; for a snapshot or fine-tune that is not listed, the model that it was made of."""
        found = self.by_name.get(name)
        if found is not None:
            return found
        if name.startswith("arn:"):  # Bedrock: the model's or profile's own id stands at the end
            return self.by_name.get(name.rpartition("/")[2])
        if name.startswith("ft:"):  # OpenAI: base, organization, suffix and id
            return self.by_name.get(":".join(name.split(":")[:2]))
        undated = DATED.sub("", name)
        return None if undated == name else self.by_name.get(undated) or self.by_name.get(f"{undated}-latest")

    def source_of(self, model: Model) -> str:
        """Return where the figures of *model* come from."""
        page = self.sources[model.source] if model.source < len(self.sources) else ""
        return f"{page} by {self.source}" if page else self.source


EMPTY = Table("", "1970-01-01", [], [])


class Tables:
    """The tables of some directories, the first before the next; each file is read once, when asked for."""

    def __init__(self, *directories: Path) -> None:
        self._directories = (*directories, SHIPPED)
        self._read: dict[str, Table] = {}

    def of(self, kind: str) -> Table:
        """Return the table of a *kind* of provider; an empty one where there is none.

        Raise ``ValueError`` naming the file for one that cannot be read.
        """
        table = self._read.get(kind)
        if table is None:
            table = self._read[kind] = self._load(kind) if KIND.match(kind) else EMPTY
        return table

    def kinds(self) -> list[str]:
        """Return every kind that has a table, by name."""
        files = [file for directory in self._directories if directory.is_dir() for file in directory.glob("*.json")]
        return sorted({file.stem for file in files})

    def __iter__(self) -> Iterator[str]:
        """Yield the ``kind/name`` of every model; reads every file."""
        for kind in self.kinds():
            for model in self.of(kind).models:
                yield f"{kind}/{model.name}"

    def _load(self, kind: str) -> Table:
        for directory in self._directories:
            file = directory / f"{kind}.json"
            try:
                data = file.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                continue
            try:
                return msgspec.json.decode(data, type=Table)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ValueError(f"{file} is no table of models: {error}. Delete it, or refresh it again.") from None
        return EMPTY


def written(table: Table) -> bytes:
    """Return a table as a file has it: one model a line, so that a refresh can be read as a difference."""
    head = msgspec.json.encode({"source": table.source, "date": table.date, "sources": table.sources})[:-1]
    lines: Iterable[bytes] = (msgspec.json.encode(model) for model in table.models)
    return head + b',"models":[\n' + b",\n".join(lines) + b"\n]}\n"
