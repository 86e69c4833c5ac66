"""Program code in text, by its language."""

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import field

from headgate.guardrails.lexicon import expressions
from headgate.guardrails.types import Finding, Guardrail, Means, Span, Verdict

Language = Literal[
    "python", "javascript", "typescript", "java", "c", "csharp", "go", "rust", "php", "ruby", "sql", "shell", "html"
]  # fmt: skip
FENCE = re.compile(
    r"(?:^[ ]{0,3}|(?<=\"))(```|~~~)[ ]{0,2}([A-Za-z0-9+#_-]{0,20})[^\n`\"]{0,80}(?:$|(?=\"))", re.MULTILINE
)
ALIASES = {
    "py": "python", "python3": "python", "js": "javascript", "jsx": "javascript", "node": "javascript",
    "ts": "typescript", "tsx": "typescript", "c++": "c", "cpp": "c", "cc": "c", "h": "c", "cs": "csharp",
    "c#": "csharp", "golang": "go", "rs": "rust", "rb": "ruby", "sh": "shell", "bash": "shell", "zsh": "shell",
    "powershell": "shell", "ps1": "shell", "console": "shell", "postgresql": "sql", "mysql": "sql", "sqlite": "sql",
    "xml": "html",
}  # fmt: skip


class Code(Guardrail, frozen=True, kw_only=True):
    """Program code: fenced blocks, and lines that look like code."""

    languages: list[Language] = field(default_factory=list)
    """The only languages that count; empty means all."""
    least: int = 2
    """Lines outside a fence that must look like one language before it counts."""

    def check(self, spans: Sequence[Span], means: Means) -> Verdict:
        """See ``Guardrail``."""
        found = [Finding(i, s, e, name) for i, span in enumerate(spans) for s, e, name in self._find(span.text)]
        return self.verdict(found)

    def _find(self, text: str) -> list[tuple[int, int, str]]:
        found: list[tuple[int, int, str]] = []
        fences = list(FENCE.finditer(text))
        for opened, closed in zip(fences[::2], fences[1::2], strict=False):
            said = opened[2].lower()
            name = ALIASES.get(said, said) or guessed(text[opened.end() : closed.start()]) or "code"
            if not self.languages or name in self.languages:
                found.append((opened.start(), closed.end(), name))
        if not found:
            name = guessed(text, self.least)
            if name and (not self.languages or name in self.languages):
                found.append((0, len(text), name))
        return found


def guessed(text: str, least: int = 1) -> str:
    """Return the language that most lines of *text* look like; empty where fewer than *least* look like any."""
    counts = {name: len(mark.findall(text)) for name, mark in expressions("code_marks")}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] >= least else ""
