"""LiteLLM's price file, ``model_prices_and_context_window_backup.json`` of the package: MIT, Berri AI."""

import re
from decimal import Decimal
from typing import Any

import msgspec

Facts = dict[str, Any]

KINDS = {
    "openai": "openai",
    "text-completion-openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "azure": "azure",
    "azure_text": "azure",
    "azure_ai": "azure",
    "bedrock": "bedrock",
    "bedrock_converse": "bedrock",
    "bedrock_mantle": "bedrock",
    "xai": "xai",
    "groq": "groq",
    "mistral": "mistral",
    "codestral": "mistral",
    "cohere": "cohere",
    "cohere_chat": "cohere",
    "ollama": "ollama",
    "deepseek": "deepseek",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "fireworks_ai-embedding-models": "fireworks",
    "perplexity": "perplexity",
    "cerebras": "cerebras",
    "nvidia_nim": "nvidia",
    "deepinfra": "deepinfra",
    "sambanova": "sambanova",
    "moonshot": "moonshot",
    "zai": "zai",
    "dashscope": "dashscope",
}
"""Their providers -> our kinds; every ``vertex_ai...`` is ``vertex``."""
MODES = {
    "chat": "chat",
    "responses": "chat",
    "completion": "completion",
    "embedding": "embedding",
    "rerank": "rerank",
    "image_generation": "image",
    "audio_speech": "speech",
    "audio_transcription": "transcription",
    "moderation": "moderation",
    "realtime": "realtime",
}
PREFIXES = frozenset({"vertex_ai", "text-completion-openai"} | set(KINDS) - {"openai", "anthropic"})
"""What stands before a model's own name in their keys."""
SKIP = re.compile(
    r"^openai/container|^claude_platform/|up-to-|-\d+(?:\.\d+)?b-(?:to|up)|commitment|^together-ai-|^fireworks-ai-|embedding-\d+m-to"
    r"|^(?:low|medium|high|standard|hd|auto|\d+-x-\d+|max-x-max)/"
    r"|^invoke/|^[a-z]{2}(?:-gov)?-[a-z]+-\d/|^(?:eu|us|global|global-standard)/|sample_spec|^1024|\*"
)
"""Fine-tunes, size classes, sizes of pictures and regions: prices of something, but no name that can be asked for."""
TOKENS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
    "reasoning": "output_cost_per_reasoning_token",
    "audio_input": "input_cost_per_audio_token",
    "audio_cached": "cache_read_input_audio_token_cost",
    "audio_output": "output_cost_per_audio_token",
    "image_input": "input_cost_per_image_token",
    "image_output": "output_cost_per_image_token",
}
LONGER = re.compile(r"^(.+?)_above_(\d+)k_tokens$")
CAN = {
    "supports_function_calling": "tools",
    "supports_parallel_function_calling": "parallel_tools",
    "supports_tool_choice": "tool_choice",
    "supports_vision": "vision",
    "supports_pdf_input": "pdf",
    "supports_audio_input": "audio_input",
    "supports_audio_output": "audio_output",
    "supports_video_input": "video_input",
    "supports_response_schema": "json_schema",
    "supports_reasoning": "reasoning",
    "supports_prompt_caching": "prompt_cache",
    "supports_web_search": "web_search",
    "supports_computer_use": "computer_use",
    "supports_embedding_image_input": "vision",
    "supports_assistant_prefill": "prefill",
}
PROFILE = re.compile(r"^(us|eu|apac|au|jp|in|ca|sa|global|us-gov)\.")
IMPLAUSIBLE = 2000
"""USD per million tokens: nobody asks that; the figure is a slip of a thousand."""
FREE_KINDS = ("ollama",)
ENDPOINTS = {"/v1/responses": "openai-responses", "/v1/completions": "openai-completions"}


def rows(data: bytes) -> dict[str, dict[str, Facts]]:
    """Return the models that can be asked for by name, by kind of provider."""
    table = msgspec.json.decode(data)
    if not isinstance(table, dict):
        raise ValueError("this is not LiteLLM's table of models: it is no object")
    found: dict[str, dict[str, Facts]] = {}
    for key, facts in table.items():
        if not isinstance(facts, dict):
            continue
        kind = kind_of(facts.get("litellm_provider") or "")
        mode = MODES.get(facts.get("mode") or "")
        if kind is None or mode is None or SKIP.search(name := bare(key)):
            continue
        found.setdefault(kind, {}).setdefault(name, row(kind, name, mode, facts))
    if not found:
        raise ValueError("this is not LiteLLM's table of models: no model of a provider known here is in it")
    return found


def kind_of(provider: str) -> str | None:
    """Return our name of a provider of theirs; ``None`` for one that we do not have."""
    return "vertex" if provider.startswith("vertex_ai") else KINDS.get(provider)


def bare(key: str) -> str:
    """Return a model's own name."""
    first, slash, rest = key.partition("/")
    return rest if slash and first in PREFIXES else key


