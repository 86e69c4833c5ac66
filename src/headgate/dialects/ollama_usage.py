"""Usage as Ollama reports it, beside the answer and not in an object of its own."""

from typing import Any

from headgate.core.money import Usage
from headgate.dialects.watch import believable


def usage_in(found: dict[str, Any]) -> tuple[Usage | None, bool]:
    """Read the counts of a decoded reply or last line, and tell whether some were there that nobody can believe.

    The server leaves out a count that is 0: that of a prompt which was in its cache as a whole.
    """
    prompt, answer = found.get("prompt_eval_count"), found.get("eval_count")
    if prompt is None and answer is None:
        return None, False
    counts = [0 if count is None else count for count in (prompt, answer)]
    if not all(type(count) is int for count in counts) or not believable(usage := Usage(counts[0], counts[1])):
        return None, True
    return usage, False


def printed(usage: Usage) -> dict[str, int]:
    """Return the counts for a client of this API."""
    return {"prompt_eval_count": usage.input, "eval_count": usage.output}
