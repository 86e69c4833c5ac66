"""What commands print: tables for people, one JSON document for programs."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import click
import msgspec


def as_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json``."""
    return click.option("--json", "json", is_flag=True, help="Print JSON, for programs.")(command)


def print_json(value: Any) -> None:
    """Print a value (structs too) as one indented document."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print rows under their columns, or *empty* where there are none. A column that ends in ``>`` is of numbers.

    Columns in which nothing stands are left out. A row is one line, however narrow the terminal: ids are to be copied.
    """
    rows = [[text(cell) for cell in row] for row in rows]
    if not rows:
        click.echo(empty)
        return
    used = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    columns = [columns[number] for number in used]
    rows = [[row[number] for number in used] for row in rows]
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        side: Literal["left", "right"] = "right" if column.endswith(">") else "left"
        table.add_column(column.removesuffix(">"), justify=side, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: what callers sent must not be taken for markup
    widest = max(
        sum(2 * len(cell) + 2 for cell in row) for row in [columns, *rows]
    )  # a cell's sign may take two places
    console = Console(width=widest * len(columns))
    console.print(table)


def text(value: Any) -> str:
    """Return a cell: nothing for ``None``, and no control character that a terminal would obey."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return "".join(c if c.isprintable() else "\ufffd" for c in shown)
