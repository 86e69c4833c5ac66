"""Reads streams of responses, <https://platform.openai.com/docs/api-reference/responses-streaming>."""

from typing import Any

from headgate.core.chat import (
    Chunk,
    CitationDelta,
    Counted,
    End,
    PartDelta,
    SignatureDelta,
    Start,
    TextDelta,
    ToolDelta,
)
from headgate.dialects.reading import SseReader
from headgate.dialects.responses_items import JOIN, citation
from headgate.dialects.responses_reply import finish_of, picture, thinking
from headgate.dialects.responses_usage import usage_in

_TEXTS = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_summary_text.delta": "thinking",
    "response.reasoning_text.delta": "thinking",
}
_BLOCKS = {"output_text": ("text", "text"), "refusal": ("refusal", "refusal")}
_ARGUMENTS = ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta")
_ENDS = ("response.completed", "response.incomplete")


class _Item:
    """What was told of one item of the output so far."""

    __slots__ = ("kind", "number", "place", "told")

    def __init__(self) -> None:
        self.place: object = None
        """Where the last text stood in it."""
        self.kind = ""
        """The event that tells its reasoning: some servers tell it twice, as a summary and whole."""
        self.number = -1
        """Of a call: which one of the answer it is."""
        self.told = False


class ResponsesReader(SseReader):
    """See :class:`headgate.dialects.base.Reader`."""

    __slots__ = ("_begun", "_calls", "_items")

    def __init__(self) -> None:
        super().__init__()
        self._begun = False
        self._items: dict[Any, _Item] = {}
        self._calls = 0

    def _understand(self, document: dict[str, Any], data: bytes, chunks: list[Chunk]) -> None:
        kind = document.get("type")
        if not isinstance(kind, str):
            return
        said = document.get("delta")
        if kind in _TEXTS:
            if isinstance(said, str):
                self._text(document, kind, said, chunks)
        elif kind in _ARGUMENTS:
            self._arguments(document, said, chunks)
        elif kind == "response.output_item.added":
            self._added(document, chunks)
        elif kind == "response.output_item.done":
            self._done(document, chunks)
        elif kind == "response.output_text.annotation.added":
            if isinstance(document.get("annotation"), dict):
                chunks.append(CitationDelta(citation(document["annotation"])))
        elif kind == "error":
            self._fail_with(document)
        elif isinstance(document.get("response"), dict):
            self._life(kind, document["response"], chunks)

    def _life(self, kind: str, response: dict[str, Any], chunks: list[Chunk]) -> None:
        if not self._begun:
            self._begun = True
            id_, model, created = response.get("id"), response.get("model"), response.get("created_at")
            start = Start(id_ if isinstance(id_, str) else "", model if isinstance(model, str) else "")
            start.created = int(created) if isinstance(created, int | float) and abs(created) < 1e15 else 0
            chunks.append(start)
        if kind == "response.failed":
            self._fail_with(response.get("error") or {"message": "The provider ended the answer with an error."})
        elif kind in _ENDS:
            self._end(kind, response, chunks)

    def _end(self, kind: str, response: dict[str, Any], chunks: list[Chunk]) -> None:
        details = response.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        status = kind.removeprefix("response.")
        self.finish = finish_of(status, reason, self._calls > 0)
        self.ended = True
        assert self.finish is not None  # both statuses have one
        chunks.append(End(self.finish, str(reason or status)))
        usage = usage_in(response)
        if usage is not None:
            self._count(usage)
            chunks.append(Counted(usage))
        elif response.get("usage") is not None:
            self.usage_flagged = True

    def _item(self, document: dict[str, Any]) -> _Item:
        at = document.get("output_index")
        key = at if isinstance(at, int) else str(document.get("item_id"))
        found = self._items.get(key)
        if found is None:
            found = self._items[key] = _Item()
        return found

    def _text(self, document: dict[str, Any], kind: str, said: str, chunks: list[Chunk]) -> None:
        item = self._item(document)
        item.told = True
        part = _TEXTS[kind]
        place = (kind, document.get("summary_index", document.get("content_index")))
        if part == "thinking":
            item.kind = item.kind or kind
            if item.kind != kind:
                return
            if item.place is not None and place != item.place:
                said = JOIN + said
            new = item.place is None
        else:
            new = place != item.place
        item.place = place
        chunk = TextDelta(said, 0, part, new)  # type: ignore[arg-type]  # one of the kinds
        told = document.get("logprobs")
        if isinstance(told, list) and told:
            chunk.logprobs = {"content": told}
        chunks.append(chunk)

    def _arguments(self, document: dict[str, Any], said: Any, chunks: list[Chunk]) -> None:
        item = self._item(document)
        if isinstance(said, str) and item.number >= 0:
            item.told = True
            chunks.append(ToolDelta(item.number, arguments=said))

    def _added(self, document: dict[str, Any], chunks: list[Chunk]) -> None:
        item, given = self._item(document), document.get("item")
        if isinstance(given, dict) and given.get("type") in ("function_call", "custom_tool_call") and item.number < 0:
            item.number = self._calls
            self._calls += 1
            id_, name = given.get("call_id"), given.get("name")
            chunks.append(ToolDelta(item.number, str(id_ or ""), str(name or "")))

    def _done(self, document: dict[str, Any], chunks: list[Chunk]) -> None:
        """An item is complete: tell its proof, and of what was not told piece by piece the whole."""
        item, given = self._item(document), document.get("item")
        if not isinstance(given, dict):
            return
        kind = given.get("type")
        if kind == "reasoning":
            part = thinking(given)
            if part.text and not item.told:
                chunks.append(TextDelta(part.text, kind="thinking", new=True))
            if part.signature is not None or part.redacted is not None:
                chunks.append(SignatureDelta(part.signature, part.redacted, 0, part.source, part.of, part.id))
            return
        if item.told:
            return
        item.told = True
        if kind == "image_generation_call" and (image := picture(given)) is not None:
            chunks.append(PartDelta(image))
        elif kind in ("function_call", "custom_tool_call"):
            if item.number < 0:
                self._added(document, chunks)
            whole = given.get("arguments", given.get("input"))
            if isinstance(whole, str) and whole:
                chunks.append(ToolDelta(item.number, arguments=whole))
        elif kind == "message" and isinstance(given.get("content"), list):
            for block in given["content"]:
                if isinstance(block, dict) and block.get("type") in _BLOCKS:
                    name, part_kind = _BLOCKS[block["type"]]
                    chunks.append(TextDelta(str(block.get(name) or ""), 0, part_kind, True))  # type: ignore[arg-type]

    def _whole(self) -> bool:
        return False  # its last event tells how it ended, and there is no other sign
