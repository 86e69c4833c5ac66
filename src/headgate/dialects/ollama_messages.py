"""Writes the messages of an Ollama chat request from the neutral form: texts, and beside them bytes of images."""

import base64
from typing import Any

import msgspec

from headgate.core.chat import Audio, File, Image, Message, Part, Refusal, Request, Text, Thinking, ToolCall, ToolResult
from headgate.core.errors import BadRequest
from headgate.dialects import wire
from headgate.dialects.call_input import as_sent
from headgate.dialects.contract import ollama_chat as column
from headgate.dialects.fit import RAW, Fit, merge, message_path, part_path, result_path
from headgate.dialects.ollama_words import NAME
from headgate.dialects.wire import ODD

Numbered = list[tuple[int, Part]]
_RULES = column.NEUTRAL


def write_messages(request: Request, fit: Fit) -> list[dict[str, Any]]:
    """Write the conversation, the system's part included."""
    names = {part.id: part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)}
    written: list[dict[str, Any]] = []
    for index, message in enumerate(request.messages):
        if not message.parts and message.role != "assistant" and not fit.same:
            continue  # an empty system text
        written += _message(message, message_path(fit.source, request, index), names, fit)
    return written


def _message(message: Message, at: str, names: dict[str, str], fit: Fit) -> list[dict[str, Any]]:
    """Write one message, or several: each tool result is a message of its own, and goes first."""
    form = message.extra.form if message.extra is not None and fit.same else {}
    leftover = fit.leftover(message.extra, at)
    if message.name is not None:
        fit.leave(_RULES["messages.name"], f"{at}.name")
    written: list[dict[str, Any]] = []
    rest: Numbered = []
    for index, part in enumerate(message.parts):
        if isinstance(part, ToolResult):
            written.append(_result(part, part_path(fit.source, at, message, index), names, form, fit))
        else:
            rest.append((index, part))
    if fit.same and written:  # images and thoughts that came with a result
        merge(written[-1], _body(message, rest, at, {"content": "absent"}, fit))
    elif rest or not written:
        role = {"tool": "user", "developer": "system"}.get(message.role, message.role)
        written.append({"role": role, **_body(message, rest, at, form, fit)})
    merge(written[-1], leftover)
    return written


def _body(message: Message, parts: Numbered, at: str, form: dict[str, str], fit: Fit) -> dict[str, Any]:
    """Write everything of a message but its tool results."""
    body: dict[str, Any] = {}
    texts: list[str] = []
    for index, part in parts:
        path = part_path(fit.source, at, message, index)
        if isinstance(part, ToolCall):
            call = _call(part, len(body.get("tool_calls", ())), path, fit)
            if call is not None:
                body.setdefault("tool_calls", []).append(call)
        elif isinstance(part, Thinking):
            if _thought(part, path, fit):
                body["thinking"] = body.get("thinking", "") + part.text
        elif isinstance(part, Image):
            data = _image(part, path, fit)
            if data is not None:
                body.setdefault("images", []).append(data)
        else:
            said = _text(part, path, fit)
            if said is not None:
                texts.append(said)
    if texts:
        body["content"] = "\n".join(texts)
    elif form.get("content") != "absent":
        body["content"] = None if form.get("content") == "null" else ""
    return body


def _thought(part: Thinking, path: str, fit: Fit) -> bool:
    """Tell whether a thought goes along: text does, a proof of another provider's (or what is only that) does not."""
    foreign = part.source not in (None, NAME) or part.redacted is not None or part.signature is not None
    if foreign or not (part.text or fit.same):
        fit.ignore(path)
        return False
    fit.leftover(part.extra, path, "type", "format", "index", "id")  # how the thoughts of a chat are numbered
    return True


