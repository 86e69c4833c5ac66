"""The words of OpenAI's Completions API that stand for ours."""

from headgate.core.chat import Finish, Message, Request
from headgate.dialects.contract import IGNORE, Rule, Rules

NAME = "openai-completions"

FINISH: dict[str, Finish] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "error": "error",
}
"""``finish_reason`` to ours (Together says ``eos``); any other word means ``stop``."""

# fmt: off
FIELDS = frozenset({
    "model", "prompt", "best_of", "echo", "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "n",
    "presence_penalty", "seed", "stop", "stream", "stream_options", "suffix", "temperature", "top_p", "user",
})
"""Every field that a Completions request can have."""
# fmt: on

SPELLINGS = {"messages": "prompt", "top_logprobs": "logprobs", "stream_usage": "stream_options.include_usage"}
"""Neutral field to ours, where they differ."""

ABROAD: Rules = {
    "best_of": Rule("refuse", (1,), "Ask for 'n' answers, and choose among them"),
    "echo": Rule("refuse", (False,), "Put the prompt before the answer yourself"),
    "suffix": Rule("refuse", fix="Only models made for completion insert text"),
    "max_tokens": Rule("refuse", fix="Ask for one token at least"),
    "stream_options": IGNORE,
    "part.prompt": Rule("refuse", fix="Send one text"),
}
"""What becomes of our own fields in other dialects, unless one of them says else; what is not here is refused."""

ONE_TEXT = "Send one text: chat has no way to say several prompts, or tokens"


def message_path(request: Request, index: int) -> str:
    """Return where a message stands in a request: there is but the prompt."""
    return "prompt"


def part_path(at: str, message: Message, index: int) -> str:
    """Return where a part of the only message stands in a request."""
    return "prompt"
