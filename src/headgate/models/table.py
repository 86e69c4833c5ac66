"""The table of models that ships with the package: what they cost and how much they take."""

from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

DATA = Path(__file__).with_name("data")
FILES = ("models.json", "sandbox.json")


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One model. Prices are USD per million tokens, at the vendor's standard rate for prompts of ordinary length."""

    name: str
    """``kind/model``: the kind of provider, and the provider's own name of it."""
    kind: Literal["chat", "embedding"] = "chat"
    input: float | None = None
    output: float | None = None
    cached: float | None = None
    cache_write: float | None = None
    context: int | None = None
    """The longest prompt, in tokens."""
    max_output: int | None = None
    effort: bool = False
    """It can reason when asked to."""
    reasoning: bool = False
    """It reasons without being asked."""


class Table(msgspec.Struct, frozen=True):
    """One file of models, and where its figures come from."""

    source: str
    date: str
    models: list[Model]


@cache
def tables() -> tuple[Table, ...]:
    """Return the shipped files; they are read at the first call."""
    decode = msgspec.json.Decoder(Table).decode
    return tuple(decode((DATA / name).read_bytes()) for name in FILES)


@cache
def models() -> dict[str, Model]:
    """Return every shipped model by name."""
    return {model.name: model for table in tables() for model in table.models}
