"""Reads generateContent requests, <https://ai.google.dev/api/generate-content>."""

from typing import Annotated, Literal

import msgspec

from headgate.core.chat import Extra, Format, Message, Part, Request, Thinking, Tool, ToolChoice
from headgate.dialects import wire
from headgate.dialects.envelope import MAX_MESSAGES
from headgate.dialects.fit import RAW
from headgate.dialects.gemini_fields import Given, json_schema
from headgate.dialects.gemini_parts import Calls, minted, read_part
from headgate.dialects.gemini_words import CONFIG, NAME, is_proof
from headgate.dialects.json_guard import top_level
from headgate.dialects.schemas import promised

Raw = msgspec.Raw
Meta = msgspec.Meta
_role = msgspec.json.Decoder(Literal["user", "model", "function"])
_int = msgspec.json.Decoder(int)
_number = msgspec.json.Decoder(float)
_DECODERS = {
    "max_tokens": msgspec.json.Decoder(Annotated[int, Meta(ge=1, le=10**9)]),
    "n": msgspec.json.Decoder(Annotated[int, Meta(ge=1, le=128)]),
    "temperature": msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=2)]),
    "top_p": msgspec.json.Decoder(Annotated[float, Meta(ge=0, le=1)]),
    "seed": _int,
    "frequency_penalty": msgspec.json.Decoder(Annotated[float, Meta(ge=-2, le=2)]),
    "presence_penalty": msgspec.json.Decoder(Annotated[float, Meta(ge=-2, le=2)]),
    "top_logprobs": msgspec.json.Decoder(Annotated[int, Meta(ge=0, le=20)]),
    "logprobs": msgspec.json.Decoder(bool),
    "stop": msgspec.json.Decoder(list[str]),
}
_MODES = {"AUTO": "auto", "NONE": "none", "ANY": "required", "VALIDATED": "auto"}
_TIERS = {"standard": "default", "unspecified": "auto"}


def read_request(body: bytes) -> Request:
    """Read a request; raise ``BadRequest`` naming the field for what the format forbids. The path has the model."""
    return request_of(Given(top_level(body)))


def request_of(given: Given) -> Request:
    """Read a request whose top level is *given*."""
    contents = given.need("contents", given.items("contents"))
    if not contents:
        raise given.refuse("contents", "expected at least one content.", "empty_array")
    if len(contents) > MAX_MESSAGES:
        raise given.refuse("contents", f"expected at most {MAX_MESSAGES}.", "array_above_max_length")
    form: dict[str, str] = {}
    calls = Calls()
    named = given.text("model")
    if named is not None:
        form["model"] = named
    request = Request(
        model=(named or "").removeprefix("models/"),
        messages=_system(given, form)
        + [_message(Given(raw, f"contents[{i}]"), calls, i) for i, raw in enumerate(contents)],
        tools=_tools(given),
        service_tier=_tier(given, form),
        store=given.flag("store"),
        stream_usage=True,
    )
    _choice(given, request, form)
    _config(given, request, form)
    extra = given.extra(form=form)
    request.extra = extra if extra is not None else Extra(NAME, {})
    _mend(request)
    return request


def _system(given: Given, form: dict[str, str]) -> list[Message]:
    system = given.inner("systemInstruction")
    if system is None:
        return []
    form["system"] = "given"
    role = system.text("role")  # it means nothing here; Google's own SDK sends it all the same
    message = _turn(system, "system", Calls(), 0)
    if role is not None:
        _spell(message, "role", role)
    return [message]


def _message(given: Given, calls: Calls, index: int) -> Message:
    role = given.take("role", _role)
    message = _turn(given, "assistant" if role == "model" else "user", calls, index)
    if role not in ("user", "model"):
        _spell(message, "role", role or "absent")
    return message


def _turn(given: Given, role: Literal["system", "user", "assistant"], calls: Calls, index: int) -> Message:
    raws = given.items("parts")
    parts: list[Part] = []
    for number, raw in enumerate(raws or ()):
        parts += read_part(
            Given(raw, f"{given.path('parts')}[{number}]"),
            lambda said, at=number: minted(index, at, said),  # type: ignore[misc]  # of this turn alone
            calls,
        )
    return Message(role, parts, extra=given.extra(form=None if raws is not None else {"parts": "absent"}))


def _spell(message: Message, name: str, word: str) -> None:
    message.extra = message.extra or Extra(NAME, {})
    message.extra.form = {**message.extra.form, name: word}


def _tools(given: Given) -> list[Tool] | None:
    raws = given.items("tools")
    if raws is None:
        return None
    found: list[Tool] = []
    for group, raw in enumerate(raws):
        at = f"tools[{group}]"
        tool = Given(raw, at)
        declared = tool.items("functionDeclarations")
        for i, one in enumerate(declared or ()):
            found.append(_function(Given(one, f"{at}.functionDeclarations[{i}]"), group, bool(tool.snake)))
        if tool.rest or not declared:  # tools of the server's own
            rest = tool.rest if declared else wire.members(raw)
            found.append(Tool(next(iter(tool.rest), ""), extra=Extra(NAME, rest, {"tool": RAW, "group": str(group)})))
    return found


def _function(given: Given, group: int, snake: bool) -> Tool:
    form = {"group": str(group)} | ({"declarations": "snake"} if snake else {})
    tool = Tool(given.need("name", given.text("name")), given.text("description"))
    raw = given.raw("parameters")
    if raw is not None:
        form["parameters"] = wire.one_line(raw)
        tool.parameters = json_schema(wire.decode(raw))
    else:
        tool.parameters = given.document("parametersJsonSchema")
    tool.extra = given.extra(form=form)
    return tool


