"""What those who copy Chat Completions do with the fields of its own: the rules for callers who speak it themselves.

What the neutral form has a word for stands in ``KINDS`` of ``openai_chat``; here stands the rest, by kind of provider.
"""

from collections.abc import Mapping
from functools import cache

from headgate.dialects.contract import IGNORE, SAME, Rule, Rules, to

_SOUND = Rule("refuse", fix="It hears nothing; send the words as text")
_FILES = Rule("refuse", fix="It reads no documents; send the text in them")

COMMON: Rules = {
    "audio": Rule("refuse", fix="The answer can only be text"),
    "modalities": Rule("refuse", (["text"],), "The answer can only be text"),
    "moderation": Rule("refuse", fix="Let a guardrail of the gateway check the text"),
    "prediction": IGNORE,
    "prompt_cache_options": IGNORE,
    "prompt_cache_retention": IGNORE,
    "safety_identifier": to("user"),
    "web_search_options": Rule("refuse", fix="Only models of OpenAI search by themselves"),
    "tools.custom": Rule("refuse", fix="Only functions can be called through this API"),
    "tool_choice.allowed": to("tools", "only those that are allowed"),
    "parts.audio": SAME,
    "parts.file": SAME,
    "parts.detail": SAME,
}
"""Every one of them, unless its own row says else."""

OWN: Mapping[str, Rules] = {
    "deepseek": {"parts.audio": _SOUND, "parts.file": _FILES},
    "groq": {"parts.audio": _SOUND, "parts.file": _FILES, "parts.detail": IGNORE},
    "mistral": {
        "prediction": SAME,
        "parts.audio": to("input_audio", "the data alone"),
        "parts.file": to("document_url"),
        "parts.detail": IGNORE,
    },
    "openai-compatible": {**dict.fromkeys(COMMON, SAME), "tool_choice.allowed": COMMON["tool_choice.allowed"]},
    "openrouter": dict.fromkeys(COMMON, SAME),  # it hands on what its providers take
    "perplexity": {"web_search_options": SAME, "parts.audio": _SOUND},
    "vllm": {"parts.file": _FILES},
    "xai": {"parts.audio": _SOUND},
}

THINKERS: Mapping[str, tuple[str, ...]] = {"xai": ("stop", "frequency_penalty", "presence_penalty")}
"""What a model that reasons refuses there, whatever the registry knows of it."""

NEW_LIMIT = frozenset(
    {"cerebras", "dashscope", "fireworks", "groq", "lmstudio", "nvidia", "ollama", "openrouter", "vllm", "xai"}
)
"""Who knows the output limit as ``max_completion_tokens`` too; the others only as ``max_tokens``."""


@cache
def own(kind: str) -> Rules:
    """Return the rules of one kind."""
    return {**COMMON, **OWN.get(kind, {})}
