"""Writes the messages of a Chat Completions request from the neutral form."""

import base64
from typing import Any

from headgate.core.chat import (
    Audio,
    Cache,
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
from headgate.dialects.contract import Rules
from headgate.dialects.fit import RAW, Fit, merge, message_path, part_path, plain, result_path
from headgate.dialects.openai_words import FORMATS, NAME


def write_messages(request: Request, fit: Fit, rules: Rules) -> list[dict[str, Any]]:
    """Write the conversation, the system's part included."""
    written: list[dict[str, Any]] = []
    for index, message in enumerate(request.messages):
        if not message.parts and message.role == "system" and not fit.same:
            continue
        written += _message(message, message_path(fit.source, request, index), fit, rules)
    return written


def _message(message: Message, at: str, fit: Fit, rules: Rules) -> list[dict[str, Any]]:
    """Write one message, or several: each tool result is a message of its own, and goes first."""
    form = message.extra.form if message.extra is not None and fit.same else {}
    leftover = fit.leftover(message.extra, at)
    written: list[dict[str, Any]] = []
    rest: list[tuple[int, Part]] = []
    for index, part in enumerate(message.parts):
        if isinstance(part, ToolResult):
            written.append(_result(part, part_path(fit.source, at, message, index), form, fit, rules))
        else:
            rest.append((index, part))
    if rest or not written:
        role = "user" if message.role == "tool" and rest else message.role
        one = {"role": role, **_body(message, rest, at, fit, rules)}
        if "content" not in one and form.get("content") != "absent":
            silent = form.get("content") != "empty" and role == "assistant" and (fit.same or "tool_calls" in one)
            one["content"] = None if silent else ""
        written.append(one)
    if message.name is not None:
        if fit.same or rules["messages.name"].act == "same":
            written[-1]["name"] = message.name
        else:
            fit.leave(rules["messages.name"], f"{at}.name")
    if form.get("role") == "function":
        written[-1]["role"] = "function"
        del written[-1]["tool_call_id"]
    merge(written[-1], leftover)
    return written


def _body(message: Message, parts: list[tuple[int, Part]], at: str, fit: Fit, rules: Rules) -> dict[str, Any]:
    """Write everything of a message but its tool results."""
    form = message.extra.form if message.extra is not None and fit.same else {}
    body: dict[str, Any] = {}
    content: list[Any] = []
    calls: list[dict[str, Any]] = []
    thoughts: list[Thinking] = []
    for index, part in parts:
        path = part_path(fit.source, at, message, index)
        if isinstance(part, ToolCall):
            call = _call(part, path, fit, rules)
            if call is not None:
                calls.append(call)
        elif isinstance(part, Thinking):
            if fit.same:
                thoughts.append(part)
            else:
                fit.leave(rules["parts.thinking"], path)
        elif isinstance(part, Refusal) and form.get("refusal") == "message":
            body["refusal"] = part.text
        else:
            block = _block(part, path, fit, rules)
            if block is not None:
                content.append(block)
    if content or form.get("content") == "list":
        only = content[0] if len(content) == 1 and form.get("content") != "list" else {}
        body["content"] = only["text"] if only.keys() == {"type", "text"} else content
    if thoughts:
        _think(body, thoughts, form)
    if calls:
        body["tool_calls"] = calls
    return body


def _think(body: dict[str, Any], thoughts: list[Thinking], form: dict[str, str]) -> None:
    spelt = form.get("reasoning", "details")
    if spelt == "details":
        body["reasoning_details"] = [detail(one, None) for one in thoughts]
    else:
        body[spelt] = "".join(one.text for one in thoughts)


def detail(part: Thinking, index: int | None) -> dict[str, Any]:
    """Write one item of ``reasoning_details``, in the form that OpenRouter made common."""
    item: dict[str, Any] = {}
    data, id_ = (part.redacted, part.id) if part.of is None else (part.signature, part.of)
    if part.extra is None:
        item["type"] = "reasoning.text" if data is None else "reasoning.encrypted"
    if part.text:
        summed = data is not None or (part.extra is not None and part.extra.form.get("text") == "summary")
        item["summary" if summed else "text"] = part.text
    if data is not None:
        item["data"] = data
    if part.signature is not None and part.of is None:
        item["signature"] = part.signature
    if id_ is not None:
        item["id"] = id_
    if part.source is not None:
        item["format"] = FORMATS.get(part.source, part.source)
    if index is not None:
        item["index"] = index
    if part.extra is not None and part.extra.dialect == NAME:
        item.update(part.extra.fields)
    return item


def _call(part: ToolCall, path: str, fit: Fit, rules: Rules) -> dict[str, Any] | None:
    if part.extra is not None and part.extra.form.get("part") == RAW:
        return fit.raw(part.extra, path)
    call: dict[str, Any] = {"id": part.id, "type": "function"}
    if fit.form(part.extra, "type") == "absent":
        del call["type"]
    if part.cache is not None:
        fit.leave(rules["tools.cache"], fit.inner(path, "parts.cache"))
    call["function"] = {"name": part.name, "arguments": part.arguments}
    merge(call, fit.leftover(part.extra, path))
    return call


def _result(part: ToolResult, path: str, form: dict[str, str], fit: Fit, rules: Rules) -> dict[str, Any]:
    fit.leftover(part.extra, path)
    said = plain(part.parts) if part.cache is None else None
    content: Any = said
    if said is None or form.get("content") == "list":
        blocks = []
        for index, one in enumerate(part.parts):
            inner = result_path(fit.source, path, index)
            if fit.same or isinstance(one, Text):
                block = _block(one, inner, fit, rules)
                if block is not None:
                    blocks.append(block)
            else:
                fit.leave(rules["parts.tool_result_image"], inner)
        if part.cache is not None and blocks:
            _mark(blocks[-1], part.cache, path, fit, rules)
        only = blocks[0] if len(blocks) == 1 and form.get("content") != "list" else {}
        content = only["text"] if only.keys() == {"type", "text"} else blocks
        if not blocks and form.get("content") != "list":
            content = ""
        if form.get("content") == "absent" or (not blocks and "content" not in form and fit.same):
            content = None
    if part.is_error:  # there is no field for it
        content = f"Error: {content}" if isinstance(content, str) else [{"type": "text", "text": "Error:"}, *content]
    return {"role": "tool", "tool_call_id": part.call_id, "content": content}


def _block(part: Part, path: str, fit: Fit, rules: Rules) -> dict[str, Any] | None:
    """Write one part of a message's content; ``None`` where it was left out."""
    if isinstance(part, Text) and part.extra is not None and part.extra.form.get("part") == RAW:
        return fit.raw(part.extra, path)
    block: dict[str, Any] | None
    if isinstance(part, Text):
        block = {"type": "text", "text": part.text}
        if part.citations:
            fit.leave(rules["parts.citations"], fit.inner(path, "parts.citations"))
    elif isinstance(part, Refusal):
        block = {"type": "refusal", "refusal": part.text}
    elif isinstance(part, Image):
        block = _image(part, path, fit)
    elif isinstance(part, Audio):
        block = {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
    else:
        assert isinstance(part, File)
        block = _file(part, path, fit, rules)
    if block is not None:
        if isinstance(part, Text | Image | File) and part.cache is not None:
            _mark(block, part.cache, path, fit, rules, spelt=fit.form(part.extra, "cache"))
        merge(block, fit.leftover(part.extra, path))
    return block


def _mark(block: dict[str, Any], ttl: Cache, path: str, fit: Fit, rules: Rules, spelt: str | None = None) -> None:
    """Put a cache marker into *block*, in Anthropic's form where the caller of this very API wrote it so."""
    if spelt is None and not fit.same and not fit.to.profile.cache_points:
        fit.ignore(fit.inner(path, "parts.cache"))
        return
    marker = {"mode": "explicit"} if spelt is None else {"type": "ephemeral"}
    block[spelt or "prompt_cache_breakpoint"] = marker | ({"ttl": ttl} if ttl else {})


def _image(part: Image, path: str, fit: Fit) -> dict[str, Any] | None:
    if part.url is None and part.data is None:
        fit.refuse(path, "Send the image's URL or bytes instead")
        return None
    url = part.url if part.url is not None else f"data:{part.media_type};base64,{part.data}"
    return {"type": "image_url", "image_url": {"url": url} | ({"detail": part.detail} if part.detail else {})}


def _file(part: File, path: str, fit: Fit, rules: Rules) -> dict[str, Any] | None:
    if fit.same:
        data = part.data if part.media_type is None else f"data:{part.media_type};base64,{part.data}"
        given = {"file_id": part.file_id, "file_data": data if part.data is not None else None, "filename": part.name}
        return {"type": "file", "file": {name: value for name, value in given.items() if value is not None}}
    if part.data is None:
        fit.leave(rules["parts.file_id" if part.url is None else "parts.file_url"], path)
        return None
    if part.media_type == "text/plain":  # there are no text documents; what it says fits into a text
        said = base64.b64decode(part.data).decode("utf-8", "surrogatepass")
        return {"type": "text", "text": f"{part.name}\n\n{said}" if part.name else said}
    data = f"data:{part.media_type};base64,{part.data}"
    return {"type": "file", "file": {"filename": part.name or "document.pdf", "file_data": data}}
