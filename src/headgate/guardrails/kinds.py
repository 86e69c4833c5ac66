"""Every kind of guardrail, ours and those that are installed; each is imported when a configuration first names it."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import msgspec

from headgate.core.secret import Secret
from headgate.guardrails.types import Guardrail

BUILTIN = {
    "code": "Code",
    "format": "Format",
    "injection": "Injection",
    "judge": "Judge",
    "keywords": "Keywords",
    "language": "Language",
    "length": "Length",
    "names": "Names",
    "pii": "Pii",
    "regex": "Regex",
    "secrets": "Secrets",
    "topics": "Topics",
    "toxicity": "Toxicity",
    "urls": "Urls",
    "remote.azure_content_safety": "AzureContentSafety",
    "remote.bedrock_guardrail": "BedrockGuardrail",
    "remote.guardrails_ai": "GuardrailsAi",
    "remote.http": "Http",
    "remote.lakera": "Lakera",
    "remote.llm_guard": "LlmGuard",
    "remote.openai_moderation": "OpenaiModeration",
    "remote.presidio": "Presidio",
}
"""File in ``guardrails`` -> class; the kind is the last part of the file's name."""
FILES = {file.rpartition(".")[2]: file for file in BUILTIN}
GROUP = "headgate.guardrails"


class Kinds(Mapping[str, type[Guardrail]]):
    """Kind -> class; looking one up imports it."""

    def __getitem__(self, kind: str) -> type[Guardrail]:
        file = FILES.get(kind)
        if file is not None:
            one: type[Guardrail] = getattr(import_module(f"headgate.guardrails.{file}"), BUILTIN[file])
            return one
        installed: type[Guardrail] = _installed()[kind].load()
        return installed

    def __iter__(self) -> Iterator[str]:
        yield from FILES
        yield from _installed()

    def __len__(self) -> int:
        return len(FILES) + len(_installed())

    def __contains__(self, kind: object) -> bool:
        return kind in FILES or kind in _installed()


KINDS = Kinds()


def made(entry: Mapping[str, Any]) -> Guardrail:
    """Return the guardrail of a checked entry: its kind, and its settings beside it."""
    settings = {name: value for name, value in entry.items() if name != "kind"}
    return msgspec.convert(settings, KINDS[entry["kind"]], dec_hook=_secret)


def _secret(kind: type, value: Any) -> Any:
    if kind is Secret:
        return value if isinstance(value, Secret) else Secret(str(value))
    raise NotImplementedError


@cache
def _installed() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        if entry.name in FILES or entry.name in found:
            raise ValueError(f"guardrail {entry.name!r} of {entry.value} is already defined")
        found[entry.name] = entry
    return found