def row(kind: str, name: str, mode: str, facts: Facts) -> Facts:
    """Return one model as :class:`headgate.models.table.Model` has it."""
    made: Facts = {}
    if mode != "chat":
        made["kind"] = mode
    if (price := price_of(kind, mode, facts)) is not None:
        made["price"] = price
    if whole(facts.get("max_input_tokens")):
        made["context"] = int(facts["max_input_tokens"])
    if mode in ("chat", "completion") and whole(facts.get("max_output_tokens")):
        made["max_output"] = int(facts["max_output_tokens"])
    can = list(dict.fromkeys(word for flag, word in CAN.items() if facts.get(flag)))
    if mode in ("chat", "completion"):
        can.append("streaming")
        if "image" in (facts.get("supported_output_modalities") or ()):
            can.append("image_output")
    if can:
        made["can"] = " ".join(can)
    if speaks := speaks_of(kind, mode, facts):
        made["speaks"] = speaks
    if whole(facts.get("output_vector_size")):
        made["dimensions"] = int(facts["output_vector_size"])
    if regions := regions_of(kind, name, facts):
        made["regions"] = regions
    if re.fullmatch(r"20\d\d-\d\d-\d\d", str(facts.get("deprecation_date"))):
        made["retires"] = facts["deprecation_date"]
    if isinstance(facts.get("source"), str):
        made["source"] = facts["source"]
    return made


def price_of(kind: str, mode: str, facts: Facts) -> Facts | None:
    """Return what it costs; ``None`` where every figure is nothing, unless nothing is what its vendor asks."""
    price = tokens_of(facts)
    if max(price.values(), default=0) > IMPLAUSIBLE:
        return None
    if price.get("input") or price.get("output"):
        if tiers := tiers_of(facts):
            price["tiers"] = tiers
    else:
        price = {}
    price |= pieces_of(mode, facts, tokens=bool(price))
    if not price and (kind in FREE_KINDS or mode == "moderation"):
        return {"input": 0}
    return price or None


def tokens_of(facts: Facts, suffix: str = "") -> Facts:
    """Return USD per million tokens of each kind that is priced."""
    price = {}
    for kind, field in TOKENS.items():
        value = facts.get(field + suffix)
        if isinstance(value, int | float) and value >= 0:
            price[kind] = per_million(value)
    later = facts.get("cache_creation_input_token_cost_above_12hr" + suffix)
    if "cache_write_1h" not in price and isinstance(later, int | float):
        price["cache_write_1h"] = per_million(later)
    for part, of in (("image_input", "input"), ("audio_input", "input"), ("reasoning", "output")):
        if price.get(part) == price.get(of):
            price.pop(part, None)
    return price


def tiers_of(facts: Facts) -> list[Facts]:
    """Return the prices of longer prompts, by rising length."""
    starts = {int(match[2]) for field in facts if (match := LONGER.match(field))}
    tiers = [{"above": start * 1000, **tokens_of(facts, f"_above_{start}k_tokens")} for start in sorted(starts)]
    for step in facts.get("tiered_pricing") or ():
        low, _ = step.get("range") or (0, 0)
        if low:
            tiers.append({"above": int(low), **tokens_of(step)})
    return [tier for tier in tiers if len(tier) > 1]


def pieces_of(mode: str, facts: Facts, *, tokens: bool) -> Facts:
    """Return the prices of what is not tokens; what is priced both ways is taken by the token."""
    price: Facts = {}

    def take(kind: str, *fields: str, million: bool = False) -> None:
        value = max((v for f in fields if isinstance(v := facts.get(f), int | float)), default=0)
        if value > 0:
            price[kind] = per_million(value) if million else value

    if mode == "image" and not (tokens and facts.get("output_cost_per_image_token")):
        take("image", "output_cost_per_image", "input_cost_per_image")
    if mode == "speech" and not (tokens and facts.get("output_cost_per_audio_token")):
        take("character", "input_cost_per_character", "output_cost_per_character", million=True)
        if not price:
            take("second", "output_cost_per_second", "input_cost_per_second")
    if mode == "transcription" and not tokens:
        take("second", "input_cost_per_second", "input_cost_per_audio_per_second", "output_cost_per_second")
    if mode == "rerank":
        take("search", "input_cost_per_query")
    take("request", "input_cost_per_request")
    search = facts.get("search_context_cost_per_query")
    if mode == "chat" and isinstance(search, dict):
        sizes = [search.get(f"search_context_size_{size}") for size in ("medium", "low", "high")]
        known = [size for size in sizes if isinstance(size, int | float) and size > 0]
        if known:
            price["search"] = known[0]
    return price


def speaks_of(kind: str, mode: str, facts: Facts) -> list[str]:
    """Return the dialects of a model that is not offered by all of its provider's."""
    if kind not in ("openai", "azure", "xai", "perplexity") or mode not in ("chat", "completion"):
        return []
    offered = facts.get("supported_endpoints") or []
    if "/v1/chat/completions" in offered:
        return []
    if facts.get("mode") == "responses" or "/v1/responses" in offered:
        return ["openai-responses"]
    return ["openai-completions"] if mode == "completion" else []


def regions_of(kind: str, name: str, facts: Facts) -> list[str]:
    """Return where it is served: Bedrock's inference profiles say so in their names."""
    if kind == "bedrock" and (found := PROFILE.match(name)):
        return [found[1]]
    regions = facts.get("supported_regions")
    return [str(region) for region in regions] if isinstance(regions, list) else []


def per_million(dollars: float) -> float | int:
    """Return a price per token as one per million tokens, exactly as it was written."""
    price = Decimal(str(dollars)) * 10**6
    return int(price) if price == price.to_integral_value() else float(price)


def whole(value: Any) -> bool:
    """Whether it is a positive number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0
