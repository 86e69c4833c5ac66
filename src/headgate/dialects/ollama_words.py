"""The words of Ollama's own API that stand for ours."""

from headgate.core.chat import Finish, Image, Message, Thinking, ToolCall
from headgate.dialects.contract import IGNORE, SILENT, Rule, Rules

NAME = "ollama-chat"

FINISH: dict[str, Finish] = {"stop": "stop", "length": "length", "load": "stop", "unload": "stop"}
"""``done_reason`` to ours; any other word means ``stop``. Tool calls end with ``stop`` too."""

# fmt: off
FIELDS = frozenset({
    "model", "messages", "stream", "tools", "format", "options", "think", "keep_alive", "logprobs", "top_logprobs",
    "truncate", "shift",
})
"""Every field that a chat request can have."""
# fmt: on

OPTIONS = {
    "num_predict": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "stop": "stop",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
}
"""Fields of ``options`` to ours."""

SPELLINGS = {
    **{ours: f"options.{theirs}" for theirs, ours in OPTIONS.items()},
    "format.schema": "format",
    "effort": "think",
    "thinking": "think",
}
"""Neutral field to ours, where they differ."""

LEVELS = ("low", "medium", "high", "max")

ABROAD: Rules = {
    "keep_alive": IGNORE,
    "options": Rule("refuse", fix="Only Ollama knows these options"),
    "truncate": Rule("ignore", (True,)),
    "shift": Rule("ignore", (True,)),
    "messages.tool_name": SILENT,  # the call that is answered has the name too
    "part.index": SILENT,
}
"""What becomes of our own fields in other dialects, unless one of them says else; what is not here is refused."""


def part_path(at: str, message: Message, index: int) -> str:
    """Return where part number *index* of *message*, itself at the path *at*, stands in a request."""
    part, before = message.parts[index], message.parts[:index]
    if isinstance(part, ToolCall):
        return f"{at}.tool_calls[{sum(isinstance(p, ToolCall) for p in before)}]"
    if isinstance(part, Image):
        return f"{at}.images[{sum(isinstance(p, Image) for p in before)}]"
    return f"{at}.thinking" if isinstance(part, Thinking) else f"{at}.content"
