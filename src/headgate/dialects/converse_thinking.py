"""Thinking and its effort: Converse has one field for them, each family of models its own beside it.

Claude: <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html>; Nova:
<https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html>.
"""

from typing import Any

from headgate.core.chat import Request
from headgate.dialects.base import Abilities
from headgate.dialects.fit import Fit

LADDER = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16_384, "xhigh": 32_768, "max": 65_536}
MIN_BUDGET = 1024
_TYPES = {"on": "enabled", "off": "disabled", "auto": "adaptive"}
_PLAIN = ("low", "medium", "high")


def write_thinking(body: dict[str, Any], request: Request, to: Abilities, fit: Fit, whose: str) -> None:
    """Put what *request* says of thinking into *body*, in the words of the family *whose*."""
    if fit.same:
        _again(body, request, whose)
    elif request.thinking == "off" or (request.thinking is None and request.effort == "none"):
        _off(body, request, to, fit, whose)
    elif whose == "claude" or {"adaptive", "enabled"} & set(to.profile.thinking):
        _claude(body, request, to, fit)
    else:
        _others(body, request, to, fit, whose)


def _again(body: dict[str, Any], request: Request, whose: str) -> None:
    more = body["additionalModelRequestFields"]
    if whose == "nova":
        more["reasoningConfig"] = {"type": _TYPES[request.thinking or "on"]}
        if request.effort is not None:
            more["reasoningConfig"]["maxReasoningEffort"] = request.effort
        return
    if request.thinking is not None:
        more["thinking"] = {"type": _TYPES[request.thinking]}
        if request.thinking_budget is not None:
            more["thinking"]["budget_tokens"] = request.thinking_budget
        if request.thoughts is not None:
            more["thinking"]["display"] = "summarized" if request.thoughts else "omitted"
    if request.effort is not None:
        if whose == "gpt":
            more["reasoning_effort"] = request.effort
        else:
            body["outputConfig"]["effort"] = request.effort


def _off(body: dict[str, Any], request: Request, to: Abilities, fit: Fit, whose: str) -> None:
    """Not to think is what happens unless asked; models that know a word for it, or cannot help it, differ."""
    kinds = to.profile.thinking
    if "disabled" in kinds:
        more = body["additionalModelRequestFields"]
        if whose == "nova":
            more["reasoningConfig"] = {"type": "disabled"}
        else:
            more["thinking"] = {"type": "disabled"}
    elif "none" in to.profile.efforts:
        body["outputConfig"]["effort"] = "none"
    elif kinds or (whose == "gpt" and to.reasoning):
        fit.refuse(fit.name("thinking" if request.thinking == "off" else "effort"), "This model always thinks")


def _claude(body: dict[str, Any], request: Request, to: Abilities, fit: Fit) -> None:
    kinds, budget, effort = to.profile.thinking, request.thinking_budget, request.effort
    by_budget = "enabled" in kinds and "adaptive" not in kinds
    if effort is not None and effort != "none" and not (by_budget and not to.profile.efforts):
        body["outputConfig"]["effort"] = nearest(effort, to.profile.efforts)
    wanted = request.thinking is not None or budget is not None or (effort is not None and to.reasoning)
    if not wanted:
        return
    if by_budget and budget is None:
        budget = _affordable(BUDGETS.get(effort or "medium", BUDGETS["medium"]), request.max_tokens)
        if budget is None:
            fit.ignore(fit.name("effort" if effort is not None else "thinking"))
            return
        if effort is None:
            fit.defaulted.append(f"{fit.name('thinking_budget')}={budget}")
    thinking: dict[str, Any] = {"type": "adaptive"}
    if budget is not None and (by_budget or "enabled" in kinds or not kinds):
        thinking = {"type": "enabled", "budget_tokens": budget}
    elif budget is not None:
        fit.ignore(fit.name("thinking_budget"))
    if request.thoughts is not None and thinking["type"] == "adaptive":
        thinking["display"] = "summarized" if request.thoughts else "omitted"
    elif request.thoughts is False:
        fit.ignore(fit.name("thoughts"))
    body["additionalModelRequestFields"]["thinking"] = thinking


def _affordable(budget: int, max_tokens: int | None) -> int | None:
    """Return a budget that leaves room for an answer, as the API demands; ``None`` where there is none."""
    if max_tokens is not None:
        budget = min(budget, max_tokens // 2)
    return budget if budget >= MIN_BUDGET else None


def _others(body: dict[str, Any], request: Request, to: Abilities, fit: Fit, whose: str) -> None:
    effort, budget = request.effort, request.thinking_budget
    if whose == "nova" and (effort or request.thinking == "on" or budget is not None):
        if effort is None:
            effort = "medium" if budget is None else "low" if budget < 4096 else "medium" if budget < 16_384 else "high"
        kind = {"type": "enabled", "maxReasoningEffort": nearest(effort, to.profile.efforts or _PLAIN)}
        body["additionalModelRequestFields"]["reasoningConfig"] = kind
    elif effort is not None and whose == "gpt":
        body["additionalModelRequestFields"]["reasoning_effort"] = nearest(effort, to.profile.efforts or _PLAIN)
    elif effort is not None:
        body["outputConfig"]["effort"] = nearest(effort, to.profile.efforts)
    if whose != "nova" and budget is not None:
        fit.ignore(fit.name("thinking_budget"))
    if whose != "nova" and request.thinking == "on" and not to.reasoning:
        fit.ignore(fit.name("thinking"))
    if request.thoughts is False:
        fit.ignore(fit.name("thoughts"))


def nearest(effort: str, taken: tuple[str, ...]) -> str:
    """Return the effort of those *taken* that comes nearest, the lower of two; *effort* itself where none are known."""
    if not taken:
        return "low" if effort == "minimal" else effort
    if effort in taken or effort not in LADDER:
        return effort
    at = LADDER.index(effort)
    known = [one for one in taken if one in LADDER]
    return min(known, key=lambda one: (abs(LADDER.index(one) - at), LADDER.index(one))) if known else effort
