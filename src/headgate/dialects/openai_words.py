"""The words of OpenAI's Chat Completions API that stand for ours."""

from headgate.core.chat import Finish, Message, Thinking, ToolCall
from headgate.dialects.contract import IGNORE, SILENT, Rule, Rules

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

SOURCES = {
    "anthropic-claude-v1": "anthropic-messages",
    "google-gemini-v1": "gemini",
    "openai-responses-v1": "openai-responses",
}
"""The ``format`` of an item of ``reasoning_details`` to the dialect whose opaque parts it holds."""
FORMATS = {source: format_ for format_, source in SOURCES.items()}
OF_CALLS = frozenset({"gemini"})
"""Sources whose items with an ``id`` prove the tool call of that id; elsewhere it is the item's own."""

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

SPELLINGS = {
    "format": "response_format",
    "effort": "reasoning_effort",
    "cache_key": "prompt_cache_key",
    "stream_usage": "stream_options.include_usage",
    "parts.cache": "prompt_cache_breakpoint",
    "parts.arguments": "function.arguments",
    "parts.detail": "image_url.detail",
    "parts.file": "file.file_data",
    "parts.file_id": "file.file_id",
    "parts.image_url": "image_url.url",
    "parts.name": "file.filename",
    "tools.cache": "cache_control",
    "tools.strict": "function.strict",
    "format.schema": "response_format.json_schema.schema",
    "format.description": "response_format.json_schema.description",
}
"""Neutral field to ours, where they differ; of a row of parts, below the part."""

ALIASES = frozenset({"max_completion_tokens", "safety_identifier"})

ABROAD: Rules = {
    "modalities": Rule("refuse", (["text"],)),
    "audio": Rule("refuse", fix="The answer can only be text"),
    "moderation": Rule("refuse", fix="Let a guardrail of the gateway check the text"),
    "web_search_options": Rule("refuse", fix="Only models of OpenAI search by themselves"),
    "functions": Rule("refuse", fix="Send 'tools' instead"),
    "function_call": Rule("refuse", ("none", "auto"), "Send 'tool_choice' instead"),
    "prediction": IGNORE,
    "prompt_cache_options": IGNORE,
    "prompt_cache_retention": IGNORE,
    "safety_identifier": IGNORE,
    "stream_options": IGNORE,
    "messages.annotations": IGNORE,
    "messages.images": IGNORE,  # pictures of an answer, as the gateway itself tells them
    "messages.audio": Rule("refuse", fix="Send the text that was spoken"),
    "messages.function_call": Rule("refuse", fix="Send 'tool_calls' instead"),
    "messages.reasoning": SILENT,  # its items are what is carried
    "messages.reasoning_content": SILENT,
    "part.index": SILENT,  # where a streamed call stood; its place in the array says so too
    "part.prompt_cache_breakpoint": IGNORE,
    "part.cache_control": IGNORE,  # as many clients of OpenAI-like gateways write it
    "tools.cache_control": IGNORE,
}
"""What becomes of our own fields in other dialects, unless one of them says else; what is not here is refused."""


def part_path(at: str, message: Message, index: int) -> str:
    """Return where part number *index* of *message*, itself at the path *at*, stands in a request."""
    part, before = message.parts[index], message.parts[:index]
    if isinstance(part, ToolCall):
        return f"{at}.tool_calls[{sum(isinstance(p, ToolCall) for p in before)}]"
    form = message.extra.form if message.extra is not None else {}
    if isinstance(part, Thinking):
        if form.get("reasoning") == "details":
            return f"{at}.reasoning_details[{sum(isinstance(p, Thinking) for p in before)}]"
        return f"{at}.{form.get('reasoning', 'reasoning')}"
    if form.get("content") != "list":
        return f"{at}.content"
    return f"{at}.content[{sum(not isinstance(p, ToolCall | Thinking) for p in before)}]"


def result_path(path: str, index: int) -> str:
    """Return where part number *index* of the tool's result at *path* stands: the message has no other content."""
    return f"{path.removesuffix('[0]')}[{index}]"
