"""What becomes of a request that is written for Anthropic's Messages API."""

from collections.abc import Mapping

from headgate.dialects.contract import CLOSED, IGNORE, REFUSE, SAME, Rule, Rules, to

_SAMPLING = "refused by models without sampling parameters; 1 is left out"
_FORCED = "refused by models that may not be forced, and while one thinks with a budget"
_MIDWAY = "left out where a turn of tool calls is gone on with whose first thought is not there"

NEUTRAL: Rules = {
    "model": SAME,
    "messages": SAME,
    "max_tokens": Rule("default", when="where none is given: the model's own limit, 32000 at most, else 4096"),
    "temperature": Rule("same", when=f"above 1 refused, any but 1 while the model thinks; {_SAMPLING}"),
    "top_p": Rule("same", when=f"below 0.95 refused while the model thinks; {_SAMPLING}"),
    "top_k": Rule("same", when="refused by models without sampling parameters, and while a model thinks"),
    "stop": to("stop_sequences"),
    "seed": REFUSE,
    "n": Rule("refuse", (1,), "Ask once for each answer"),
    "frequency_penalty": Rule("refuse", (0, 0.0)),
    "presence_penalty": Rule("refuse", (0, 0.0)),
    "logit_bias": REFUSE,
    "logprobs": Rule("refuse", (False,)),
    "top_logprobs": Rule("refuse", (0,)),
    "tools": SAME,
    "tool_choice": SAME,
    "parallel_tool_calls": to("tool_choice.disable_parallel_tool_use"),
    "format": to("output_config.format"),
    "effort": to(
        "output_config.effort", f"the nearest that the model takes; some have thinking.budget_tokens instead, {_MIDWAY}"
    ),
    "thinking": to("thinking.type", _MIDWAY),
    "thinking_budget": to("thinking.budget_tokens", f"adaptive models: output_config.effort; {_MIDWAY}"),
    "thoughts": to("thinking.display"),
    "verbosity": Rule("refuse", ("medium",)),
    "service_tier": to("service_tier", "auto and default; else left out"),
    "cache_key": IGNORE,
    "store": Rule("refuse", (False,), "This API keeps nothing"),
    "user": to("metadata.user_id"),
    "metadata": IGNORE,
    "stream": SAME,
    "stream_usage": Rule("same", when="always told"),
    "messages.name": IGNORE,
    "messages.system_midway": Rule(
        "refuse", fix="Put it before the first message of the user", when="carried where the model takes it"
    ),
    "parts.image_url": to("image"),
    "parts.image": to("image"),
    "parts.detail": IGNORE,
    "parts.audio": Rule("refuse", fix="This API takes no audio"),
    "parts.file": to("document"),
    "parts.file_url": to("document"),
    "parts.file_id": Rule("refuse", fix="Send the document as a data URL (data:application/pdf;base64,...)"),
    "parts.name": to("title"),
    "parts.tool_call": to("tool_use"),
    "parts.tool_result": to("tool_result"),
    "parts.tool_result_image": to("tool_result.content"),
    "parts.is_error": to("tool_result.is_error"),
    "parts.thinking": Rule("ignore", when="carried with a proof of this API's own"),
    "parts.refusal": to("text"),
    "parts.citations": IGNORE,
    "parts.cache": to("cache_control"),
    "tools.strict": SAME,
    "tools.custom": Rule("refuse", fix="Only functions can be called through this API"),
    "tools.cache": to("cache_control"),
    "tool_choice.required": to("tool_choice.type=any", _FORCED),
    "tool_choice.named": to("tool_choice.type=tool", _FORCED),
    "tool_choice.none": SAME,
    "tool_choice.allowed": to("tools", "the others are left out"),
    "format.json_object": Rule("refuse", fix="Send a 'json_schema' format instead"),
    "format.json_schema": to("output_config.format", CLOSED),
}

OWN: Mapping[str, Rules] = {}