def _call(part: ToolCall, index: int, path: str, fit: Fit) -> dict[str, Any] | None:
    if part.extra is not None and part.extra.form.get("part") == RAW:
        fit.leave(_RULES["tools.custom"], path)
        return None
    form = part.extra.form if part.extra is not None and fit.same else {}
    function: dict[str, Any] = {"name": part.name} if fit.same else {"index": index, "name": part.name}
    if form.get("arguments") != "absent":
        function["arguments"] = _object(part, path, fit)
    call: dict[str, Any] = {} if form.get("id") == "absent" else {"id": part.id}
    if form.get("type") == "given":
        call["type"] = "function"
    call["function"] = function
    _unmarked(part, path, fit)
    merge(call, fit.leftover(part.extra, path))
    return call


def _object(part: ToolCall, path: str, fit: Fit) -> Any:
    """The arguments of a call as an object; raise ``BadRequest`` where a model wrote none."""
    text = part.arguments
    if (sent := as_sent(part)) is not None:
        return sent
    if not text.strip():
        return {}
    raw = text.encode("utf-8", "surrogatepass")
    if not fit.same:  # from a client of this API they have come as JSON
        try:
            wire.members(raw)
        except ODD:
            where = f"{path}.function.arguments"
            raise BadRequest(
                f"'{where}' is not a JSON object, which is what this model's API takes.",
                code="invalid_value",
                param=where,
            ) from None
    return msgspec.Raw(raw)


def _result(part: ToolResult, path: str, names: dict[str, str], form: dict[str, str], fit: Fit) -> dict[str, Any]:
    fit.leftover(part.extra, path)
    _unmarked(part, path, fit)
    texts = []
    for index, one in enumerate(part.parts):
        inner = result_path(fit.source, path, index)
        if isinstance(one, Image):
            fit.leave(_RULES["parts.tool_result_image"], inner)
        elif (said := _text(one, inner, fit)) is not None:
            texts.append(said)
    content = "\n".join(texts)
    result: dict[str, Any] = {"role": "tool", "content": f"Error: {content}" if part.is_error else content}
    if form.get("content") in ("absent", "null"):
        result["content"] = None
    if form.get("tool_call_id") != "absent":
        result["tool_call_id"] = part.call_id
    if not fit.same and part.call_id in names:
        result["tool_name"] = names[part.call_id]
    return result


def _text(part: Part, path: str, fit: Fit) -> str | None:
    """Return what a part says; ``None`` where it was left out."""
    if isinstance(part, Text) and part.extra is not None and part.extra.form.get("part") == RAW:
        fit.refuse(path)
        return None
    if isinstance(part, File):
        return _file(part, path, fit)
    if isinstance(part, Audio):
        fit.leave(_RULES["parts.audio"], path)
        return None
    if not isinstance(part, Text | Refusal):  # a call or a result inside of a result, which no dialect has
        fit.refuse(path)
        return None
    if isinstance(part, Text) and part.citations and not fit.same:
        fit.leave(_RULES["parts.citations"], fit.inner(path, "parts.citations"))
    _unmarked(part, path, fit)
    fit.leftover(part.extra, path)
    return part.text


def _unmarked(part: Part, path: str, fit: Fit) -> None:
    """Leave a cache marker out, and say so."""
    if getattr(part, "cache", None) is not None:
        fit.leave(_RULES["parts.cache"], fit.inner(path, "parts.cache"))


def _image(part: Image, path: str, fit: Fit) -> str | None:
    if part.detail not in (None, "auto"):
        fit.ignore(fit.inner(path, "parts.detail"))
    if part.data is None:
        fit.leave(_RULES["parts.image_url"], path)
        return None
    _unmarked(part, path, fit)
    fit.leftover(part.extra, path)
    return part.data


def _file(part: File, path: str, fit: Fit) -> str | None:
    if part.data is None or part.media_type != "text/plain":
        row = "file" if part.data is not None else "file_id" if part.file_id is not None else "file_url"
        fit.leave(_RULES[f"parts.{row}"], path)
        return None
    try:
        said = base64.b64decode(part.data).decode("utf-8", "surrogatepass")
    except ValueError:
        fit.refuse(path, "The text must be base64 of UTF-8")
        return None
    _unmarked(part, path, fit)
    fit.leftover(part.extra, path)
    return f"{part.name}\n\n{said}" if part.name else said
