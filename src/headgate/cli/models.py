"""``headgate models``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import gateway_options, load_settings, open_admin
from headgate.cli.output import as_json, print_json, print_table

if TYPE_CHECKING:
    from headgate.core.money import Price

COLUMNS = ("model", "kind", "input>", "output>", "context>", "longest answer>")


@click.command("models")
@click.argument("search", required=False)
@click.option("--usable", is_flag=True, help="What can be called with this environment, as GET /v1/models has it.")
@gateway_options
@as_json
def command(search: str | None, usable: bool, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List the models of the registry whose name holds SEARCH, with prices in USD per million tokens."""
    if url:
        with open_admin(home, url, key) as gateway:
            rows = [{"id": model["id"], "owned_by": model.get("owned_by")} for model in gateway.models()]
    else:
        rows = _usable(home) if usable else _registry(home)
    rows = [row for row in rows if not search or search.lower() in row["id"].lower()]
    if json:
        print_json(rows)
        return
    fields = ("id", "kind", "input", "output", "context", "max_output")
    print_table(COLUMNS, ([row.get(f) for f in fields] for row in rows), empty="No model has such a name.")


def _registry(home: Path | None) -> list[dict[str, Any]]:
    """What ships with the package, and what the configuration says over it."""
    from headgate.models.table import models

    rows = {
        name: {
            "id": name,
            "kind": model.kind,
            "input": _plain(model.input),
            "output": _plain(model.output),
            "context": model.context,
            "max_output": model.max_output,
        }
        for name, model in models().items()
    }
    rows |= {row["id"]: row for row in _usable(home)}
    return [rows[name] for name in sorted(rows)]


def _usable(home: Path | None) -> list[dict[str, Any]]:
    from headgate.access.types import Principal
    from headgate.cli.compiled import compiled

    owner = Principal(kind="admin", id="local", tenant_id="default", name="local")
    return [
        {
            "id": model.id,
            "kind": model.kind,
            "input": _per_million(model.price, "input"),
            "output": _per_million(model.price, "output"),
            "context": model.context,
            "max_output": model.max_output,
        }
        for model in compiled(load_settings(home).config_file()).listing(owner)
    ]


def _per_million(price: "Price | None", kind: str) -> str | None:
    return None if price is None else _plain(getattr(price, kind) / 10**6)


def _plain(amount: float | None) -> str | None:
    return None if amount is None else f"{amount:.6f}".rstrip("0").rstrip(".")
