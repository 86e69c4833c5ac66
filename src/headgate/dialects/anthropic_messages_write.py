"""Writes the system text and the messages of a Messages request from the neutral form."""

import base64
import re
from hashlib import blake2b
from typing import Any

import msgspec

from headgate.core.chat import (
    Audio,
    Cache,
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
from headgate.core.errors import BadRequest
from headgate.dialects import wire
from headgate.dialects.anthropic_words import NAME
from headgate.dialects.call_input import as_sent
from headgate.dialects.contract import anthropic_messages as column
from headgate.dialects.fit import RAW, Fit, merge, message_path, part_path, plain, result_path
from headgate.dialects.wire import ODD

Block = dict[str, Any]
_ID = re.compile(r"[A-Za-z0-9_-]+").fullmatch
_SYSTEM = ("system", "developer")


def write_messages(body: dict[str, Any], request: Request, fit: Fit) -> None:
    """Put ``system`` and ``messages`` into *body*.

    System messages that lead become ``system``; later ones stay where they are, which newer models take. Tool results
    that follow each other become one message, as one turn's results have to come together.
    """
    messages = fit.conversation(request)
    if fit.same:
        leading = 1 if request.extra is not None and "system" in request.extra.form else 0
    else:
        leading = next((i for i, m in enumerate(messages) if m.role not in _SYSTEM), len(messages))
    system: list[Block] = []
    for index, message in enumerate(messages[:leading]):
        at = message_path(fit.source, request, index)
        _told(message, at, fit)
        system += _blocks(message, at, fit)
    if leading:
        text = plain(messages[0].parts) if leading == 1 else None
        listed = fit.form(messages[0].extra, "content") == "list"
        body["system"] = system if text is None or listed or len(system) != 1 else text
        if not system and not fit.same:
            del body["system"]
    turns: list[Block] = []
    for index, message in enumerate(messages[leading:], leading):
        turn = _turn(message, message_path(fit.source, request, index), fit)
        if turn is None:
            continue
        before = turns[-1] if turns else None
        if before is not None and message.role == "tool" and messages[index - 1].role == "tool":
            before["content"] += turn["content"]
        else:
            turns.append(turn)
    body["messages"] = turns


def _turn(message: Message, at: str, fit: Fit) -> Block | None:
    role = {"tool": "user", "developer": "system"}.get(message.role, message.role)
    if message.extra is not None and message.extra.form.get("role") == "function" and not fit.same:
        fit.refuse(at, "Send tool calls and their results instead")
        return None
    if role == "system" and not fit.same and not fit.to.profile.system_midway:
        fit.leave(column.NEUTRAL["messages.system_midway"], at)
        return None
    leftover = _told(message, at, fit)
    blocks = _blocks(message, at, fit)
    text = plain(message.parts)
    turn: Block = {"role": role, "content": blocks}
    if text is not None and fit.form(message.extra, "content") != "list" and len(blocks) == 1:
        turn["content"] = text
    elif not blocks and not fit.same:
        if role == "assistant":
            return None  # it says nothing, and the API takes no empty turn
        turn["content"] = ""
    merge(turn, leftover)
    return turn


def _told(message: Message, at: str, fit: Fit) -> Block:
    """Tell what is left out of what a message says beside its content; return what is carried."""
    if message.name is not None:
        fit.leave(column.NEUTRAL["messages.name"], f"{at}.name")
    return fit.leftover(message.extra, at)


def _blocks(message: Message, at: str, fit: Fit) -> list[Block]:
    written: list[Block] = []
    for index, part in enumerate(message.parts):
        if isinstance(part, Text) and not part.text and part.extra is None and not fit.same and len(message.parts) > 1:
            continue  # the API takes no empty text
        block = _block(part, part_path(fit.source, at, message, index), fit)
        if block is not None:
            written.append(block)
    return written


def _block(part: Part, path: str, fit: Fit) -> Block | None:
    """Write one block; ``None`` where it was left out."""
    if isinstance(part, Text | ToolCall) and part.extra is not None and part.extra.form.get("part") == RAW:
        return fit.raw(part.extra, path)
    block: Block | None
    if isinstance(part, Text):
        block = {"type": "text", "text": part.text}
        if part.citations:
            _cite(block, part.citations, path, fit)
    elif isinstance(part, Refusal):
        block = {"type": "text", "text": part.text}
    elif isinstance(part, Thinking):
        return _thinking(part, path, fit)
    elif isinstance(part, ToolCall):
        block = {"type": "tool_use", "id": fitting(part.id, fit), "name": part.name, "input": _input(part, path, fit)}
    elif isinstance(part, ToolResult):
        block = _result(part, path, fit)
    elif isinstance(part, Image):
        block = _image(part, path, fit)
    elif isinstance(part, File):
        block = _document(part, path, fit)
    else:
        fit.leave(column.NEUTRAL["parts.audio"], path)
        return None
    if block is not None:
        if not isinstance(part, Refusal | Audio) and part.cache is not None:
            block["cache_control"] = marker(part.cache)
        merge(block, fit.leftover(part.extra, path))
    return block


def marker(ttl: Cache) -> Block:
    """Write a cache marker."""
    return {"type": "ephemeral", "ttl": ttl} if ttl else {"type": "ephemeral"}


def fitting(id_: str, fit: Fit) -> str:
    """Return the id of a tool call, or for one with characters that the API refuses another: always the same."""
    if fit.same or _ID(id_) is not None:
        return id_
    return "hg_" + blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _cite(block: Block, citations: list[Citation], path: str, fit: Fit) -> None:
    """Put back the citations that the API itself gave; others it would not believe."""
    own = [one.extra.fields for one in citations if one.extra is not None and one.extra.dialect == NAME]
    if own:
        block["citations"] = own
    if len(own) != len(citations):
        fit.leave(column.NEUTRAL["parts.citations"], fit.inner(path, "parts.citations"))


def _thinking(part: Thinking, path: str, fit: Fit) -> Block | None:
    """Write reasoning back with its proof; without one, or with another provider's, the API would refuse it."""
    if part.source != NAME:
        fit.ignore(path)
        return None
    if part.redacted is not None:
        block: Block = {"type": "redacted_thinking", "data": part.redacted}
    elif part.signature is not None or fit.same:
        block = {"type": "thinking", "thinking": part.text}
        if part.signature is not None:
            block["signature"] = part.signature
    else:
        fit.ignore(path)
        return None
    merge(block, fit.own(part.extra))
    return block


def _input(part: ToolCall, path: str, fit: Fit) -> Any:
    text = part.arguments
    if fit.form(part.extra, "input") == "text":
        return text
    if (sent := as_sent(part)) is not None:
        return sent
    if not text.strip():
        return {}
    try:
        wire.members(text.encode())
    except ODD:
        where = fit.inner(path, "parts.arguments")
        raise BadRequest(
            f"'{where}' is not a JSON object, which is what this model's API takes.", code="invalid_value", param=where
        ) from None
    return msgspec.Raw(text.encode())


def _result(part: ToolResult, path: str, fit: Fit) -> Block:
    block: Block = {"type": "tool_result", "tool_use_id": fitting(part.call_id, fit)}
    text = plain(part.parts)
    if text is not None and fit.form(part.extra, "content") != "list":
        block["content"] = text
    elif part.parts or fit.form(part.extra, "content") != "absent":
        inner = [_block(one, result_path(fit.source, path, i), fit) for i, one in enumerate(part.parts)]
        block["content"] = [one for one in inner if one is not None]
        if not block["content"] and not fit.same:
            block["content"] = ""
    if part.is_error or fit.form(part.extra, "is_error") is not None:
        block["is_error"] = part.is_error
    return block


def _image(part: Image, path: str, fit: Fit) -> Block | None:
    if part.detail not in (None, "auto"):
        fit.ignore(fit.inner(path, "parts.detail"))
    if part.data is not None:
        return {"type": "image", "source": {"type": "base64", "media_type": part.media_type, "data": part.data}}
    if part.url is None:
        if fit.same:
            return {"type": "image"}
        fit.refuse(path, "Send the image's URL or bytes instead")
        return None
    if part.url.startswith("data:") and not fit.same:
        fit.refuse(fit.inner(path, "parts.image_url"), "A data URL must be of the form data:image/png;base64,...")
        return None
    return {"type": "image", "source": {"type": "url", "url": part.url}}


def _document(part: File, path: str, fit: Fit) -> Block | None:
    source: Block | None = None
    if part.data is not None and (fit.form(part.extra, "source") == "text" or part.media_type == "text/plain"):
        try:
            said = base64.b64decode(part.data).decode("utf-8", "surrogatepass")
        except ValueError:
            fit.refuse(path, "The text must be base64 of UTF-8")
            return None
        source = {"type": "text", "media_type": part.media_type, "data": said}
    elif part.data is not None and part.media_type is not None:
        source = {"type": "base64", "media_type": part.media_type, "data": part.data}
    elif part.url is not None:
        source = {"type": "url", "url": part.url}
    elif fit.same and part.file_id is not None:
        source = {"type": "file", "file_id": part.file_id}
    elif not fit.same:
        row = "parts.file_id" if part.file_id is not None else "parts.file"
        fit.leave(column.NEUTRAL["parts.file_id"], fit.inner(path, row))
        return None
    block: Block = {"type": "document"}
    if source is not None:
        block["source"] = source
    if part.name is not None:
        block["title"] = part.name
    return block
