"""The words of OpenAI's Responses API that stand for ours."""

from functools import lru_cache

from headgate.core.chat import Finish, Message, Request
from headgate.dialects.contract import IGNORE, SILENT, Rule, Rules

NAME = "openai-responses"
ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"

FINISH: dict[str, Finish] = {
    "max_output_tokens": "length",
    "max_messages": "length",
    "content_filter": "content_filter",
    "steered": "stop",
}
"""``incomplete_details.reason`` to ours; any other word means ``length``."""

INCOMPLETE: dict[Finish, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Our finish to the reason of an incomplete response; any other is a completed one."""

# fmt: off
FIELDS = frozenset({
    "input", "instructions", "model", "access_programs", "background", "context_management", "conversation", "image",
    "include", "max_output_tokens", "max_tool_calls", "metadata", "moderation", "parallel_tool_calls",
    "previous_response_id", "prompt", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "reasoning", "safety_identifier", "service_tier", "store", "stream", "stream_options", "temperature", "text",
    "tool_choice", "tools", "top_logprobs", "top_p", "truncation", "user",
})
"""Every field that a request for a response can have."""
# fmt: on

SPELLINGS = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "format": "text.format",
    "verbosity": "text.verbosity",
    "effort": "reasoning.effort",
    "thoughts": "reasoning.summary",
    "logprobs": "include",
    "cache_key": "prompt_cache_key",
    "parts.cache": "prompt_cache_breakpoint",
    "parts.name": "filename",
    "parts.citations": "annotations",
}
"""Neutral field to ours, where they differ; of a row of parts, below the part."""

_KEPT = "Only a provider that keeps responses itself can do this"

LACKS = frozenset({"metadata", "store"})

ABROAD: Rules = {
    "metadata": Rule("silent", when="the gateway repeats it in the answer"),
    "store": Rule("silent", when="the gateway itself keeps the answer"),
    "background": Rule("refuse", (False,), _KEPT),
    "conversation": Rule("refuse", fix="Send the conversation in 'input', or a 'previous_response_id'"),
    "previous_response_id": Rule("refuse", fix="It is not kept here. Send the conversation in 'input'"),
    "prompt": Rule("refuse", fix="Send what the template says in 'instructions' and 'input'"),
    "context_management": Rule("refuse", fix="Shorten 'input' yourself"),
    "max_tool_calls": Rule("refuse", fix="It counts calls of hosted tools, and there are none"),
    "truncation": Rule("refuse", ("disabled",), "Shorten 'input' yourself"),
    "include": Rule("refuse", fix="Ask for reasoning.encrypted_content and message.output_text.logprobs alone"),
    "moderation": Rule("refuse", fix="Let a guardrail of the gateway check the text"),
    "access_programs": Rule("refuse", ({"cyber": "standard"},)),
    "image": IGNORE,
    "prompt_cache_options": IGNORE,
    "prompt_cache_retention": IGNORE,
    "safety_identifier": IGNORE,
    "stream_options": IGNORE,
    "reasoning": Rule("ignore"),
    "messages.namespace": IGNORE,
    "messages.caller": Rule("refuse", ({"type": "direct"},)),
    "tools.async": Rule("refuse", (False,)),
    "tools.defer_loading": Rule("ignore", (False,)),
    "tools.output_schema": IGNORE,
    "tools.allowed_callers": Rule("refuse", (["direct"],)),
    "part=image_generation_call": IGNORE,  # a picture of an answer, as the gateway itself tells it
    "part.phase": IGNORE,
    "part.logprobs": IGNORE,
    "part.prompt_cache_breakpoint": IGNORE,
    "part.status": SILENT,
    "part.id": SILENT,
}
"""What becomes of our own fields in other dialects, unless one of them says else; what is not here is refused."""


def message_path(request: Request, index: int) -> str:
    """Return where message number *index* of *request* stands: its first item, where it was made of several."""
    extra = request.messages[index].extra
    return extra.form.get("at", "input") if extra is not None else "input"


def part_path(at: str, message: Message, index: int) -> str:
    """Return where part number *index* of *message*, itself at the path *at*, stands in a request."""
    form = message.extra.form if message.extra is not None else {}
    if "parts" in form:
        return _split(form["parts"])[index]
    return f"{at}.content[{index}]" if form.get("content") == "list" else f"{at}.content" if "content" in form else at


def result_path(path: str, index: int) -> str:
    """Return where part number *index* of the tool's result at *path* stands in a request."""
    return f"{path}.output[{index}]"


@lru_cache(maxsize=8)
def _split(paths: str) -> list[str]:
    return paths.split()  # of each part in turn: a long message would be cut as often as it has parts
