"""What becomes of a request that is written for Chat Completions, OpenAI's own or that of the many who copy it."""

from collections.abc import Mapping
from functools import cache

from headgate.dialects.contract import IGNORE, REFUSE, SAME, Rule, Rules, to

_BY_MODEL = "refused by models without sampling parameters; OpenAI's own default, 1, is not said to OpenAI itself"

NEUTRAL: Rules = {
    "model": SAME,
    "messages": SAME,
    "max_tokens": to("max_completion_tokens", "older models: max_tokens"),
    "temperature": Rule("same", when=_BY_MODEL),
    "top_p": Rule("same", when=_BY_MODEL),
    "top_k": Rule("refuse", fix="Chat Completions has no such parameter"),
    "stop": Rule("same", when="refused by models that take none"),
    "seed": SAME,
    "n": SAME,
    "frequency_penalty": Rule("same", when="refused by models that take none"),
    "presence_penalty": Rule("same", when="refused by models that take none"),
    "logit_bias": SAME,
    "logprobs": SAME,
    "top_logprobs": SAME,
    "tools": SAME,
    "tool_choice": SAME,
    "parallel_tool_calls": SAME,
    "format": to("response_format"),
    "effort": to("reasoning_effort", "the nearest that the model takes"),
    "thinking": to("reasoning_effort", "reasoning models; else left out"),
    "thinking_budget": to("reasoning_effort", "reasoning models; else left out"),
    "thoughts": Rule("ignore", (False,)),
    "verbosity": SAME,
    "service_tier": SAME,
    "cache_key": to("prompt_cache_key"),
    "store": SAME,
    "user": SAME,
    "metadata": SAME,
    "stream": SAME,
    "stream_usage": to("stream_options.include_usage"),
    "messages.name": SAME,
    "messages.system_midway": SAME,
    "parts.image_url": SAME,
    "parts.image": to("image_url"),
    "parts.detail": SAME,
    "parts.audio": to("input_audio"),
    "parts.file": SAME,
    "parts.file_url": Rule("refuse", fix="Send the document's bytes (base64) instead"),
    "parts.file_id": Rule("refuse", fix="Send the document's bytes (base64) instead"),
    "parts.name": to("filename"),
    "parts.tool_call": to("tool_calls"),
    "parts.tool_result": to("messages", "a message of the role tool"),
    "parts.tool_result_image": Rule("refuse", fix="A tool's result can only be text here"),
    "parts.is_error": to("content", "the text begins with 'Error:'"),
    "parts.thinking": IGNORE,
    "parts.refusal": SAME,
    "parts.citations": IGNORE,
    "parts.cache": to("prompt_cache_breakpoint", "models that take it; else left out"),
    "tools.strict": to("function.strict"),
    "tools.custom": Rule("refuse", fix="Only functions can be called through this API"),
    "tools.cache": IGNORE,
    "tool_choice.required": SAME,
    "tool_choice.named": SAME,
    "tool_choice.none": SAME,
    "tool_choice.allowed": to("tool_choice.allowed_tools"),
    "format.json_object": SAME,
    "format.json_schema": Rule(
        "same",
        when="strict where the caller says so, or its format promises it and OpenAI takes such a schema; else told",
    ),
}

OWN: Mapping[str, Rules] = {}

_ALIKE: Rules = {
    "verbosity": Rule("refuse", ("medium",)),
    "store": Rule("refuse", (False,), "Only OpenAI itself keeps answers"),
    "metadata": Rule(
        "refuse", fix="Only OpenAI itself keeps metadata; the header 'x-headgate-metadata' is the gateway's"
    ),
    "service_tier": IGNORE,
    "cache_key": IGNORE,
}
_TOP_K: Rules = {"top_k": SAME}
_NO_PENALTY: Rules = {"frequency_penalty": Rule("refuse", (0.0,)), "presence_penalty": Rule("refuse", (0.0,))}

KINDS: Mapping[str, Rules] = {
    "cerebras": _ALIKE,
    "cohere": {**_ALIKE, "logit_bias": REFUSE, "n": Rule("refuse", (1,))},
    "dashscope": {**_ALIKE, **_TOP_K},
    "deepinfra": {**_ALIKE, **_TOP_K},
    "deepseek": {**_ALIKE, "seed": REFUSE, "n": Rule("refuse", (1,)), "logit_bias": REFUSE},
    "fireworks": {**_ALIKE, **_TOP_K},
    "gemini": {**_ALIKE, "logit_bias": REFUSE},
    "groq": {
        **_ALIKE,
        **_NO_PENALTY,
        "n": Rule("refuse", (1,)),
        "logit_bias": REFUSE,
        "logprobs": Rule("refuse", (False,)),
        "top_logprobs": Rule("refuse", (0,)),
        "service_tier": SAME,
    },
    "huggingface": _ALIKE,
    "lmstudio": {**_ALIKE, **_TOP_K},
    "mistral": {
        **_ALIKE,
        **_TOP_K,
        "seed": to("random_seed"),
        "logit_bias": REFUSE,
        "user": IGNORE,
        "metadata": SAME,
        "cache_key": to("prompt_cache_key"),
        "service_tier": SAME,
        "messages.name": Rule("refuse", fix="Write the name into the text"),
    },
    "moonshot": _ALIKE,
    "nvidia": _ALIKE,
    "ollama": {**_ALIKE, "n": Rule("refuse", (1,)), "logit_bias": REFUSE, "user": IGNORE},
    "openai-compatible": _ALIKE,
    "openrouter": {**_TOP_K, "store": _ALIKE["store"], "cache_key": IGNORE},
    "perplexity": {**_ALIKE, **_TOP_K, "seed": REFUSE, "n": Rule("refuse", (1,)), "logit_bias": REFUSE},
    "sambanova": {**_ALIKE, **_TOP_K},
    "together": {**_ALIKE, **_TOP_K},
    "vllm": {**_ALIKE, **_TOP_K, "user": IGNORE},
    "xai": {**_ALIKE, "logit_bias": REFUSE, "store": SAME, "cache_key": to("prompt_cache_key")},
    "zai": _ALIKE,
}
"""What those who copy OpenAI's API do otherwise, by kind of provider."""


@cache
def neutral(kind: str) -> Rules:
    """Return ``NEUTRAL`` as it is for one kind of provider."""
    return {**NEUTRAL, **KINDS.get(kind, {})}
