"""What becomes of a request that is written for OpenAI's Responses API, or that of those who copy it."""

from collections.abc import Mapping

from headgate.dialects.contract import IGNORE, SAME, Rule, Rules, to

_CHAT = "The Responses API has no such parameter; ask for a model that is reached by Chat Completions"
_BY_MODEL = "refused by models without sampling parameters; OpenAI's own default, 1, is not said to OpenAI itself"

NEUTRAL: Rules = {
    "model": SAME,
    "messages": to("input"),
    "max_tokens": to("max_output_tokens"),
    "temperature": Rule("same", when=_BY_MODEL),
    "top_p": Rule("same", when=_BY_MODEL),
    "top_k": Rule("refuse", fix="The Responses API has no such parameter"),
    "stop": Rule("refuse", fix=_CHAT),
    "seed": Rule("refuse", fix=_CHAT),
    "n": Rule("refuse", (1,), "Ask once for each answer"),
    "frequency_penalty": Rule("refuse", (0, 0.0), _CHAT),
    "presence_penalty": Rule("refuse", (0, 0.0), _CHAT),
    "logit_bias": Rule("refuse", fix=_CHAT),
    "logprobs": to("include"),
    "top_logprobs": SAME,
    "tools": SAME,
    "tool_choice": SAME,
    "parallel_tool_calls": SAME,
    "format": to("text.format"),
    "effort": to("reasoning.effort", "the nearest that the model takes"),
    "thinking": to("reasoning.effort", "off: none; on: by its budget; reasoning models, else left out"),
    "thinking_budget": to("reasoning.effort", "reasoning models; else left out"),
    "thoughts": to("reasoning.summary", "reasoning models; else left out"),
    "verbosity": to("text.verbosity"),
    "service_tier": SAME,
    "cache_key": to("prompt_cache_key"),
    "store": Rule("same", when="false where nothing is said: the gateway itself keeps what a caller wants kept"),
    "user": SAME,
    "metadata": SAME,
    "stream": SAME,
    "stream_usage": Rule("same", when="always told"),
    "messages.name": IGNORE,
    "messages.system_midway": SAME,
    "parts.image_url": to("input_image"),
    "parts.image": to("input_image"),
    "parts.detail": SAME,
    "parts.audio": to("input_audio"),
    "parts.file": to("input_file"),
    "parts.file_url": to("input_file"),
    "parts.file_id": Rule(
        "refuse", fix="Send the document's bytes (base64) instead", when="carried from OpenAI's own formats"
    ),
    "parts.name": to("filename"),
    "parts.tool_call": to("function_call"),
    "parts.tool_result": to("function_call_output"),
    "parts.tool_result_image": to("function_call_output.output"),
    "parts.is_error": to("function_call_output.output", "the text begins with 'Error:'"),
    "parts.thinking": Rule("ignore", when="carried with a proof of this API's own"),
    "parts.refusal": SAME,
    "parts.citations": to("annotations", "those that have an address"),
    "parts.cache": to("prompt_cache_breakpoint", "parts of the input, models that take it; else left out"),
    "tools.strict": Rule("same", when="false where nothing is said"),
    "tools.custom": Rule("refuse", fix="Send a function instead"),
    "tools.cache": IGNORE,
    "tool_choice.required": SAME,
    "tool_choice.named": SAME,
    "tool_choice.none": SAME,
    "tool_choice.allowed": to("tool_choice.allowed_tools"),
    "format.json_object": SAME,
    "format.json_schema": SAME,
}

OWN: Mapping[str, Rules] = {
    "openai-chat": {
        "prediction": Rule("refuse", fix=_CHAT),
        "modalities": Rule("refuse", (["text"],), "The answer can only be text"),
        "moderation": SAME,
        "prompt_cache_options": SAME,
        "prompt_cache_retention": SAME,
        "safety_identifier": SAME,
        "stream_options": Rule("same", when="include_obfuscation"),
        "part.prompt_cache_breakpoint": SAME,
        "web_search_options": Rule("refuse", fix="Send a tool of the type 'web_search' to /v1/responses"),
    },
}
