"""Thinking and its effort: Converse has one field for them, each family of models its own beside it.

Claude: <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-extended-thinking.html>; Nova:
<https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html>.
"""

from typing import Any

from headgate.core.chat import Request
from headgate.dialects import anthropic_write
from headgate.dialects.fit import Fit, effort_of, nearest

_TYPES = {"on": "enabled", "off": "disabled", "auto": "adaptive"}
_PLAIN = ("low", "medium", "high")
_ROOM = 128_000  # tokens of an answer, where nobody says how many there may be


def write_thinking(body: dict[str, Any], request: Request, fit: Fit, whose: str) -> None:
    """Put what *request* says of thinking into *body*, in the words of the family *whose*."""
    if fit.same:
        _again(body, request, whose)
    elif request.thinking == "off" or (request.thinking is None and request.effort == "none"):
        _off(body, request, fit, whose)
    elif whose == "claude":
        _claude(body, request, fit)
    else:
        _others(body, request, fit, whose)


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


def _off(body: dict[str, Any], request: Request, fit: Fit, whose: str) -> None:
    """Not to think is what happens unless asked; models that know a word for it, or cannot help it, differ."""
    profile = fit.to.profile
    if "disabled" in profile.thinking:
        name = "reasoningConfig" if whose == "nova" else "thinking"
        body["additionalModelRequestFields"][name] = {"type": "disabled"}
    elif "none" in profile.efforts:
        body["outputConfig"]["effort"] = "none"
    elif profile.thinking or (whose == "gpt" and fit.to.reasoning):
        fit.refuse(fit.name("thinking" if request.thinking == "off" else "effort"), "This model always thinks")


def _claude(body: dict[str, Any], request: Request, fit: Fit) -> None:
    """Say it as Anthropic's own API does, but for the place."""
    config = body["outputConfig"]
    if request.effort is not None and request.effort != "none":
        anthropic_write.write_effort(config, request.effort, fit)
    said: dict[str, Any] = {"max_tokens": request.max_tokens or fit.to.max_output or _ROOM}
    anthropic_write.write_thinking(said, request, fit)
    if "thinking" in said:
        body["additionalModelRequestFields"]["thinking"] = said["thinking"]
        _beside(body, said["thinking"], request, fit)
    config.update(said.get("output_config", {}))


def _beside(body: dict[str, Any], thinking: dict[str, Any], request: Request, fit: Fit) -> None:
    """Refuse what Claude does not take while it thinks, wherever that stands here; or take it out by permission."""
    more, inference, tools = body["additionalModelRequestFields"], body["inferenceConfig"], body["toolConfig"]
    own = more.get("tool_choice", {})
    places = {"temperature": (inference, "temperature"), "top_p": (inference, "topP"), "top_k": (more, "top_k")}
    if tools.get("toolChoice", {"auto": {}}) != {"auto": {}}:
        places["tool_choice"] = (tools, "toolChoice")
    elif own.get("type") in ("any", "tool"):
        places["tool_choice"] = (more, "tool_choice")
    said = {field for field, (place, name) in places.items() if name in place}
    for field in anthropic_write.unfit_to_think(thinking, said, request, fit):
        place, name = places[field]
        del place[name]
        if place is more and field == "tool_choice":
            more[name] = {"type": "auto", "disable_parallel_tool_use": True}


def _others(body: dict[str, Any], request: Request, fit: Fit, whose: str) -> None:
    effort, budget = request.effort, request.thinking_budget
    more = body["additionalModelRequestFields"]
    if whose == "nova" and (effort is not None or request.thinking == "on" or budget is not None):
        asked = effort or (effort_of(budget) if budget is not None else "medium")
        word = _told("effort" if effort is not None else "thinking", asked, asked != effort, fit)
        more["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": word}
        budget = None
    elif effort is not None and whose == "gpt":
        more["reasoning_effort"] = _told("effort", effort, False, fit)
    elif effort is not None:
        body["outputConfig"]["effort"] = nearest(effort, fit.to.profile.efforts)
    if budget is not None:
        fit.ignore(fit.name("thinking_budget"))
    if whose != "nova" and request.thinking == "on" and not fit.to.reasoning:
        fit.ignore(fit.name("thinking"))
    if request.thoughts is False:
        fit.ignore(fit.name("thoughts"))


def _told(field: str, effort: str, supplied: bool, fit: Fit) -> str:
    """Return the effort nearest to *effort* that the model takes, and say so where it is not what was asked for."""
    word = nearest(effort, fit.to.profile.efforts or _PLAIN)
    if supplied or (word != effort and effort != "minimal"):
        fit.defaulted.append(f"{fit.name(field)}={word}")
    return word
