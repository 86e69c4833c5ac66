"""The words of Cohere's Chat API, second version, that stand for ours."""

from headgate.core.chat import Finish, Message, Part, Thinking, ToolCall
from headgate.dialects.contract import IGNORE, SILENT, Rule, Rules

NAME = "cohere-chat"
PLAN = "tool_plan"
"""The form of a thought that stands in a message's ``tool_plan`` and not in its content."""

FINISH: dict[str, Finish] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
}
"""``finish_reason`` to ours; ``ERROR`` and ``TIMEOUT`` are failures, any other word means ``stop``."""

FAILED = ("ERROR", "TIMEOUT")

FINISH_REASON: dict[Finish, str] = {
    "stop": "COMPLETE",
    "length": "MAX_TOKENS",
    "tool_calls": "TOOL_CALL",
    "content_filter": "COMPLETE",
    "error": "ERROR",
}

# fmt: off
FIELDS = frozenset({
    "model", "messages", "stream", "tools", "strict_tools", "documents", "citation_options", "response_format",
    "safety_mode", "max_tokens", "stop_sequences", "temperature", "seed", "frequency_penalty", "presence_penalty",
    "k", "p", "logprobs", "tool_choice", "thinking", "priority", "raw_prompting",
})
"""Every field that a chat request can have."""
# fmt: on

SPELLINGS = {
    "stop": "stop_sequences",
    "top_k": "k",
    "top_p": "p",
    "format": "response_format",
    "format.schema": "response_format.json_schema",
    "thinking": "thinking.type",
    "thinking_budget": "thinking.token_budget",
    "parts.citations": "citations",
    "parts.detail": "image_url.detail",
}
"""Neutral field to ours, where they differ."""

ABROAD: Rules = {
    "citation_options": IGNORE,
    "documents": Rule("refuse", fix="Put the documents into a message"),
    "safety_mode": Rule("ignore", ("CONTEXTUAL",)),
    "priority": Rule("ignore", (0,)),
    "raw_prompting": Rule("refuse", (False,)),
    "messages.citations": IGNORE,
    "messages.tool_plan": SILENT,  # an empty one; any other is carried as a thought
}
"""What becomes of our own fields in other dialects, unless one of them says else; what is not here is refused."""


def is_plan(part: Part) -> bool:
    """Whether a part is a thought that was told as the plan of the tool calls that follow."""
    if not isinstance(part, Thinking) or part.extra is None or part.extra.dialect != NAME:
        return False
    return part.extra.form.get("part") == PLAN


def part_path(at: str, message: Message, index: int) -> str:
    """Return where part number *index* of *message*, itself at the path *at*, stands in a request."""
    part, before = message.parts[index], message.parts[:index]
    if isinstance(part, ToolCall):
        return f"{at}.tool_calls[{sum(isinstance(p, ToolCall) for p in before)}]"
    if is_plan(part):
        return f"{at}.tool_plan"
    if message.extra is None or message.extra.form.get("content") != "list":
        return f"{at}.content"
    return f"{at}.content[{sum(not isinstance(p, ToolCall) and not is_plan(p) for p in before)}]"
