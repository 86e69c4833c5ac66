import textwrap

import pytest

from headgate.config import Config, ConfigError, Known, loads

KNOWN = Known(
    kinds=frozenset(("openai-compatible", "anthropic", "sandbox", "openai", "groq")),
    needs_base_url=frozenset(("openai-compatible",)),
    providers=frozenset(("sandbox",)),
    variables={"openai": "OPENAI_API_KEY", "groq": "GROQ_API_KEY"},
    models=frozenset(("openai/gpt-4o", "anthropic/claude-x", "sandbox/chat")),
    steps=frozenset(("polish", "measure")),
)


def read(text: str, environ: dict[str, str] | None = None) -> Config:
    return loads(textwrap.dedent(text).encode(), environ or {}, KNOWN)


def faults(text: str, environ: dict[str, str] | None = None) -> list[str]:
    """The problems of *text* as ``line:column path: message``, or none."""
    try:
        read(text, environ)
    except ConfigError as error:
        return [f"{p.line}:{p.column} {p.path}: {p.message}" for p in error.problems]
    return []


@pytest.fixture
def one_fault():
    def one(text: str, environ: dict[str, str] | None = None) -> str:
        found = faults(text, environ)
        assert len(found) == 1, found
        return found[0]

    return one
