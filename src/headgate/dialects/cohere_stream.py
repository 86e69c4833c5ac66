"""Reads and writes streams of Cohere's Chat API, <https://docs.cohere.com/v2/docs/streaming>."""

from typing import Any

from headgate.core.chat import Chunk, CitationDelta, Counted, End, Request, Start, TextDelta, ToolDelta
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.cohere_errors import failed
from headgate.dialects.cohere_messages import printed as citation_of
from headgate.dialects.cohere_read import citation
from headgate.dialects.cohere_reply import finish_reason, logprobs
from headgate.dialects.cohere_tap import DONE
from headgate.dialects.cohere_usage import printed, usage_in
from headgate.dialects.cohere_words import FAILED, FINISH
from headgate.dialects.in_turn import InTurn
from headgate.dialects.reading import SseReader
from headgate.dialects.sse import Event


class CohereReader(SseReader):
    """See :class:`headgate.dialects.base.Reader`."""

    __slots__ = ("_calls", "_fresh")

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[Any, int] = {}
        """The provider's number of a tool call to ours."""
        self._fresh = False
        """A content block has begun of which nothing was said yet."""

    def _read(self, event: Event, data: bytes, chunks: list[Chunk]) -> None:
        if data.strip() != b"[DONE]":  # it follows the end, and alone proves nothing
            super()._read(event, data, chunks)

    def _understand(self, document: dict[str, Any], data: bytes, chunks: list[Chunk]) -> None:
        kind, delta = document.get("type"), document.get("delta")
        inner = delta.get("message") if isinstance(delta, dict) else None
        message = inner if isinstance(inner, dict) else {}
        if kind == "message-start":
            id_ = document.get("id")
            chunks.append(Start(id_ if isinstance(id_, str) else "", self.model))
        elif kind in ("content-start", "content-delta"):
            self._fresh = self._fresh or kind == "content-start"
            self._content(message.get("content"), logprobs(document.get("logprobs")), chunks)
        elif kind == "tool-plan-delta":
            plan = message.get("tool_plan")
            if isinstance(plan, str) and plan:
                chunks.append(TextDelta(plan, kind="thinking"))
        elif kind in ("tool-call-start", "tool-call-delta"):
            self._call(document.get("index"), message.get("tool_calls"), chunks)
        elif kind == "citation-start":
            self._cite(message.get("citations"), chunks)
        elif kind == "message-end":
            self._end(delta if isinstance(delta, dict) else {}, chunks)
        elif kind is None and isinstance(document.get("message"), str):  # an error as a whole answer has it
            self._fail_with(document)

    def _content(self, content: Any, told: Any, chunks: list[Chunk]) -> None:
        if not isinstance(content, dict):
            return
        thought, text = content.get("thinking"), content.get("text")
        if isinstance(thought, str) and thought:
            chunks.append(TextDelta(thought, kind="thinking", new=self._fresh))
            self._fresh = False
        if (isinstance(text, str) and text) or told is not None:
            chunks.append(TextDelta(text if isinstance(text, str) else "", new=self._fresh, logprobs=told))
            self._fresh = False

    def _call(self, index: Any, call: Any, chunks: list[Chunk]) -> None:
        if isinstance(call, list) and call:
            call = call[0]
        if not isinstance(call, dict):
            return
        key = index if isinstance(index, int) else None
        first = key not in self._calls
        number = self._calls.setdefault(key, len(self._calls))
        inner = call.get("function")
        function = inner if isinstance(inner, dict) else {}
        id_, name, arguments = call.get("id"), function.get("name"), function.get("arguments")
        chunks.append(
            ToolDelta(
                number,
                id_ if first and isinstance(id_, str) else None,
                name if first and isinstance(name, str) else None,
                arguments if isinstance(arguments, str) else "",
            )
        )

    def _cite(self, said: Any, chunks: list[Chunk]) -> None:
        for one in said if isinstance(said, list) else (said,):
            if isinstance(one, dict) and one.get("type") in (None, "TEXT_CONTENT"):
                chunks.append(CitationDelta(citation(one)))

    def _end(self, delta: dict[str, Any], chunks: list[Chunk]) -> None:
        reason = delta.get("finish_reason")
        usage = usage_in(delta.get("usage"))
        if usage is not None:
            self._count(usage)
        elif delta.get("usage") is not None:
            self.usage_flagged = True
        if reason in FAILED:
            self._fail(failed(delta.get("error"), str(reason), self.usage))
            return
        native = reason if isinstance(reason, str) else None
        self.finish = FINISH.get(native or "", "stop")
        chunks.append(End(FINISH.get(native or "", "stop"), native))
        if usage is not None:
            chunks.append(Counted(usage))
        self.ended = True

    def _whole(self) -> bool:
        return False


