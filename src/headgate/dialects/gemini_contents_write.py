"""Writes the system text and the contents of a generateContent request from the neutral form."""

from typing import Any

from headgate.core.chat import Audio, File, Image, Message, Part, Refusal, Request, Text, Thinking, ToolCall, ToolResult
from headgate.dialects.call_input import as_object, input_of
from headgate.dialects.contract import gemini as column
from headgate.dialects.fit import RAW, Fit, merge, message_path, part_path, result_path
from headgate.dialects.gemini_fields import respell, signature_of, urlsafe
from headgate.dialects.gemini_parts import OURS, is_own
from headgate.dialects.gemini_words import NAME, is_proof
from headgate.dialects.opaque import Opaque

Block = dict[str, Any]
SENTINEL = "skip_thought_signature_validator"
"""What stands for the signature of a call that another model made, <https://ai.google.dev/gemini-api/docs/thought-signatures>."""
RESOLUTIONS = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}
_SYSTEM = ("system", "developer")


class Contents:
    """Writes the turns of one request."""

    def __init__(self, request: Request, fit: Fit, *, newer: bool) -> None:
        """*newer* tells that the model is of the third generation or later: it wants every call signed."""
        self._request = request
        self._fit = fit
        self._newer = newer
        self._names = {p.id: p.name for m in request.messages for p in m.parts if isinstance(p, ToolCall)}
        self.resolution = None if fit.same else _resolution(request)
        """What all images of the request are to be seen in, where they agree."""

    def write(self, body: Block) -> None:
        """Put ``systemInstruction`` and ``contents`` into *body*; what is asked of the system has to come first."""
        request, fit = self._request, self._fit
        messages = fit.conversation(request)
        if fit.same:
            leading = 1 if request.extra is not None and "system" in request.extra.form else 0
        else:
            leading = next((i for i, m in enumerate(messages) if m.role not in _SYSTEM), len(messages))
        system: list[Block] = []
        for index, message in enumerate(messages[:leading]):
            at = message_path(fit.source, request, index)
            if not fit.same:
                self._told(message, at)
            system += self._parts(message, at)
        if system or (leading and fit.same):
            role = fit.form(messages[0].extra, "role")
            said = {"parts": system} | ({"role": role} if role is not None else {})
            body["systemInstruction"] = self._whole(said, messages[0], fit.own(messages[0].extra))
        turns: list[Block] = []
        for index, message in enumerate(messages[leading:], leading):
            at = message_path(fit.source, request, index)
            if fit.form(message.extra, "contents") is not None:
                turns += self._apart(message, at)
                continue
            turn = self._turn(message, at)
            if turn is None:
                continue
            if turns and message.role == "tool" and messages[index - 1].role == "tool":
                turns[-1]["parts"] += turn["parts"]  # results of one step belong together
            else:
                turns.append(turn)
        body["contents"] = turns

    def _apart(self, message: Message, at: str) -> list[Block]:
        """Write a turn in the pieces it came in."""
        found, first = [], 0
        for size in map(int, (self._fit.form(message.extra, "contents") or "").split(",")):
            piece = self._turn(Message(message.role, message.parts[first : first + size]), at)
            found += [piece] if piece is not None else []
            first += size
        return found

    def _turn(self, message: Message, at: str) -> Block | None:
        fit = self._fit
        if message.role in _SYSTEM and not fit.same:
            fit.leave(column.NEUTRAL["messages.system_midway"], at)
            return None
        leftover = self._told(message, at)
        parts = self._parts(message, at)
        if not parts and not fit.same:
            if message.role == "assistant":
                return None  # it says nothing, and the API takes no empty turn
            parts = [{"text": ""}]
        role = fit.form(message.extra, "role") or ("model" if message.role == "assistant" else "user")
        return self._whole({"role": role, "parts": parts}, message, leftover)

    def _told(self, message: Message, at: str) -> Block:
        """Tell what is left out of what a message says beside its parts; return what is carried."""
        if message.name is not None and not any(isinstance(part, ToolResult) for part in message.parts):
            self._fit.leave(column.NEUTRAL["messages.name"], f"{at}.name")
        return self._fit.leftover(message.extra, at)

    def _whole(self, turn: Block, message: Message, leftover: Block) -> Block:
        if turn.get("role") == "absent":
            del turn["role"]
        if self._fit.form(message.extra, "parts") == "absent":
            del turn["parts"]
        merge(turn, leftover)
        respell(turn, message.extra)
        return turn

    def _parts(self, message: Message, at: str) -> list[Block]:
        fit = self._fit
        proofs = {p.of: p.signature for p in message.parts if isinstance(p, Thinking) and p.source == NAME and p.of}
        foreign = not fit.same or any(isinstance(p, Thinking) and p.source not in (None, NAME) for p in message.parts)
        pending: str | None = None
        signed = False
        """A call was written: only the first of a step has to be signed."""
        written: list[Block] = []
        for index, part in enumerate(message.parts):
            path = part_path(fit.source, at, message, index)
            if isinstance(part, Thinking):
                block, proof = self._thought(part, path)
                if proof is not None and pending is not None:
                    written.append({"text": "", "thoughtSignature": pending})  # the part it was on is there no more
                pending = proof or pending
                if block is not None:
                    written.append(block)
                continue
            if isinstance(part, Text) and not part.text and part.extra is None and not fit.same:
                continue  # the API takes no empty text
            blocks = self._part(part, path, message.name)
            if not blocks:
                continue
            signature = pending
            if isinstance(part, ToolCall) and not fit.same:
                signature = proofs.get(part.id) or pending
            if isinstance(part, ToolCall):
                if signature is None and self._newer and foreign and not signed:
                    signature = self._unsigned()
                signed = True
            if signature is not None:
                blocks[0]["thoughtSignature"] = signature
                pending = None if signature == pending else pending
            respell(blocks[0], part.extra)
            written += blocks
        return [*written, {"text": "", "thoughtSignature": pending}] if pending is not None else written

    def _unsigned(self) -> str:
        told = f"thoughtSignature={SENTINEL}"
        if told not in self._fit.defaulted:
            self._fit.defaulted.append(told)
        return SENTINEL

    def _thought(self, part: Thinking, path: str) -> tuple[Block | None, str | None]:
        """Return the thought, if it is a part of its own, and the signature of the part that follows."""
        fit = self._fit
        if part.source not in (None, NAME) or (not fit.same and (part.source is None or part.signature is None)):
            fit.leave(column.NEUTRAL["parts.thinking"], path)
            return None, None
        proof: str | None = None
        if part.signature is not None or part.redacted is not None:
            proof = signature_of(Opaque(part.source or NAME, part.signature, part.redacted, part.of, part.id))
        if not fit.same:
            thought = {"text": part.text, "thought": True} if part.text else None
            return thought, None if part.of else proof
        if is_proof(part):
            return None, proof
        block: Block = (
            {"thought": True} if fit.form(part.extra, "text") == "absent" else {"text": part.text, "thought": True}
        )
        merge(block, fit.own(part.extra))
        if proof is not None:
            block["thoughtSignature"] = proof
        respell(block, part.extra)
        return block, None

    def _part(self, part: Part, path: str, name: str | None) -> list[Block]:
        """Write one part, and what has to stand beside it; nothing where it was left out."""
        fit = self._fit
        if isinstance(part, Text | ToolCall) and part.extra is not None and part.extra.form.get("part") == RAW:
            raw = fit.raw(part.extra, path)
            return [] if raw is None else [dict(raw)]
        beside: list[Block] = []
        block: Block | None
        if isinstance(part, Text | Refusal):
            block = {"text": part.text}
        elif isinstance(part, ToolCall):
            block = {"functionCall": self._call(part)}
        elif isinstance(part, ToolResult):
            block = self._result(part, path, name, beside)
        elif isinstance(part, Image | Audio | File):
            block = self._media(part, path)
        else:
            return []  # thoughts are written above
        if block is None:
            return []
        if isinstance(part, Text) and part.citations:
            fit.leave(column.NEUTRAL["parts.citations"], fit.inner(path, "parts.citations"))
        if not isinstance(part, Refusal | Audio) and part.cache is not None:
            fit.leave(column.NEUTRAL["parts.cache"], fit.inner(path, "parts.cache"))
        if fit.form(part.extra, "thought") is not None:
            block["thought"] = False
        merge(block, fit.leftover(part.extra, path))
        return [block, *beside]

    def _call(self, part: ToolCall) -> Block:
        fit = self._fit
        call: Block = {"id": part.id, "name": part.name}
        if fit.form(part.extra, "id") == "absent" or (not fit.same and (not part.id or OURS.fullmatch(part.id))):
            del call["id"]  # it came without
        if fit.form(part.extra, "args") != "absent":
            call["args"] = input_of(part.arguments)
        return call

    def _result(self, part: ToolResult, path: str, called: str | None, beside: list[Block]) -> Block | None:
        fit = self._fit
        name = fit.form(part.extra, "name") or self._names.get(part.call_id) or called
        if name is None:
            fit.refuse(path, "It answers no call of this conversation, and this API wants to know its name")
            return None
        result: Block = {"id": part.call_id, "name": name, **self._response(part)}
        if fit.form(part.extra, "id") == "absent" or (
            not fit.same and (not part.call_id or OURS.fullmatch(part.call_id))
        ):
            del result["id"]
        inner: list[Block] = []
        for index, one in enumerate(part.parts):
            where = result_path(fit.source, path, index)
            raw = one.extra is not None and one.extra.form.get("part") == RAW
            if not isinstance(one, Text) or raw or (fit.same and index):
                inner += self._part(one, where, None)
            elif not fit.same:
                fit.leftover(one.extra, where)
        if inner and (self._newer or fit.same):
            result["parts"] = inner
        else:
            beside += inner
        return {"functionResponse": result}

    def _response(self, part: ToolResult) -> Block:
        spelt = self._fit.form(part.extra, "response")
        if self._fit.same and spelt is None:
            return {}
        text = "\n".join(one.text for one in part.parts if isinstance(one, Text))
        if spelt not in (None, "whole"):
            return {"response": {spelt: text}}
        if part.is_error:
            return {"response": {"error": text}}
        found = as_object(text)
        return {"response": {"output": text} if found is None else found}

    def _media(self, part: Image | Audio | File, path: str) -> Block | None:
        fit = self._fit
        if isinstance(part, Audio):
            return {
                "inlineData": self._blob(fit.form(part.extra, "mimeType") or f"audio/{part.format}", part.data, part)
            }
        if isinstance(part, Image) and part.detail not in (None, "auto") and self.resolution is None:
            fit.ignore(fit.inner(path, "parts.detail"))
        name = part.name if isinstance(part, File) else None
        named = {"displayName": name} if name is not None and fit.same else {}
        if name is not None and not fit.same:
            fit.leave(column.NEUTRAL["parts.name"], fit.inner(path, "parts.name"))
        if part.data is not None:
            kind = part.media_type or _guessed(part)
            if kind is not None:
                return {"inlineData": {**self._blob(kind, part.data, part), **named}}
        uri = (part.file_id if isinstance(part, File) else None) or part.url
        if uri is not None and (fit.same or is_own(uri)):
            kind = {"mimeType": part.media_type} if part.media_type is not None else {}  # type: ignore[assignment]
            return {"fileData": {"fileUri": uri, **kind, **named}}  # type: ignore[dict-item]
        if isinstance(part, Image):
            fit.refuse(fit.inner(path, "parts.image_url"), "Send the image's bytes (data:image/png;base64,...) instead")
        else:
            row = "parts.file_url" if part.url else "parts.file_id" if part.file_id else "parts.file"
            fit.refuse(fit.inner(path, row), column.NEUTRAL["parts.file_id"].fix)
        return None

    def _blob(self, kind: str, data: str, part: Part) -> Block:
        return {"mimeType": kind, "data": urlsafe(data) if self._fit.form(part.extra, "base64") == "url" else data}


def _guessed(part: Image | File) -> str | None:
    """Return the type of bytes that came without: only documents may, and only one kind is common."""
    if isinstance(part, File) and (
        (part.name or "").lower().endswith(".pdf") or (part.data or "").startswith("JVBERi")
    ):
        return "application/pdf"
    return None


def _resolution(request: Request) -> str | None:
    details = {one.detail for m in request.messages for one in _images(m.parts)}
    return RESOLUTIONS.get(details.pop() or "") if len(details) == 1 else None


def _images(parts: list[Part]) -> list[Image]:
    found = [part for part in parts if isinstance(part, Image)]
    return found + [one for part in parts if isinstance(part, ToolResult) for one in _images(part.parts)]
