"""The options by which calls are chosen, for every command that lists them."""

from collections.abc import Callable
from typing import Any

import click

from headgate.cli.when import Moment, iso

TEXTS = {
    "key_id": "Calls of this key.",
    "team_id": "Calls of this team.",
    "app_id": "Calls of this app.",
    "user_id": "Calls of this user.",
    "end_user": "Calls for whom the caller named so.",
    "tags": "Calls with these tags, separated by commas: all of them.",
    "model": "Calls that this model answered, or was asked for where none did.",
    "model_requested": "Calls that asked for this model.",
    "provider": "Calls that this provider answered, or failed last.",
    "tried": "Calls for which this provider, or provider/model, was asked.",
    "outcome": "Calls that ended with this error, or an attempt did.",
    "route": "Calls of this route.",
    "surface": "Calls by this API: openai, anthropic, gemini ...",
    "code": "Calls that ended with this error.",
    "min_cost": "Calls that cost at least so many USD.",
    "max_cost": "Calls that cost at most so many USD.",
    "min_ms": "Calls that took at least so many milliseconds.",
    "max_ms": "Calls that took at most so many milliseconds.",
}
CHOICES = {
    "status": ("How it ended.", ["success", "fallback", "failure"]),
    "billed": ("What a cost rests on.", ["usage", "estimated", "uncertain"]),
    "cache": ("What the cache did.", ["hit", "miss", "stored", "refused", "bypass"]),
    "guard": (
        "The strongest thing that a guardrail did.",
        ["block", "reroute", "reask", "mask", "flag", "not_run", "allow"],
    ),
}


def chosen(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each filter that also holds for calls as they end."""
    for name, (help, choices) in reversed(CHOICES.items()):
        command = click.option(_option(name), type=click.Choice(choices), help=help)(command)
    for name, help in reversed(TEXTS.items()):
        command = click.option(_option(name), help=help)(command)
    return command


def searches(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for calls that have ended."""
    command = click.option("--text", help="Words of what was kept of prompt and answer.")(command)
    command = click.option("--contains", help="What stands in the record: an error's message, metadata.")(command)
    command = click.option("--until", type=Moment(past=True), help="Before this time.")(command)
    return click.option("--since", type=Moment(past=True), help="Not before this time: 1h, 2026-12-01.")(command)


def asked(values: dict[str, Any]) -> dict[str, Any]:
    """Return options as the management API takes them."""
    times: dict[str, Any] = {name: iso(values[name]) for name in ("since", "until") if name in values}
    return {**values, **times}


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
