"""The words of Anthropic's Messages API that stand for ours, and ours for theirs."""

from typing import Literal

from headgate.core.chat import Finish, Message
from headgate.dialects.contract import IGNORE, SILENT, Rule, Rules

NAME = "anthropic-messages"
BETA = "anthropic-beta"
"""A header that is part of a request: what is new and asked for. Read, it stands beside the fields."""

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

TIERS = {"auto": "auto", "default": "standard_only"}
"""The neutral ``service_tier`` to ours."""
THINKING: dict[str, Literal["auto", "on", "off"]] = {"adaptive": "auto", "enabled": "on", "disabled": "off"}
"""``thinking.type`` to ours."""

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
    "parts.cache": "cache_control",
    "parts.citations": "citations",
    "parts.arguments": "input",
    "parts.name": "title",
    "tools.cache": "cache_control",
}
"""Neutral field to ours, where they differ; of a row of parts, below the part."""

ALIASES = frozenset({"output_format"})
LACKS = frozenset({"metadata"})

ABROAD: Rules = {
    "cache_control": IGNORE,  # it marks the last block by itself
    "speed": Rule("refuse", ("standard",)),
    "inference_geo": Rule("refuse", fix="Where a request is served is for the provider's address to say"),
    "container": Rule("refuse", fix="Only Anthropic's own tools use it"),
    "mcp_servers": Rule("refuse", fix="Call the servers yourself, and declare their tools as functions"),
    "fallbacks": Rule("refuse", fix="Let a route of the gateway list the targets"),
    "diagnostics": IGNORE,
    "betas": IGNORE,
    BETA: IGNORE,
    "messages.cache_control": IGNORE,
    "tools.cache_control": IGNORE,
    "tools.input_examples": IGNORE,
    "tools.eager_input_streaming": IGNORE,
    "tools.defer_loading": Rule("ignore", (False,)),
    "tools.allowed_callers": Rule("refuse", (["direct"],)),
    "tools.type": SILENT,
    "part.cache_control": IGNORE,
    "part.caller": Rule("refuse", ({"type": "direct"},)),
    "part.citations": Rule("refuse", ({"enabled": False},), "Send the document without 'citations'"),
}
"""What becomes of our own fields in other dialects, unless one of them says else; what is not here is refused."""


def part_path(at: str, message: Message, index: int) -> str:
    """Return where part number *index* of *message*, itself at the path *at*, stands in a request."""
    listed = message.extra is not None and message.extra.form.get("content") == "list"
    if at == "system":
        return f"system[{index}]" if listed else at
    return f"{at}.content[{index}]" if listed else f"{at}.content"
