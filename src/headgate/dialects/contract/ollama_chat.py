"""What becomes of a request that is written for Ollama's own API."""

from collections.abc import Mapping

from headgate.dialects.contract import IGNORE, REFUSE, SAME, SILENT, Rule, Rules, to

_NO_DOCUMENT = "Send what the document says as text"
_CHOICE = "The model decides itself; leave it out, or send only the tools that may be called"

NEUTRAL: Rules = {
    "model": SAME,
    "messages": SAME,
    "max_tokens": to("options.num_predict"),
    "temperature": to("options.temperature"),
    "top_p": to("options.top_p"),
    "top_k": to("options.top_k"),
    "stop": to("options.stop"),
    "seed": to("options.seed"),
    "n": Rule("refuse", (1,), "Ask once for each answer"),
    "frequency_penalty": to("options.frequency_penalty"),
    "presence_penalty": to("options.presence_penalty"),
    "logit_bias": Rule("refuse"),
    "logprobs": SAME,
    "top_logprobs": SAME,
    "tools": SAME,
    "tool_choice": Rule("same", when="auto, which is left out"),
    "parallel_tool_calls": Rule("refuse", (True,), "The model decides itself how many tools it calls at once"),
    "format": SAME,
    "effort": to("think", "none: false; models without levels: true"),
    "thinking": to("think"),
    "thinking_budget": Rule("ignore"),
    "thoughts": Rule("same", when="they are always told; false is left out, and told"),
    "verbosity": Rule("refuse", ("medium",)),
    "service_tier": Rule("ignore", ("auto",)),
    "cache_key": IGNORE,
    "store": Rule("refuse", (False,), "This API keeps nothing"),
    "user": IGNORE,
    "metadata": Rule("refuse"),
    "stream": SAME,
    "stream_usage": Rule("same", when="always told"),
    "messages.name": IGNORE,
    "messages.system_midway": SAME,
    "parts.image_url": Rule("refuse", fix="Send the image's bytes (base64)", when="fetched by the gateway first"),
    "parts.image": to("images"),
    "parts.detail": IGNORE,
    "parts.audio": Rule("refuse", fix="This API takes no audio"),
    "parts.file": Rule("refuse", fix=_NO_DOCUMENT, when="plain text is carried as text"),
    "parts.file_url": Rule("refuse", fix=_NO_DOCUMENT),
    "parts.file_id": Rule("refuse", fix=_NO_DOCUMENT),
    "parts.name": IGNORE,
    "parts.tool_call": to("tool_calls"),
    "parts.tool_result": to("messages", "a message of the role tool"),
    "parts.tool_result_image": Rule("refuse", fix="A tool's result can only be text here"),
    "parts.is_error": to("content", "the text begins with 'Error:'"),
    "parts.thinking": to("thinking", "one with a foreign proof is left out, and told"),
    "parts.refusal": to("content"),
    "parts.citations": IGNORE,
    "parts.cache": IGNORE,
    "tools.strict": Rule("refuse", (False,), "Send the tool without 'strict'"),
    "tools.custom": Rule("refuse", fix="Only functions can be called through this API"),
    "tools.cache": IGNORE,
    "tool_choice.required": Rule("refuse", fix=_CHOICE),
    "tool_choice.named": Rule("refuse", fix=_CHOICE),
    "tool_choice.none": Rule("refuse", fix="Send no tools"),
    "tool_choice.allowed": to("tools", "the others are left out"),
    "format.json_object": to("format=json"),
    "format.json_schema": to("format", "the schema itself"),
}

OWN: Mapping[str, Rules] = {
    "openai-responses": {"part=image_generation_call": REFUSE},
    "cohere-chat": {"messages.tool_plan": SILENT},
}
