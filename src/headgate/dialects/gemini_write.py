"""Writes generateContent requests from the neutral form."""

import re
from typing import Any

from headgate.core.chat import Request, Tool
from headgate.dialects import wire
from headgate.dialects.base import Abilities, Profile, Written
from headgate.dialects.contract import Rules
from headgate.dialects.contract import gemini as column
from headgate.dialects.fit import RAW, Fit, budget_of, effort_of, merge, nearest
from headgate.dialects.gemini_contents_write import Contents
from headgate.dialects.gemini_fields import respell
from headgate.dialects.gemini_usage import GENERATION
from headgate.dialects.gemini_words import CONFIG, NAME

_LABEL = re.compile(r"[a-z0-9_-]{0,63}")
_SILENT = {"n": 1, "logprobs": False, "top_logprobs": 0, "frequency_penalty": 0, "presence_penalty": 0}
_SAMPLING = ("temperature", "top_p")
_PENALTIES = ("frequency_penalty", "presence_penalty")
_LEVELS = ("minimal", "low", "medium", "high")
LEAST = 128  # tokens of thought below which the models that always think do not go
_BUDGETS = {"pro": (LEAST, 32_768), "flash-lite": (512, 24_576), "": (1, 24_576)}
"""By what stands in a model's name, the least and the most tokens that it may be told to think.

<https://ai.google.dev/gemini-api/docs/thinking#set-budget>
"""
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}


def write_request(request: Request, to: Abilities, *, drop: bool) -> Written:
    """Write *request*; raise ``BadRequest`` for what Gemini has no word for, unless *drop*."""
    fit = Fit(NAME, request, to, drop, column.OWN)
    return fit.written(body_of(request, fit))


def body_of(request: Request, fit: Fit) -> dict[str, Any]:
    """Return the body for *request*, still as objects."""
    body: dict[str, Any] = {}
    contents = Contents(request, fit, newer=has_levels(fit.to))
    contents.write(body)
    labels = _labels(request, fit)
    fit.unsaid(request, _LABELLED if labels else column.NEUTRAL)
    if labels:
        body["labels"] = labels
    _tools(body, request, fit)
    config = _config(request, fit)
    if contents.resolution is not None:
        config["mediaResolution"] = contents.resolution
    if config or fit.form(request.extra, "generationConfig"):
        body["generationConfig"] = config
    _service(body, request, fit)
    named = fit.form(request.extra, "model")
    if named is not None:
        body["model"] = named
    merge(body, fit.leftover(request.extra, "", *(("toolConfig",) if fit.same else ())))
    respell(body, request.extra)
    return body


_LABELLED: Rules = {name: rule for name, rule in column.NEUTRAL.items() if name != "metadata"}


def _labels(request: Request, fit: Fit) -> dict[str, Any]:
    """The caller's own words about a request, which Vertex keeps as labels if all can be one."""
    found = request.metadata if fit.to.kind == "vertex" and request.metadata else {}
    fitting = all(
        isinstance(value, str) and _LABEL.fullmatch(key) and _LABEL.fullmatch(value) for key, value in found.items()
    )
    return found if fitting else {}


def has_levels(to: Abilities) -> bool:
    """Tell whether the model is told by words how hard to think, as all are from the third generation on."""
    if to.profile.thinking:
        return "level" in to.profile.thinking
    found = GENERATION.search(to.model)
    return int(found[1]) >= 3 if found else "gemini" in to.model


def _thinks(to: Abilities) -> bool:
    """Tell whether a model that has no levels can think."""
    if to.profile.thinking:
        return to.profile.thinking != ("disabled",)
    found = GENERATION.search(to.model)
    return to.reasoning or (found is not None and found.groups() >= ("2", "5"))


def _config(request: Request, fit: Fit) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for neutral, name in CONFIG.items():
        value = getattr(request, neutral)
        if value is None or (not fit.same and value == _SILENT.get(neutral)):
            continue
        if not fit.same and _unwanted(neutral, value, fit.to.profile):
            fit.refuse(fit.name(neutral))
        elif fit.same or fit.to.profile.sampling or neutral not in _SAMPLING:  # some refuse even the default
            config[name] = value
    _format(config, request, fit)
    if fit.same:
        for name in ("thinkingConfig", "responseModalities"):
            said = fit.form(request.extra, name)
            if said is not None:
                config[name] = wire.decode(said.encode("utf-8", "surrogatepass"))
    else:
        _thinking(config, request, fit)
    return config


def _unwanted(neutral: str, value: Any, profile: Profile) -> bool:
    """Tell whether the model refuses a field that its siblings take."""
    if neutral in _PENALTIES:
        return not profile.penalties
    return neutral in (*_SAMPLING, "top_k") and not profile.sampling and (value != 1 or neutral == "top_k")


def _format(config: dict[str, Any], request: Request, fit: Fit) -> None:
    wanted = request.format
    kind, own = fit.form(request.extra, "responseMimeType"), fit.form(request.extra, "responseSchema")
    if wanted is not None and not fit.same and wanted.kind != "text":
        kind = "application/json"
    if kind is not None:
        config["responseMimeType"] = kind
    if own is not None:
        config["responseSchema"] = wire.Raw(own.encode("utf-8", "surrogatepass"))
    elif wanted is not None and wanted.kind == "json_schema":
        config["responseJsonSchema"] = wanted.schema or {"type": "object"}
        if wanted.description is not None:
            fit.ignore(fit.name("format.description"))