class CohereWriter:
    """Prints chunks for a client of the Chat API. ``id`` stands in where the upstream gives none."""

    __slots__ = ("_begun", "_block", "_blocks", "_call", "_end", "_plans", "_said", "_turn", "_usage", "created", "id")

    def __init__(self, request: Request) -> None:
        self.id = ""
        self.created = 0
        self._begun = False
        self._turn = InTurn()
        self._plans = bool(request.tools) and request.thinking != "on"
        """Thoughts before any content are told as the plan of the calls to come."""
        self._blocks = 0
        self._block = ""
        """The kind of the content block now open."""
        self._said: list[str] = []
        self._call: int | None = None
        self._end: End | None = None
        self._usage: Usage | None = None

    def write(self, chunks: list[Chunk]) -> bytes:
        """Return the events for *chunks*; the first choice only, as this API has no others."""
        out: list[bytes] = []
        for chunk in self._turn.order(chunks):
            if isinstance(chunk, Counted):
                self._usage = chunk.usage
                continue
            self._start(chunk.id if isinstance(chunk, Start) else "", out)
            if isinstance(chunk, TextDelta):
                self._text(chunk, out)
            elif isinstance(chunk, ToolDelta):
                self._tool(chunk, out)
            elif isinstance(chunk, CitationDelta):
                said = citation_of(chunk.citation, "".join(self._said))
                _event("citation-start", {"index": 0}, {"message": {"citations": said}}, out)
                out.append(b'event: citation-end\ndata: {"type":"citation-end","index":0}\n\n')
            elif isinstance(chunk, End):
                self._end = chunk
                self._close(out)
        return b"".join(out)

    def close(self) -> bytes:
        """Return what was held, the reason, the usage and the terminator."""
        end = self._end or End("stop")
        out = [self.write([end])]
        delta: dict[str, Any] = {"finish_reason": finish_reason(end.finish, end.native)}
        if self._usage is not None:
            delta["usage"] = printed(self._usage)
        _event("message-end", {}, delta, out)
        return b"".join(out) + DONE

    def _start(self, id_: str, out: list[bytes]) -> None:
        """Begin the message, unless it has begun."""
        if not self._begun:
            self._begun = True
            empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
            _event("message-start", {"id": id_ or self.id}, {"message": empty}, out)

    def _text(self, chunk: TextDelta, out: list[bytes]) -> None:
        if not chunk.text:
            return
        kind = "thinking" if chunk.kind == "thinking" else "text"
        if kind == "thinking" and self._plans and not self._blocks:
            _event("tool-plan-delta", {}, {"message": {"tool_plan": chunk.text}}, out)
            return
        if self._block != kind or chunk.new:
            self._close(out)
            self._block = kind
            self._said.clear()
            _event("content-start", {"index": self._blocks}, _content({"type": kind, kind: ""}), out)
        if kind == "text":
            self._said.append(chunk.text)
        _event("content-delta", {"index": self._blocks}, _content({kind: chunk.text}), out)

    def _tool(self, chunk: ToolDelta, out: list[bytes]) -> None:
        if chunk.index != self._call:
            self._close(out)
            self._call = chunk.index
            function = {"name": chunk.name or "", "arguments": ""}
            call = {"id": chunk.id or "", "type": "function", "function": function}
            _event("tool-call-start", {"index": chunk.index}, {"message": {"tool_calls": call}}, out)
        if chunk.arguments:
            call = {"function": {"arguments": chunk.arguments}}
            _event("tool-call-delta", {"index": chunk.index}, {"message": {"tool_calls": call}}, out)

    def _close(self, out: list[bytes]) -> None:
        if self._block:
            out.append(b'event: content-end\ndata: {"type":"content-end","index":%d}\n\n' % self._blocks)
            self._block = ""
            self._blocks += 1
        if self._call is not None:
            out.append(b'event: tool-call-end\ndata: {"type":"tool-call-end","index":%d}\n\n' % self._call)
            self._call = None


def _content(content: dict[str, Any]) -> dict[str, Any]:
    return {"message": {"content": content}}


def _event(name: str, fields: dict[str, Any], delta: dict[str, Any], out: list[bytes]) -> None:
    event = {"type": name, **fields, "delta": delta}
    out.append(b"event: %b\ndata: %b\n\n" % (name.encode(), wire.encode(event)))