def _choice(given: Given, request: Request, form: dict[str, str]) -> None:
    value = given.raw("toolConfig")
    if value is None:
        return
    form["toolConfig"] = wire.one_line(value)
    config = Given(value, "toolConfig")
    calling = config.inner("functionCallingConfig")
    if calling is not None:
        mode, names = calling.text("mode"), calling.take("allowedFunctionNames", _DECODERS["stop"])
        if mode in _MODES:
            wanted = _MODES[mode]
            if mode == "ANY" and isinstance(names, list) and len(names) == 1:
                request.tool_choice = ToolChoice("named", names[0])
            else:
                request.tool_choice = ToolChoice(wanted, allowed=names or None)  # type: ignore[arg-type]
        elif mode not in (None, "MODE_UNSPECIFIED"):
            raise calling.refuse("mode", f"expected one of {', '.join(_MODES)}, got {str(mode)[:50]!r}.")
        if mode == "VALIDATED":
            for tool in request.tools or ():
                tool.strict = True
        config.keep("functionCallingConfig", calling)
    given.keep("toolConfig", config)


def _tier(given: Given, form: dict[str, str]) -> str | None:
    said = given.text("serviceTier")
    if said is None:
        return None
    form["serviceTier"] = said
    word = said.lower().removeprefix("service_tier_")
    return _TIERS.get(word, word)


def _config(given: Given, request: Request, form: dict[str, str]) -> None:
    config = given.inner("generationConfig")
    if config is None:
        return
    form["generationConfig"] = "given"
    for neutral, name in CONFIG.items():
        if neutral != "top_k":
            setattr(request, neutral, config.take(name, _DECODERS[neutral]))
    _top_k(config, request, form)
    _format(config, request, form)
    _thinking(config, request, form)
    modalities = config.rest.get("responseModalities")
    if modalities is not None and wire.decode(modalities) in (["TEXT"], ["text"], [1]):
        form["responseModalities"] = wire.one_line(config.rest.pop("responseModalities"))
    given.keep("generationConfig", config)


def _top_k(config: Given, request: Request, form: dict[str, str]) -> None:
    raw = config.rest.get("topK")
    value = config.take("topK", _number)
    if value is not None and value.is_integer():
        request.top_k = int(value)
    elif raw is not None and raw != wire.NULL:
        config.rest["topK"] = raw  # no other provider takes a fraction


def _format(config: Given, request: Request, form: dict[str, str]) -> None:
    mime = config.text("responseMimeType")
    own, schema = config.raw("responseSchema"), config.document("responseJsonSchema")
    if mime is not None:
        form["responseMimeType"] = mime
    if own is not None:
        form["responseSchema"] = wire.one_line(own)
    if mime not in (None, "application/json", "text/plain"):
        config.rest["responseMimeType"] = Raw(wire.encode(mime))
        if own is not None:
            config.rest["responseSchema"] = own
        return
    if own is not None or schema is not None:
        said = json_schema(wire.decode(own)) if own is not None else schema
        request.format = Format("json_schema", schema=said, strict=promised(said))
        if own is not None:
            form["at.format"] = form["at.format.schema"] = config.path("responseSchema")
    elif mime is not None:
        request.format = Format("json_object" if mime == "application/json" else "text")


def _thinking(config: Given, request: Request, form: dict[str, str]) -> None:
    value = config.raw("thinkingConfig")
    if value is None:
        return
    form["thinkingConfig"] = wire.one_line(value)
    wish = Given(value, config.path("thinkingConfig"))
    request.thoughts = wish.flag("includeThoughts")
    budget, level = wish.take("thinkingBudget", _int), wish.text("thinkingLevel")
    if budget is not None:
        request.thinking = "auto" if budget < 0 else "on" if budget else "off"
        request.thinking_budget = budget if budget > 0 else None
    word = level.lower().removeprefix("thinking_level_") if level is not None else ""
    if word and word != "unspecified":
        request.effort = word
    config.keep("thinkingConfig", wish)


def _mend(request: Request) -> None:
    """Put together what clients keep apart: each piece of a streamed answer comes back as a content of its own."""
    shift = request.extra is not None and "system" in request.extra.form
    joined: list[Message] = []
    for index, message in enumerate(request.messages):
        before = joined[-1] if joined else None
        if before is not None and before.role == message.role == "assistant" and message.extra is None:
            sizes = before.extra.form.get("contents") if before.extra is not None else None
            if sizes is not None or before.extra is None or before.extra.form.keys() == {"at"}:
                _spell(before, "contents", f"{sizes or len(before.parts)},{len(message.parts)}")
                before.parts += message.parts
                continue
        if len(joined) < index and message.role != "system":
            _spell(message, "at", f"contents[{index - shift}]")
        joined.append(message)
    request.messages = joined
    for message in joined:
        if any(isinstance(part, Thinking) and part.source not in (None, NAME) for part in message.parts):
            message.parts = _together(message.parts)
            if message.extra is not None:
                message.extra.form.pop("contents", None)


def _together(parts: list[Part]) -> list[Part]:
    """Join the pieces of a thought that another provider signed: its proof is good for the whole text only."""
    found: list[Part] = []
    for part in parts:
        last = found[-1] if found else None
        if (
            isinstance(part, Thinking)
            and isinstance(last, Thinking)
            and not is_proof(part)
            and last.signature is last.redacted is None
        ):
            part.text = last.text + part.text
            found.pop()
        found.append(part)
    return found
