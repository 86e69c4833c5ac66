"""Writes the messages of a Cohere chat request from the neutral form."""

import base64
from typing import Any

from headgate.core.chat import (
    Audio,
    Citation,
    File,
    Image,
    Message,
    Part,
    Refusal,
    Request,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from headgate.dialects.cohere_words import NAME, is_plan
from headgate.dialects.contract import cohere_chat as column
from headgate.dialects.fit import RAW, Fit, merge, message_path, part_path, plain, result_path

Numbered = list[tuple[int, Part]]
_RULES = column.NEUTRAL


def write_messages(request: Request, fit: Fit) -> list[dict[str, Any]]:
    """Write the conversation, the system's part included."""
    written: list[dict[str, Any]] = []
    for index, message in enumerate(request.messages):
        if not message.parts and message.role != "assistant" and not fit.same:
            continue  # an empty system text
        written += _message(message, message_path(fit.source, request, index), fit)
    return written


def _message(message: Message, at: str, fit: Fit) -> list[dict[str, Any]]:
    """Write one message, or several: each tool result is a message of its own, and goes first."""
    form = message.extra.form if message.extra is not None and fit.same else {}
    leftover = fit.leftover(message.extra, at)
    if message.name is not None:
        fit.leave(_RULES["messages.name"], f"{at}.name")
    written: list[dict[str, Any]] = []
    rest: Numbered = []
    for index, part in enumerate(message.parts):
        if isinstance(part, ToolResult):
            written.append(_result(part, part_path(fit.source, at, message, index), form, fit))
        else:
            rest.append((index, part))
    if rest or not written:
        role = {"tool": "user", "developer": "system"}.get(message.role, message.role)
        one = {"role": role, **_body(message, rest, at, form, fit)}
        silent = "tool_calls" in one if not fit.same else form.get("content") != "empty"
        if "content" not in one and not silent:
            one["content"] = ""
        written.append(one)
    merge(written[-1], leftover)
    return written


def _body(message: Message, parts: Numbered, at: str, form: dict[str, str], fit: Fit) -> dict[str, Any]:
    """Write everything of a message but its tool results."""
    body: dict[str, Any] = {}
    content: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    citations: list[dict[str, Any]] = []
    called = any(isinstance(part, ToolCall) for _, part in parts)
    for index, part in parts:
        path = part_path(fit.source, at, message, index)
        if isinstance(part, ToolCall):
            call = _call(part, path, fit)
            if call is not None:
                calls.append(call)
        elif isinstance(part, Thinking):
            if _thought(part, path, fit):
                if is_plan(part) if fit.same else called:
                    body["tool_plan"] = body.get("tool_plan", "") + part.text
                else:
                    content.append({"type": "thinking", "thinking": part.text})
        else:
            block = _block(part, path, fit)
            if block is not None:
                citations += _cited(part, path, fit)
                content.append(block)
    if content or form.get("content") == "list":
        only = content[0] if len(content) == 1 and form.get("content") != "list" else {}
        body["content"] = only["text"] if only.keys() == {"type", "text"} else content
    if calls:
        body["tool_calls"] = calls
    if citations:
        body["citations"] = citations
    return body


def _thought(part: Thinking, path: str, fit: Fit) -> bool:
    """Tell whether a thought goes along: text does, a proof of another provider's (or what is only that) does not."""
    foreign = part.source not in (None, NAME) or part.redacted is not None or part.signature is not None
    if foreign or not (part.text or fit.same):
        fit.ignore(path)
        return False
    fit.leftover(part.extra, path, "type", "format", "index", "id")  # how the thoughts of a chat are numbered
    return True


def _call(part: ToolCall, path: str, fit: Fit) -> dict[str, Any] | None:
    if part.extra is not None and part.extra.form.get("part") == RAW:
        fit.leave(_RULES["tools.custom"], path)
        return None
    call: dict[str, Any] = {"id": part.id, "type": "function"}
    if fit.form(part.extra, "type") == "absent":
        del call["type"]
    call["function"] = {"name": part.name, "arguments": part.arguments or "{}"}
    if fit.same:
        call["function"]["arguments"] = part.arguments
    _unmarked(part, path, fit)
    merge(call, fit.leftover(part.extra, path))
    return call


def _result(part: ToolResult, path: str, form: dict[str, str], fit: Fit) -> dict[str, Any]:
    fit.leftover(part.extra, path)
    _unmarked(part, path, fit)
    said = plain(part.parts)
    content: Any = said
    if said is None or form.get("content") == "list":
        blocks = []
        for index, one in enumerate(part.parts):
            inner = result_path(fit.source, path, index)
            if isinstance(one, Image) and not fit.same:
                fit.leave(_RULES["parts.tool_result_image"], inner)
            elif (block := _block(one, inner, fit)) is not None:
                blocks.append(block)
        content = blocks or ([] if form.get("content") == "list" else "")
    if part.is_error:  # there is no field for it
        content = f"Error: {content}" if isinstance(content, str) else [{"type": "text", "text": "Error:"}, *content]
    return {"role": "tool", "tool_call_id": part.call_id, "content": content}


def _block(part: Part, path: str, fit: Fit) -> dict[str, Any] | None:
    """Write one part of a message's content; ``None`` where it was left out."""
    if isinstance(part, Text) and part.extra is not None and part.extra.form.get("part") == RAW:
        if fit.same:
            return part.extra.fields
        fit.refuse(path)
        return None
    block: dict[str, Any] | None
    if isinstance(part, Text | Refusal):
        block = {"type": "text", "text": part.text}
    elif isinstance(part, Image):
        block = _image(part, path, fit)
    elif isinstance(part, File):
        block = _file(part, path, fit)
    elif isinstance(part, Audio):
        fit.leave(_RULES["parts.audio"], path)
        block = None
    else:  # a call or a result inside of a result, which no dialect has
        fit.refuse(path)
        block = None
    if block is not None:
        _unmarked(part, path, fit)
        merge(block, fit.leftover(part.extra, path))
    return block


def _unmarked(part: Part, path: str, fit: Fit) -> None:
    """Leave a cache marker out, and say so."""
    if getattr(part, "cache", None) is not None:
        fit.leave(_RULES["parts.cache"], fit.inner(path, "parts.cache"))


def _image(part: Image, path: str, fit: Fit) -> dict[str, Any] | None:
    if part.url is None and part.data is None:
        fit.refuse(path, "Send the image's URL or bytes instead")
        return None
    url = part.url if part.url is not None else f"data:{part.media_type};base64,{part.data}"
    return {"type": "image_url", "image_url": {"url": url} | ({"detail": part.detail} if part.detail else {})}


def _file(part: File, path: str, fit: Fit) -> dict[str, Any] | None:
    if part.data is not None and part.media_type == "text/plain":
        try:
            said = base64.b64decode(part.data).decode("utf-8", "surrogatepass")
        except ValueError:
            fit.refuse(path, "The text must be base64 of UTF-8")
            return None
        return {"type": "text", "text": f"{part.name}\n\n{said}" if part.name else said}
    row = "parts.file" if part.data is not None else "parts.file_id" if part.file_id is not None else "parts.file_url"
    fit.leave(_RULES[row], path)
    return None


def _cited(part: Part, path: str, fit: Fit) -> list[dict[str, Any]]:
    if not isinstance(part, Text) or not part.citations:
        return []
    if fit.same:
        return [written for one in part.citations if (written := printed(one, part.text))]
    fit.leave(_RULES["parts.citations"], fit.inner(path, "parts.citations"))
    return []


def printed(one: Citation, said: str) -> dict[str, Any]:
    """Print a citation of the text *said*: one of our own as it came."""
    if one.extra is not None and one.extra.dialect == NAME:
        return one.extra.fields
    shown = {"title": one.title, "url": one.url, "snippet": one.quote}
    document = {name: value for name, value in shown.items() if value is not None}
    start = 0 if one.start is None else one.start
    end = len(said) if one.end is None else one.end
    source = {"type": "document", "id": one.source or one.url or "", "document": document}
    return {"start": start, "end": end, "text": said[start:end], "sources": [source], "type": "TEXT_CONTENT"}
