"""Writes the input of a request for a response from the neutral form."""

from hashlib import blake2b
from typing import Any

from headgate.core.chat import (
    Audio,
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
from headgate.dialects import openai_words, wire
from headgate.dialects.base import Abilities
from headgate.dialects.contract.openai_responses import NEUTRAL
from headgate.dialects.fit import RAW, Fit, merge, message_path, part_path, plain, result_path
from headgate.dialects.responses_items import annotation
from headgate.dialects.responses_words import NAME

Item = dict[str, Any]


class Items:
    """Writes the messages of one request."""

    __slots__ = ("_cache", "_fit", "_request", "written")

    def __init__(self, request: Request, to: Abilities, fit: Fit) -> None:
        self._request = request
        self._fit = fit
        self._cache = to.profile.cache_points
        self.written: list[Item] = []

    def write(self, index: int, message: Message) -> None:
        """Write one message: an item, or for a turn of the model several."""
        fit = self._fit
        at = message_path(fit.source, self._request, index)
        if message.name is not None:
            fit.leave(NEUTRAL["messages.name"], f"{at}.name")
        if fit.same and message.role == "assistant":
            self._recut(message, at)
            return
        leftover = fit.leftover(message.extra, at)
        said: list[tuple[str, Part]] = []
        parts = [(part_path(fit.source, at, message, i), part) for i, part in enumerate(message.parts)]
        last = max((i for i, part in enumerate(message.parts) if not isinstance(part, Thinking)), default=-1)
        for number, (path, part) in enumerate(parts):
            if isinstance(part, ToolResult):
                self._result(part, path)
            elif isinstance(part, ToolCall):
                self._say(message, said, leftover)
                self._call(part, path)
            elif isinstance(part, Thinking):
                self._say(message, said, leftover)
                self._thinking(part, path, led_to=number < last)
            else:
                said.append((path, part))
        if said or (message.role not in ("assistant", "tool") and not message.parts):
            self._say(message, said, leftover, always=True)

    def _say(self, message: Message, said: list[tuple[str, Part]], leftover: Item, *, always: bool = False) -> None:
        """Write what was said so far as a message."""
        if not said and not always:
            return
        form = message.extra.form if message.extra is not None and self._fit.same else {}
        role = "user" if message.role == "tool" else message.role
        item: Item = wire.decode(form["item"].encode()) if "item" in form else {}
        only = plain([part for _, part in said])
        mine, listed = role == "assistant", form.get("content") == "list"
        told: Any = only
        if only is None or listed:
            told = [block for path, part in said if (block := self._block(part, path, mine)) is not None]
        if told or listed or not mine:  # a turn of the model of which all was left out is none
            self.written.append(item | {"role": role, "content": told or ([] if listed else "")} | leftover)
        said.clear()

    def _recut(self, message: Message, at: str) -> None:
        """Write a turn of the model in the items that it came as."""
        assert message.extra is not None
        parts = iter(enumerate(message.parts))
        for cut in wire.decode(message.extra.form["items"].encode()):
            if cut is not None:
                count, spelt, shell = cut
                self._answer([next(parts)[1] for _ in range(count)], spelt, shell)
                continue
            number, part = next(parts)
            path = part_path(self._fit.source, at, message, number)
            if isinstance(part, ToolCall):
                self._call(part, path)
            elif isinstance(part, Thinking):
                self._thinking(part, path, led_to=True)
            else:
                assert part.extra is not None
                self.written.append(part.extra.fields)

    def _answer(self, said: list[Part], spelt: str, shell: Item) -> None:
        """Write a message of the model as it came."""
        blocks = [self._block(part, "", True) for part in said]
        apart = said[0].extra if said else None
        moved: Item = {}
        if apart is not None and "item" in apart.form:
            names = wire.decode(apart.form["item"].encode())
            moved = {name: apart.fields[name] for name in names}
            blocks[0] = {name: value for name, value in (blocks[0] or {}).items() if name not in moved}
        told: Any = said[0].text if said and isinstance(said[0], Text) else ""
        self.written.append(shell | {"role": "assistant", "content": blocks if spelt == "list" else told} | moved)

    def _call(self, part: ToolCall, path: str) -> None:
        fit = self._fit
        if part.extra is not None and part.extra.form.get("part") == RAW:
            if fit.same:
                self.written.append(part.extra.fields)
            else:
                fit.refuse(path, NEUTRAL["tools.custom"].fix)
            return
        item: Item = {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments}
        self._mark(part, path, None)
        self.written.append(item | self._named(part) | fit.leftover(part.extra, path))

    def _result(self, part: ToolResult, path: str) -> None:
        fit = self._fit
        listed = fit.form(part.extra, "content") == "list"
        only = plain(part.parts)
        told: Any = only
        if only is None or listed:
            paths = [result_path(fit.source, path, i) for i in range(len(part.parts))]
            blocks = [self._block(one, at, False) for at, one in zip(paths, part.parts, strict=True)]
            told = [block for block in blocks if block is not None] or ([] if listed else "")
        if part.is_error:  # there is no field for it
            told = f"Error: {told}" if isinstance(told, str) else [{"type": "input_text", "text": "Error:"}, *told]
        self._mark(part, path, None)
        item: Item = {"type": "function_call_output", "call_id": part.call_id, "output": told}
        self.written.append(item | self._named(part) | fit.leftover(part.extra, path))

    def _named(self, part: ToolCall | ToolResult | Thinking) -> Item:
        given = {name: self._fit.form(part.extra, name) for name in ("id", "status")}
        return {name: value for name, value in given.items() if value is not None}

    def _thinking(self, part: Thinking, path: str, *, led_to: bool) -> None:
        """Write reasoning back with its proof, if it is ours and what it led to follows; the API refuses it alone."""
        fit = self._fit
        proof = part.signature if part.signature is not None else part.redacted
        if part.source != NAME or not led_to or (proof is None and not fit.same):
            fit.leave(NEUTRAL["parts.thinking"], path)
            return
        id_ = part.id
        if id_ is None and not fit.same:
            id_ = f"rs_{blake2b((proof or '').encode('utf-8', 'surrogatepass'), digest_size=24).hexdigest()}"
        item: Item = {"type": "reasoning"} | ({"id": id_} if id_ is not None else {})
        for name in ("summary", "content"):
            spelt = fit.form(part.extra, name)
            if spelt is not None:
                item[name] = wire.decode(spelt.encode())
        if not fit.same:
            item["summary"] = [{"type": "summary_text", "text": part.text}] if part.text else []
        if proof is not None:
            item["encrypted_content"] = proof
        self.written.append(item | self._named(part) | fit.own(part.extra))

    def _block(self, part: Part, path: str, mine: bool) -> Item | None:
        """Write one part of a message's content; ``None`` where it was left out. *mine*: the model said it."""
        fit = self._fit
        if isinstance(part, Text) and part.extra is not None and part.extra.form.get("part") == RAW:
            if fit.same:
                return part.extra.fields
            fit.refuse(path)
            return None
        block: Item | None
        if isinstance(part, Text):
            kind = fit.form(part.extra, "type") or ("output_text" if mine else "input_text")
            block = {"type": kind, "text": part.text}
            if part.citations:
                listed = [found for one in part.citations if (found := annotation(one)) is not None]
                block["annotations"] = listed
                if len(listed) != len(part.citations):
                    fit.leave(NEUTRAL["parts.citations"], fit.inner(path, "parts.citations"))
        elif isinstance(part, Refusal):
            block = {"type": "refusal", "refusal": part.text}
        elif isinstance(part, Image):
            block = _image(part, path, fit)
        elif isinstance(part, Audio):
            block = {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
        else:
            assert isinstance(part, File)
            block = _file(part, path, fit)
        if block is not None:
            self._mark(part, path, block)
            merge(block, fit.leftover(part.extra, path))
        return block

    def _mark(self, part: Any, path: str, block: Item | None) -> None:
        """Carry a cache marker where the model takes one and the part has room for it."""
        if getattr(part, "cache", None) is None:
            return
        if self._cache and block is not None and block["type"].startswith("input_"):
            block["prompt_cache_breakpoint"] = {"mode": "explicit"}
        else:
            self._fit.ignore(self._fit.inner(path, "parts.cache"))


def _image(part: Image, path: str, fit: Fit) -> Item | None:
    detail = {"detail": part.detail} if part.detail is not None else {}
    if part.data is not None:
        return {"type": "input_image", "image_url": f"data:{part.media_type};base64,{part.data}", **detail}
    if part.url is not None:
        return {"type": "input_image", "image_url": part.url, **detail}
    if fit.same:
        return {"type": "input_image", **detail}
    fit.refuse(path, "Send the image's URL or bytes instead")
    return None


def _file(part: File, path: str, fit: Fit) -> Item | None:
    if part.file_id is not None and fit.source not in (NAME, openai_words.NAME):
        rule = NEUTRAL["parts.file_id"]
        fit.refuse(path, rule.fix)
        return None
    data = part.data
    if data is not None and not (fit.same and part.media_type is None):
        data = f"data:{part.media_type or 'application/pdf'};base64,{data}"
    name = part.name
    if data is not None and name is None and not fit.same:
        name = "document.pdf"  # bytes need one
    given = {"file_url": part.url, "file_id": part.file_id, "file_data": data, "filename": name}
    return {"type": "input_file"} | {name: value for name, value in given.items() if value is not None}
