"""What becomes of a request that is written for Cohere's Chat API, second version."""

from collections.abc import Mapping

from headgate.dialects.contract import IGNORE, REFUSE, SAME, Rule, Rules, to

_PENALTY = Rule("same", when="from 0 to 1; else refused")
_NO_DOCUMENT = "Send what the document says as text"

NEUTRAL: Rules = {
    "model": SAME,
    "messages": SAME,
    "max_tokens": SAME,
    "temperature": SAME,
    "top_p": to("p", "0.99 at most"),
    "top_k": to("k"),
    "stop": to("stop_sequences", "more than 5 refused"),
    "seed": SAME,
    "n": Rule("refuse", (1,), "Ask once for each answer"),
    "frequency_penalty": _PENALTY,
    "presence_penalty": _PENALTY,
    "logit_bias": Rule("refuse"),
    "logprobs": SAME,
    "top_logprobs": Rule("refuse", (0,), "Only the log probabilities of the tokens that were chosen are told here"),
    "tools": SAME,
    "tool_choice": SAME,
    "parallel_tool_calls": Rule("refuse", (True,), "The model decides itself how many tools it calls at once"),
    "format": to("response_format"),
    "effort": to("thinking.token_budget", "none: thinking.type=disabled; high and above: no budget"),
    "thinking": to("thinking.type", "auto is left out"),
    "thinking_budget": to("thinking.token_budget"),
    "thoughts": Rule("same", when="they are always told; false is left out, and told"),
    "verbosity": Rule("refuse", ("medium",)),
    "service_tier": to("priority", "flex: the lowest; priority: the highest, which is the default; else left out"),
    "cache_key": IGNORE,
    "store": Rule("refuse", (False,), "This API keeps nothing"),
    "user": IGNORE,
    "metadata": Rule("refuse"),
    "stream": SAME,
    "stream_usage": Rule("same", when="always told"),
    "messages.name": Rule("refuse", fix="Say in the text who speaks"),
    "messages.system_midway": SAME,
    "parts.image_url": SAME,
    "parts.image": to("image_url"),
    "parts.detail": SAME,
    "parts.audio": Rule("refuse", fix="This API takes no audio"),
    "parts.file": Rule("refuse", fix=_NO_DOCUMENT, when="plain text is carried as text"),
    "parts.file_url": Rule("refuse", fix=_NO_DOCUMENT),
    "parts.file_id": Rule("refuse", fix=_NO_DOCUMENT),
    "parts.name": IGNORE,
    "parts.tool_call": to("tool_calls"),
    "parts.tool_result": to("messages", "a message of the role tool"),
    "parts.tool_result_image": Rule("refuse", fix="A tool's result can only be text here"),
    "parts.is_error": to("content", "the text begins with 'Error:'"),
    "parts.thinking": to(
        "tool_plan", "before tool calls, else thinking; one with a foreign proof is left out, and told"
    ),
    "parts.refusal": to("text"),
    "parts.citations": Rule("ignore", when="its own are carried"),
    "parts.cache": IGNORE,
    "tools.strict": to("strict_tools", "all of the tools or none; else refused"),
    "tools.custom": Rule("refuse", fix="Only functions can be called through this API"),
    "tools.cache": IGNORE,
    "tool_choice.required": to("tool_choice=REQUIRED"),
    "tool_choice.named": Rule("refuse", fix="Send that tool alone, and 'required'"),
    "tool_choice.none": to("tool_choice=NONE"),
    "tool_choice.allowed": to("tools", "the others are left out"),
    "format.json_object": SAME,
    "format.json_schema": to("response_format.json_schema"),
}

OWN: Mapping[str, Rules] = {"openai-responses": {"part=image_generation_call": REFUSE}}
