"""``headgate trace``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import gateway_options, open_admin
from headgate.cli.output import as_json, print_json, text

if TYPE_CHECKING:
    from rich.tree import Tree

    from headgate.client import Trace


@click.command("trace")
@click.argument("id")
@gateway_options
@as_json
def command(id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Show everything that happened to the call ID: its x-request-id, or its W3C trace id."""
    with open_admin(home, url, key) as gateway:
        trace = gateway.trace(id)
    if json:
        print_json(trace)
        return
    from rich.console import Console

    console = Console()
    console.print(tree(trace))


def tree(trace: "Trace") -> "Tree":
    """Return a trace as people read it."""
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text(f"{trace.id}  {trace.at}", style="bold"))
    for name in ("call", "route"):
        values = dict(getattr(trace, name))
        candidates = values.pop("candidates", None) or ()
        values.pop("choice", None)
        _branch(root, name, values)
        for one in candidates:
            said = f"{one['target']}: {one['act']} {one.get('rule', '')} {one.get('reason', '')}"
            root.children[-1].add(Text(text(said.strip())))
    if trace.guardrails:
        guardrails = root.add(Text(f"guardrails ({len(trace.guardrails)})", style="bold"))
        for one in trace.guardrails:
            said = f"{one['guardrail']} on {one['on']}: {one['act']}{' (shadow)' if one.get('shadow') else ''}"
            guardrails.add(Text(text(": ".join(part for part in (said, one.get("reason")) if part))))
    if trace.cache is not None:
        _branch(root, "cache", trace.cache)
    attempts = root.add(Text(f"attempts ({len(trace.attempts)})", style="bold"))
    for number, attempt in enumerate(trace.attempts, 1):
        _branch(attempts, f"{number}. {attempt['provider']}/{attempt['model']}: {attempt['outcome']}", attempt)
    ledger = root.add(Text(f"ledger ({len(trace.ledger)})", style="bold"))
    for entry in trace.ledger:
        ledger.add(Text(", ".join(f"{name} {text(value)}" for name, value in entry.items() if value is not None)))
    if trace.parts:
        made = root.add(Text(f"made for it ({len(trace.parts)})", style="bold"))
        for part in trace.parts:
            _branch(made, f"{part['surface']}: {part['id']}", part)
    for name in ("usage", "timing", "outcome"):
        _branch(root, name, getattr(trace, name))
    return root


def _branch(parent: "Tree", name: str, values: dict[str, Any]) -> None:
    from rich.text import Text

    told = {key: value for key, value in values.items() if value not in (None, [], {})}
    branch = parent.add(Text(text(name), style="bold")) if told else parent
    for key, value in told.items():
        branch.add(Text(f"{text(key)}: {text(value)}"))