def _thinking(config: dict[str, Any], request: Request, fit: Fit) -> None:
    effort, budget = request.effort, request.thinking_budget
    off = request.thinking == "off" or (effort == "none" and request.thinking is None)
    wish: dict[str, Any] = {}
    if has_levels(fit.to):
        word = _level(request, fit, off)
        if word is not None:
            wish["thinkingLevel"] = word.upper()
    elif not _thinks(fit.to):
        if not off and (effort is not None or request.thinking == "on" or budget is not None):
            asked = "effort" if effort is not None else "thinking_budget" if budget is not None else "thinking"
            fit.refuse(fit.name(asked), "This model does not think")
        return
    elif off:
        wish["thinkingBudget"] = _least(request, fit)
    elif budget is not None or effort is not None:
        wish["thinkingBudget"] = _budget(request, fit)
    elif request.thinking is not None:
        wish["thinkingBudget"] = -1
    if request.thoughts is not None:
        wish["includeThoughts"] = request.thoughts
    elif not off and (wish or request.thinking is not None):
        wish["includeThoughts"] = True  # whoever asks a model to think wants to see it
    if wish:
        config["thinkingConfig"] = wish


def _level(request: Request, fit: Fit, off: bool) -> str | None:
    always = "pro" in fit.to.model  # these have no lowest level
    known = tuple(one for one in fit.to.profile.efforts if one != "none") or _LEVELS[1 if always else 0 :]
    if off:
        asked, word = "thinking" if request.thinking == "off" else "effort", known[0]
    elif request.effort is not None:
        asked, word = "effort", nearest(request.effort, known)
    elif request.thinking_budget is not None:
        asked, word = "thinking_budget", nearest(effort_of(request.thinking_budget), known)
    else:
        return None
    if off or word != request.effort:
        fit.defaulted.append(f"{fit.name(asked)}={word}")
    return word


def _least(request: Request, fit: Fit) -> int:
    kinds = fit.to.profile.thinking
    if "disabled" in kinds or (not kinds and "pro" not in fit.to.model):
        return 0
    fit.defaulted.append(f"{fit.name('thinking' if request.thinking == 'off' else 'effort')}={LEAST}")
    return LEAST


def _budget(request: Request, fit: Fit) -> int:
    """Return the tokens to think: of those that the model takes the nearest to what was asked for, and say so."""
    given = request.thinking_budget
    asked = given if given is not None else budget_of(request.effort or "")
    least, most = next(bounds for word, bounds in _BUDGETS.items() if word in fit.to.model)
    tokens = min(max(asked, least), most)
    if tokens != asked:
        fit.defaulted.append(f"{fit.name('effort' if given is None else 'thinking_budget')}={tokens}")
    return tokens


def _tools(body: dict[str, Any], request: Request, fit: Fit) -> None:
    if fit.same:
        said = fit.form(request.extra, "toolConfig")
        if request.tools is not None:
            body["tools"] = _grouped(request.tools, fit)
        if said is not None:
            body["toolConfig"] = wire.decode(said.encode("utf-8", "surrogatepass"))
        return
    choice = request.tool_choice
    only = choice.allowed if choice is not None and choice.mode == "auto" else None
    declared = [
        written
        for i, tool in enumerate(request.tools or ())
        if (only is None or tool.name in only) and (written := _tool(tool, fit.tool(i), fit)) is not None
    ]
    if not declared:
        return
    body["tools"] = [{"functionDeclarations": declared}]
    mode = choice.mode if choice is not None else "auto"
    calling: dict[str, Any] = {"mode": _MODES[mode]}
    if mode == "auto" and any(tool.strict for tool in request.tools or ()):
        calling["mode"] = "VALIDATED"
    if choice is not None and choice.mode == "named":
        calling["allowedFunctionNames"] = [choice.name]
    elif choice is not None and choice.mode == "required" and choice.allowed is not None:
        calling["allowedFunctionNames"] = choice.allowed
    if calling != {"mode": "AUTO"}:
        body["toolConfig"] = {"functionCallingConfig": calling}


def _grouped(tools: list[Tool], fit: Fit) -> list[dict[str, Any]]:
    """Return the tools in the objects they came in."""
    groups: dict[str, dict[str, Any]] = {}
    for tool in tools:
        form = tool.extra.form if tool.extra is not None else {}
        group = groups.setdefault(form.get("group", "0"), {})
        if form.get("tool") == RAW:
            group.update(fit.own(tool.extra))
            continue
        name = "function_declarations" if form.get("declarations") == "snake" else "functionDeclarations"
        group.setdefault(name, []).append(_tool(tool, "", fit))
    return list(groups.values())


def _tool(tool: Tool, at: str, fit: Fit) -> dict[str, Any] | None:
    if tool.extra is not None and tool.extra.form.get("tool") == RAW:
        fit.leave(column.NEUTRAL["tools.custom"], at)
        return None
    written: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        written["description"] = tool.description
    own = fit.form(tool.extra, "parameters")
    if own is not None:
        written["parameters"] = wire.Raw(own.encode("utf-8", "surrogatepass"))
    elif tool.parameters is not None:
        written["parametersJsonSchema"] = tool.parameters
    if tool.cache is not None:
        fit.leave(column.NEUTRAL["tools.cache"], fit.inner(at, "tools.cache"))
    merge(written, fit.leftover(tool.extra, at))
    respell(written, tool.extra)
    return written


def _service(body: dict[str, Any], request: Request, fit: Fit) -> None:
    spelt, vertex = fit.form(request.extra, "serviceTier"), fit.to.kind == "vertex"
    tier = request.service_tier
    if spelt is not None:
        body["serviceTier"] = spelt
    elif tier in ("flex", "priority") and not vertex:
        body["serviceTier"] = tier
    elif tier not in (None, "auto", "default"):
        fit.ignore(fit.name("service_tier"))
    if request.store is not None and (fit.same or request.store):
        if vertex and not fit.same:
            fit.refuse(fit.name("store"))
        else:
            body["store"] = request.store
