"""What becomes of a request that is written for OpenAI's Completions API: a prompt, and little beside it."""

from collections.abc import Mapping

from headgate.core.chat import Format
from headgate.dialects.contract import IGNORE, REFUSE, SAME, Rule, Rules, to

_CHAT = "Ask for a model that speaks Chat Completions"
_TEXT = Rule("refuse", fix="Only text can be gone on with. " + _CHAT)

NEUTRAL: Rules = {
    "model": SAME,
    "messages": to("prompt", "one message of the user as it is, a conversation as a transcript"),
    "max_tokens": SAME,
    "temperature": SAME,
    "top_p": SAME,
    "top_k": Rule("refuse"),
    "stop": SAME,
    "seed": SAME,
    "n": SAME,
    "frequency_penalty": SAME,
    "presence_penalty": SAME,
    "logit_bias": SAME,
    "logprobs": to("logprobs"),
    "top_logprobs": to("logprobs"),
    "tools": Rule("refuse", fix=_CHAT),
    "tool_choice": Rule("ignore"),
    "parallel_tool_calls": Rule("ignore"),
    "format": Rule("refuse", (Format("text"),), _CHAT),
    "effort": Rule("refuse", ("none",)),
    "thinking": Rule("ignore", ("off", "auto")),
    "thinking_budget": IGNORE,
    "thoughts": IGNORE,
    "verbosity": Rule("refuse", ("medium",)),
    "service_tier": Rule("ignore", ("auto",)),
    "cache_key": IGNORE,
    "store": Rule("refuse", (False,)),
    "user": SAME,
    "metadata": Rule("refuse"),
    "stream": SAME,
    "stream_usage": to("stream_options.include_usage"),
    "messages.name": IGNORE,
    "messages.system_midway": SAME,
    "parts.image_url": _TEXT,
    "parts.image": _TEXT,
    "parts.detail": _TEXT,
    "parts.audio": _TEXT,
    "parts.file": _TEXT,
    "parts.file_url": _TEXT,
    "parts.file_id": _TEXT,
    "parts.name": _TEXT,
    "parts.tool_call": _TEXT,
    "parts.tool_result": _TEXT,
    "parts.tool_result_image": _TEXT,
    "parts.is_error": _TEXT,
    "parts.thinking": IGNORE,
    "parts.refusal": to("prompt"),
    "parts.citations": IGNORE,
    "parts.cache": IGNORE,
    "tools.strict": Rule("refuse", fix=_CHAT),
    "tools.custom": Rule("refuse", fix=_CHAT),
    "tools.cache": Rule("refuse", fix=_CHAT),
    "tool_choice.required": Rule("ignore"),
    "tool_choice.named": Rule("ignore"),
    "tool_choice.none": Rule("ignore"),
    "tool_choice.allowed": Rule("ignore"),
    "format.json_object": Rule("refuse", fix=_CHAT),
    "format.json_schema": Rule("refuse", fix=_CHAT),
}

OWN: Mapping[str, Rules] = {"openai-responses": {"part=image_generation_call": REFUSE}}
