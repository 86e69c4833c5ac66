"""The reference pages, made from the settings and the classes of the configuration file: ``docs/reference/``.

``python -m headgate.config.reference docs/reference`` writes them; a test fails while they are out of date.
"""

import inspect
import json
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from headgate import settings
from headgate.alerts.types import OfCalls, Rule
from headgate.config.schema import alerts, field_docs, guardrails, range_of, schema, strategies, structs
from headgate.config.types import Config
from headgate.core.secret import Secret
from headgate.guardrails.remote.base import Remote
from headgate.guardrails.types import Guardrail
from headgate.routing.types import Strategy

DOCUMENTED = (Strategy, Guardrail, Remote, Rule, OfCalls)
"""Classes whose fields those of a kind go on from."""
WORDS = {str: "text", int: "whole number", float: "number", bool: "on or off", Secret: "secret text", Path: "path"}


def pages() -> dict[str, str]:
    """Return the file names and contents of the reference."""
    return {
        "config.schema.json": json.dumps(schema(), indent=2, ensure_ascii=False) + "\n",
        "config.md": "\n".join(_config()) + "\n",
        "settings.md": "\n".join(_settings()) + "\n",
    }


def _settings() -> Iterator[str]:
    yield from ("# Settings of the process", "")
    yield from ("Each is an environment variable; `headgate serve` takes some as options, which win over it.", "")
    yield "What is of type secret text may be a reference instead, which is read once, at the start: see"
    yield from ("[Keep secrets elsewhere](../how-to/secrets.md).", "")
    yield from ("| variable | type | default | meaning |", "|---|---|---|---|")
    for setting in settings.describe():
        default = "" if setting.default in (None, ()) else f"`{_shown(setting.default)}`"
        yield f"| `{setting.env}` | {_type(setting.type)} | {default} | {setting.help} |"


def _config() -> Iterator[str]:
    yield from ("# headgate.yaml", "")
    yield from ("Any text may hold `${NAME}` or `${NAME:-default}`, which stand for environment variables.", "")
    yield "What is of type secret text may be a reference instead: `file:/path`, or to HashiCorp Vault, AWS Secrets"
    yield "Manager, Google Secret Manager or Azure Key Vault, as [Keep secrets elsewhere](../how-to/secrets.md) has it."
    yield ""
    yield "`headgate config check` tells everything that is wrong with a file at once. A running gateway takes a good"
    yield from ("change over within a second, and keeps the old configuration when the new one is bad.", "")
    for kind in structs():
        yield from (f"## {'The file' if kind is Config else _title(kind)}", "", _prose(kind), "")
        yield from ("| key | type | default | meaning |", "|---|---|---|---|")
        docs = {
            name: doc
            for base in reversed(kind.__mro__)
            if base in DOCUMENTED or base is kind
            for name, doc in field_docs(base).items()
        }
        hints = typing.get_type_hints(kind)
        for field in msgspec.structs.fields(kind):
            low, high = range_of(kind, field.encode_name) or (None, None)
            bounds = "" if low is None else f", {low:g} to {high:,.15g}"
            doc = docs.get(field.name, "").replace("``", "`")
            yield f"| `{field.encode_name}` | {_type(hints[field.name])}{bounds} | {_default(field)} | {doc} |"
        yield ""


def _type(hint: Any) -> str:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(arg) for arg in args if arg is not type(None))
    if hint == dict[str, Any]:
        return "entry"
    if hint is Any:
        return "anything"
    if origin is dict:
        return f"name → {_type(args[1])}"
    if origin in (list, tuple):
        return f"list of {_type(args[0])}"
    if origin is typing.Literal:
        return " or ".join(f"`{arg}`" for arg in args)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return f"[{_title(hint)}](#{_title(hint).replace(' ', '-')})"
    return WORDS[hint]


def _prose(kind: type) -> str:
    return (inspect.getdoc(kind) or "").replace("``", "`")


def _title(kind: type) -> str:
    for word, known in (("strategy", strategies()), ("guardrail", guardrails()), ("alert", alerts())):
        for name, one in known.items():
            if one is kind:
                return f"{word} {name}"
    return kind.__name__.removesuffix("Config").lower()


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    if field.default is None or field.default is msgspec.NODEFAULT or isinstance(field.default, msgspec.Struct):
        return ""
    return f"`{_shown(field.default)}`"


def _shown(value: Any) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    for name, content in pages().items():
        (Path(sys.argv[1]) / name).write_text(content, "utf-8")
