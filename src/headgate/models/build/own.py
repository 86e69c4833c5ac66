"""Models that no data set lists: the embedded provider's, names of old, and what people run on their own machines."""

from collections.abc import Container
from typing import Any

WHOLE = ("ollama", "sandbox")
"""Kinds of which the whole table may stand here."""
LOCAL_CHAT = (
    "deepseek-r1",
    "gemma2",
    "gemma3",
    "gemma3:1b",
    "gpt-oss:20b",
    "gpt-oss:120b",
    "llama2",
    "llama3",
    "llama3.1",
    "llama3.2",
    "llama3.3",
    "mistral",
    "mixtral",
    "phi3",
    "phi4",
    "qwen2.5",
    "qwen2.5-coder",
    "qwen3",
    "qwen:7b",
)
LOCAL_EMBEDDING = ("all-minilm", "bge-m3", "mxbai-embed-large", "nomic-embed-text")
FREE = {"input": 0}
VENDORS = frozenset(("openai", "anthropic", "gemini", "groq", "mistral", "cohere", "xai", "deepseek"))
"""Kinds of which the first data set lists all that is offered: what only another lists is gone."""
NEW = frozenset(("claude-fable-5-2", "claude-mythos-5-2", "gpt-6-cyber", "grok-voice-think-fast-2.0"))
"""Models of theirs that it does not list yet."""
CLAUDE_2 = {
    "price": {"input": 8, "output": 24},
    "context": 100_000,
    "can": "streaming",
    "retired": True,
    "source": "https://docs.anthropic.com/en/docs/about-claude/model-deprecations",
}
OLLAMA = "https://ollama.com/library"


def rows(known: Container[str]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return them by kind of provider, as :class:`headgate.models.table.Model` has them.

    Names of old are added to a table that is made of *known* kinds, and make none.
    """
    local: dict[str, dict[str, Any]] = {
        name: {"price": dict(FREE), "can": "streaming", "source": OLLAMA} for name in LOCAL_CHAT
    }
    local |= {name: {"kind": "embedding", "price": dict(FREE), "source": OLLAMA} for name in LOCAL_EMBEDDING}
    priced = {"input": 0.10, "output": 0.40}
    made: dict[str, dict[str, dict[str, Any]]] = {
        "ollama": local,
        "anthropic": {"claude-2.0": CLAUDE_2, "claude-2.1": CLAUDE_2},
        "bedrock": {"anthropic.claude-v2": CLAUDE_2, "anthropic.claude-v2:1": CLAUDE_2},
        "sandbox": {
            "chat": {
                "price": priced,
                "context": 128_000,
                "max_output": 16_384,
                "can": "tools parallel_tools tool_choice json_schema reasoning streaming",
            },
            "embed": {"kind": "embedding", "price": {"input": 0.02}, "context": 8192},
            "moderate": {"kind": "moderation", "price": FREE},
            "rerank": {"kind": "rerank", "price": {"search": 0.001}},
            "image": {"kind": "image", "price": {"image": 0.01}},
            "speech": {"kind": "speech", "price": {"character": 10}},
            "transcribe": {"kind": "transcription", "price": {"second": 0.0001}},
        },
    }
    return {kind: models for kind, models in made.items() if kind in known or kind in WHOLE}
