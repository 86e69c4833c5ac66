"""``headgate guard``."""

import json as codec
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.named import add_commands, listing
from headgate.cli.output import as_json, print_json, print_table

BATCH = 100
"""Texts of one request."""
MOST = 150_000
"""Characters of one request."""


@click.group("guard")
def command() -> None:
    """Guardrails. Those of the configuration file are changed there."""


@command.command("list")
@gateway_options
@as_json
def list_guardrails(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List them."""
    listing("guardrails", "guardrail", home, url, key, json=json)


@command.command("test")
@click.argument("file", type=click.File("rb"))
@click.option("--guardrail", "-g", "names", multiple=True, required=True, help="Which one to try; may be repeated.")
@click.option("--place", default="user", show_default=True, help="Where the texts stand: user, tool_result, output ...")
@click.option("--show", is_flag=True, help="Show each text that something was found in, as it reads after masks.")
@gateway_options
@as_json
def test(home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """Run guardrails on every line of FILE and report what they find; - is standard input.

    A line is a text, or a JSON object with a `text`; with a `label` too (1 for what should be found, 0 for what should
    not) the report says how often that was right.
    """
    rows = list(_rows(given["file"].read().decode("utf-8", "replace").split("\n")))
    if not rows:
        raise click.UsageError("There is no text in it.")
    told: list[dict[str, Any]] = []
    with (
        open_admin(home, url, key) as gateway,
        click.progressbar(list(_batches(rows)), label="Texts", hidden=json or len(rows) < BATCH) as batches,
    ):
        for batch in batches:
            texts = [text for text, _ in batch]
            told += gateway.try_guardrails(texts, list(given["names"]), place=given["place"])
    if json:
        print_json([{"label": label, **one} for (_, label), one in zip(rows, told, strict=True)])
        return
    _report(rows, told)
    if given["show"]:
        for number, one in enumerate(told, 1):
            if any(verdict["act"] != "allow" for verdict in one["verdicts"]):
                click.echo(f"{number}: {'passed' if one['passed'] else 'REFUSED'}: {one['text'][:200]!r}")


def _rows(lines: Iterable[str]) -> Iterable[tuple[str, int | None]]:
    for line in lines:
        if not line.strip():
            continue
        try:
            row = codec.loads(line) if line.lstrip().startswith("{") else {"text": line}
        except ValueError:
            row = {"text": line}
        if isinstance(row, dict) and isinstance(row.get("text"), str):
            label = row.get("label")
            yield row["text"], label if label in (0, 1) else None


def _batches(rows: list[tuple[str, int | None]]) -> Iterable[list[tuple[str, int | None]]]:
    batch: list[tuple[str, int | None]] = []
    for row in rows:
        if batch and (len(batch) == BATCH or sum(len(text) for text, _ in batch) + len(row[0]) > MOST):
            yield batch
            batch = []
        batch.append(row)
    yield batch


def _report(rows: list[tuple[str, int | None]], told: list[dict[str, Any]]) -> None:
    acts: dict[str, Counter[str]] = {}
    right: dict[str, Counter[tuple[int, bool]]] = {}
    for (_, label), one in zip(rows, told, strict=True):
        for verdict in one["verdicts"]:
            acts.setdefault(verdict["guardrail"], Counter())[verdict["act"]] += 1
            if label is not None:
                hit = verdict["act"] not in ("allow", "not_run")
                right.setdefault(verdict["guardrail"], Counter())[label, hit] += 1
    table = []
    for name, counts in acts.items():
        hits = right.get(name)
        recall = _share(hits[1, True], hits[1, True] + hits[1, False]) if hits else ""
        wrong = _share(hits[0, True], hits[0, True] + hits[0, False]) if hits else ""
        found = ", ".join(f"{count} {act}" for act, count in sorted(counts.items()))
        table.append((name, sum(counts.values()), found, recall, wrong))
    print_table(
        ("guardrail", "texts>", "verdicts", "found of what it should>", "of what it should not>"),
        table,
        empty="No guardrail ran.",
    )
    click.echo(f"{sum(one['passed'] for one in told)} of {len(told)} texts pass.")


def _share(part: int, of: int) -> str:
    return f"{100 * part / of:.1f} %" if of else ""


add_commands(command, "guardrails", "guardrail")
