"""The words of OpenAI's Chat Completions API that stand for ours."""

from headgate.core.chat import Finish

NAME = "openai-chat"

FINISH: dict[str, Finish] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "error": "error",
}
"""``finish_reason`` to ours (Together says ``eos``, Mistral ``model_length``); any other word means ``stop``."""

SOURCES = {"anthropic-claude-v1": "anthropic-messages"}
"""The ``format`` of an item of ``reasoning_details`` to the dialect whose opaque parts it holds."""
FORMATS = {source: format_ for format_, source in SOURCES.items()}

# fmt: off
FIELDS = frozenset({
    "messages", "model", "audio", "frequency_penalty", "function_call", "functions", "logit_bias", "logprobs",
    "max_completion_tokens", "max_tokens", "metadata", "modalities", "moderation", "n", "parallel_tool_calls",
    "prediction", "presence_penalty", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "reasoning_effort", "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream",
    "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
    "web_search_options",
})
"""Every field that a Chat Completions request can have."""
# fmt: on

SPELLINGS = {"format": "response_format", "effort": "reasoning_effort", "cache_key": "prompt_cache_key"}
"""Neutral field to ours, where they differ."""
