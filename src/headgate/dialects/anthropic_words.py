"""The words of Anthropic's Messages API that stand for ours, and ours for theirs."""

from headgate.core.chat import Finish

NAME = "anthropic-messages"

FINISH: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "compaction": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
"""``stop_reason`` to ours; a word not in here means ``stop``, and stands beside it as it came."""

STOP_REASON: dict[Finish, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "error": "end_turn",
}

# fmt: off
FIELDS = frozenset({
    "model", "max_tokens", "messages", "system", "stop_sequences", "stream", "thinking", "output_config", "tools",
    "tool_choice", "cache_control", "metadata", "service_tier", "speed", "inference_geo", "container", "diagnostics",
    "temperature", "top_p", "top_k", "fallbacks", "fallback_credit_token", "compaction", "thread",
    "context_management", "mcp_servers", "betas", "billing_policy", "output_format",
})
"""Every field that a Messages request can have, beta ones included."""
# fmt: on

SPELLINGS = {
    "stop": "stop_sequences",
    "user": "metadata.user_id",
    "format": "output_config.format",
    "effort": "output_config.effort",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "thinking_budget": "thinking.budget_tokens",
    "thoughts": "thinking.display",
}
"""Neutral field to ours, where they differ."""
