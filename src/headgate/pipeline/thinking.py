"""Whether a call asks its model to think: then it may be silent for long before it speaks, and between its words."""

import re

from headgate.core.call import Call

ALWAYS = frozenset(("thinking", "reasoning", "reasoning_effort", "reasoningEffort", "think", "enable_thinking"))
"""Fields that are about thinking, of any dialect."""
AMONG_OTHERS = frozenset((
    "generationConfig", "generation_config", "output_config", "outputConfig", "additionalModelRequestFields",
    "chat_template_kwargs",
))  # fmt: skip
"""Fields that may say so among other things."""
FIELDS = ALWAYS | AMONG_OTHERS
LONGEST = 256 * 1024
"""Bytes of a field that is looked into; a call with a longer one is waited for, whatever it asks."""
# The words are bounded, so that a long one that a caller makes up is not gone through again and again.
_ASKED = re.compile(rb'"(?:\w{0,32}[tT]hinking\w{0,32}|\w{0,32}[eE]ffort|reasoning\w{0,32})"\s*:')
_OFF = re.compile(
    rb'^\s*(?:null|false|0|"none"|"off"|\{\s*\})\s*$|"(?:type|\w{0,32}[eE]ffort)"\s*:\s*"(?:none|disabled)"|'
    rb'"(?:enabled|enable_thinking)"\s*:\s*false|"(?:thinkingBudget|thinking_budget|max_tokens)"\s*:\s*0\b'
)


def thinks(call: Call) -> bool:
    """Whether *call* asks for thinking, and does not switch it off. Only fields at the top are looked at, undecoded."""
    fields = call.envelope.fields
    if call.operation != "chat" or FIELDS.isdisjoint(fields):
        return False
    for name in FIELDS.intersection(fields):
        said = bytes(fields[name])
        if len(said) > LONGEST:
            return True
        if (name in ALWAYS or _ASKED.search(said)) and not _OFF.search(said):
            return True
    return False
