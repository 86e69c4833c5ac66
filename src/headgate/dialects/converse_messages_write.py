"""Writes the system text and the messages of a Converse request from the neutral form."""

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
from headgate.dialects.call_input import as_sent
from headgate.dialects.contract.bedrock_converse import NEUTRAL
from headgate.dialects.converse_media_write import Documents, carried, write_audio, write_image
from headgate.dialects.converse_words import NAME
from headgate.dialects.fit import RAW, Fit, merge, message_path, part_path, result_path
from headgate.dialects.wire import ODD

Block = dict[str, Any]
_SYSTEM = ("system", "developer")
_ID = re.compile(r"[a-zA-Z0-9_.:-]{1,64}")


def write_messages(body: dict[str, Any], request: Request, fit: Fit) -> None:
    """Put ``system`` and ``messages`` into *body*.

    System messages that lead become ``system``; later ones stay where they are, which some models take. Turns of one
    role that follow each other become one, since the API wants the roles to alternate and one turn's results together.
    """
    _Messages(request, fit).write(body)


class _Messages:
    """One conversation being written."""

    def __init__(self, request: Request, fit: Fit) -> None:
        self._request = request
        self._fit = fit
        self._messages = fit.conversation(request)
        self._documents = Documents()

    def write(self, body: dict[str, Any]) -> None:
        request, fit = self._request, self._fit
        own_system = request.extra is not None and "system" in request.extra.form
        if fit.same:
            leading = 1 if own_system else 0
        else:
            turns_ = (i for i, message in enumerate(self._messages) if message.role not in _SYSTEM)
            leading = next(turns_, len(self._messages))
        system: list[Block] = []
        for index in range(leading):
            self._told(self._messages[index], self._at(index))
            system += self._blocks(self._messages[index], self._at(index), system=True)
        if system or (fit.same and own_system):
            body["system"] = system
        turns: list[Block] = []
        for index in range(leading, len(self._messages)):
            turn = self._turn(self._messages[index], self._at(index))
            before = turns[-1] if turns else None
            if turn is None:
                continue
            if not fit.same and before is not None and before["role"] == turn["role"]:
                before["content"] += turn["content"]
            else:
                turns.append(turn)
        body["messages"] = turns

    def _at(self, index: int) -> str:
        return message_path(self._fit.source, self._request, index)

    def _turn(self, message: Message, at: str) -> Block | None:
        fit = self._fit
        if message.role in _SYSTEM and not fit.same and not fit.to.profile.system_midway:
            fit.leave(NEUTRAL["messages.system_midway"], at)
            return None
        if message.extra is not None and message.extra.form.get("role") == "function" and not fit.same:
            fit.refuse(at, "Send tool calls and their results instead")
            return None
        leftover = self._told(message, at)
        blocks = self._blocks(message, at)
        if not blocks and message.role == "assistant" and not fit.same:
            return None  # it says nothing, and the API takes no empty turn
        role = {"tool": "user", "developer": "system"}.get(message.role, message.role)
        turn: Block = {"role": role, "content": blocks}
        merge(turn, leftover)
        return turn

    def _told(self, message: Message, at: str) -> Block:
        """Tell what is left out of what a message says beside its content; return what is carried."""
        if message.name is not None:
            self._fit.leave(NEUTRAL["messages.name"], f"{at}.name")
        return self._fit.leftover(message.extra, at)

    def _blocks(self, message: Message, at: str, *, system: bool = False) -> list[Block]:
        fit = self._fit
        written: list[Block] = []
        for index, part in enumerate(message.parts):
            path = part_path(fit.source, at, message, index)
            if system and not fit.same and not isinstance(part, Text | Refusal):
                fit.refuse(path, "The system's part can only be text here")
                continue
            empty = isinstance(part, Text) and not part.text and part.extra is None and len(message.parts) > 1
            if not empty or fit.same:  # the API takes no empty text
                block = self._block(part, path)
                if block is not None:
                    written.append(block)
            cache = getattr(part, "cache", None)
            if cache is not None:
                points = cache_points(cache, path, "parts.cache", fit)
                written += points if written else []
        return written

    def _block(self, part: Part, path: str) -> Block | None:
        """Write one block; ``None`` where it was left out."""
        fit = self._fit
        if isinstance(part, Text | ToolCall) and part.extra is not None and part.extra.form.get("part") == RAW:
            return fit.raw(part.extra, path)
        block: Block | None
        if isinstance(part, Text):
            block = self._text(part, path)
        elif isinstance(part, Refusal):
            block = {"text": part.text}
        elif isinstance(part, Thinking):
            return self._thinking(part, path)
        elif isinstance(part, ToolCall):
            block = {"toolUse": {"toolUseId": tool_id(part.id), "name": part.name, "input": self._input(part, path)}}
        elif isinstance(part, ToolResult):
            block = self._result(part, path)
        elif isinstance(part, Image):
            block = write_image(part, path, fit)
        elif isinstance(part, Audio):
            block = write_audio(part, path, fit)
        else:
            block = self._documents.write(part, path, fit)
        if block is not None:
            merge_deep(block, fit.leftover(part.extra, path, *carried(part, fit)))
        return block

    def _text(self, part: Text, path: str) -> Block:
        fit, form = self._fit, part.extra.form.get("part") if part.extra is not None and self._fit.same else None
        if form == "json":
            return {"json": msgspec.Raw(part.text.encode())}
        if form == "citations":
            assert part.extra is not None
            spelt = part.extra.form.get("content")
            content = wire.decode(spelt.encode()) if spelt is not None else [{"text": part.text}]
            cited = None if part.citations is None else [_citation(one) for one in part.citations]
            given = {"content": content, "citations": cited}
            return {"citationsContent": {name: value for name, value in given.items() if value is not None}}
        if part.citations:
            fit.leave(NEUTRAL["parts.citations"], fit.inner(path, "parts.citations"))
        return {"text": part.text}

    def _thinking(self, part: Thinking, path: str) -> Block | None:
        """Write reasoning back to where it came from; the API refuses any other."""
        fit = self._fit
        if part.source != NAME:
            fit.leave(NEUTRAL["parts.thinking"], path)
            return None
        if part.redacted is not None:
            inner: Block = {"redactedContent": part.redacted}
        else:
            inner = {"reasoningText": {"text": part.text}}
            if part.signature is not None:
                inner["reasoningText"]["signature"] = part.signature
        block = {"reasoningContent": inner}
        merge_deep(block, fit.own(part.extra))
        return block

    def _input(self, part: ToolCall, path: str) -> Any:
        fit, arguments = self._fit, part.arguments
        if fit.form(part.extra, "input") == "text":
            return arguments
        if (sent := as_sent(part)) is not None:
            return sent
        if not arguments.strip():
            return {}
        try:
            raw = arguments.encode()
            if not fit.same:
                wire.members(raw)
        except ODD:
            where = fit.inner(path, "parts.arguments")
            raise BadRequest(
                f"'{where}' is not a JSON object, which is what this model's API takes.",
                code="invalid_value",
                param=where,
            ) from None
        return msgspec.Raw(raw)

    def _result(self, part: ToolResult, path: str) -> Block:
        fit = self._fit
        content: list[Block] = []
        for index, one in enumerate(part.parts):
            at = result_path(fit.source, path, index)
            if getattr(one, "cache", None) is not None:
                fit.ignore(fit.inner(at, "parts.cache"))
            if isinstance(one, Text | Image | File):
                if isinstance(one, Text) and not one.text and one.extra is None and not fit.same:
                    continue
                block = self._block(one, at)
                if block is not None:
                    content.append(block)
            else:
                fit.refuse(at, "A tool's result can be text, images and documents here")
        inner: Block = {"toolUseId": tool_id(part.call_id), "content": content}
        status = "error" if part.is_error else fit.form(part.extra, "status")
        if status is not None:
            inner["status"] = status
        return {"toolResult": inner}


def cache_points(cache: Cache, path: str, row: str, fit: Fit) -> list[Block]:
    """Write the cache marker of what stands at *path*, or say that it was left out."""
    if not fit.same and not fit.to.profile.cache_points:
        fit.ignore(fit.inner(path, row))
        return []
    return [{"cachePoint": {"type": "default"} | ({"ttl": cache} if cache else {})}]


def tool_id(given: str) -> str:
    """Return the id of a call as the API takes it: itself, or always the same other for one that it would refuse."""
    if _ID.fullmatch(given):
        return given
    return "tooluse_" + blake2b(given.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def merge_deep(into: Block, rest: dict[str, Any]) -> None:
    """Put *rest* beside what is written, objects into objects, however deep."""
    for name, value in rest.items():
        there = into.get(name)
        if isinstance(there, dict) and isinstance(value, dict):
            merge_deep(there, value)
        else:
            into[name] = value


def _citation(cited: Citation) -> Any:
    return cited.extra.fields if cited.extra is not None else {}
