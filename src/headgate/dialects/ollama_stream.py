"""Reads and writes streams of Ollama's own API: a JSON document a line."""

from typing import Any

from headgate.core.chat import Chunk, Counted, End, Request, Start, Text, TextDelta, Thinking, ToolCall, ToolDelta
from headgate.core.money import Usage
from headgate.dialects import wire
from headgate.dialects.in_turn import InTurn
from headgate.dialects.ollama_reply import arguments_in, instant, logprobs, parts_of, printed_call, seconds, stamp
from headgate.dialects.ollama_tap import LineWatch
from headgate.dialects.ollama_usage import printed


class OllamaReader(LineWatch):
    """See :class:`headgate.dialects.base.Reader`."""

    __slots__ = ("_calls", "_reply")

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0
        self._reply = ""

    def feed(self, data: bytes) -> list[Chunk]:
        """Take what was read, cut anywhere; return the chunks it completes."""
        chunks: list[Chunk] = []
        if not self.ended and self.failure is None:
            for line, document in self._documents(data):
                self._understand(line, document, chunks)
        return chunks

    def close(self) -> list[Chunk]:
        """The upstream has ended: return the last chunks, or set ``failure`` where it was cut."""
        chunks = self.feed(b"\n") if self._lines.pending else []
        self._broken_off()
        return chunks

    def _understand(self, line: bytes, document: dict[str, Any], chunks: list[Chunk]) -> None:
        if not self._reply:
            self._reply = stamp(document)
            model = document.get("model")
            named = model if isinstance(model, str) and model else self.model
            chunks.append(Start("", named, seconds(document.get("created_at"))))
        message = document.get("message")
        told = logprobs(document.get("logprobs"))
        if isinstance(message, dict):
            arguments = arguments_in(line) if message.get("tool_calls") else []
            for part in parts_of(message, arguments, self._reply, self._calls):
                if isinstance(part, ToolCall):
                    chunks.append(ToolDelta(self._calls, part.id, part.name, part.arguments))
                    self._calls += 1
                elif isinstance(part, Text | Thinking):
                    chunks.append(TextDelta(part.text, kind="text" if isinstance(part, Text) else "thinking"))
        if told is not None:
            chunks.append(TextDelta("", logprobs=told))
        if document.get("done") is True:
            native = document.get("done_reason")
            finish: Any = self.finish
            chunks.append(End(finish, native if isinstance(native, str) else None))
            if self.usage is not None:
                chunks.append(Counted(self.usage))


class OllamaWriter:
    """Prints chunks for a client of this API, which knows no ids and takes a tool call whole."""

    __slots__ = ("_call", "_calls", "_end", "_model", "_started", "_turn", "_usage", "created", "id")

    def __init__(self, request: Request) -> None:
        self.id = ""
        self.created = 0
        self._model = request.model
        self._started = 0
        self._turn = InTurn()
        self._call: tuple[int, ToolCall] | None = None
        """The tool call now told, and its number."""
        self._calls = 0
        self._end: End | None = None
        self._usage: Usage | None = None

    def write(self, chunks: list[Chunk]) -> bytes:
        """Return the lines for *chunks*; the first choice only, as this API has no others."""
        out: list[bytes] = []
        for chunk in self._turn.order(chunks):
            if isinstance(chunk, Start):
                self._model, self._started = chunk.model, chunk.created
            elif isinstance(chunk, Counted):
                self._usage = chunk.usage
            elif isinstance(chunk, TextDelta):
                self._text(chunk, out)
            elif isinstance(chunk, ToolDelta):
                self._tool(chunk, out)
            elif isinstance(chunk, End):
                self._end = chunk
                self._close(out)
        return b"".join(out)

    def close(self) -> bytes:
        """Return what was held, and the last line: the reason and the usage."""
        end = self._end or End("stop")
        out = [self.write([end])]
        length = end.finish == "length"
        last = {"done_reason": "length" if length else "stop", "done": True}
        self._line({"content": ""}, last | (printed(self._usage) if self._usage is not None else {}), out)
        return b"".join(out)

    def _text(self, chunk: TextDelta, out: list[bytes]) -> None:
        told = chunk.logprobs.get("content") if isinstance(chunk.logprobs, dict) else None
        if chunk.text or told:
            said = {"content": "", "thinking": chunk.text} if chunk.kind == "thinking" else {"content": chunk.text}
            self._line(said, {"done": False} | ({"logprobs": told} if told else {}), out)

    def _tool(self, chunk: ToolDelta, out: list[bytes]) -> None:
        if self._call is None or self._call[0] != chunk.index:
            self._close(out)
            self._call = chunk.index, ToolCall(chunk.id or "", chunk.name or "", "")
        self._call[1].arguments += chunk.arguments

    def _close(self, out: list[bytes]) -> None:
        if self._call is not None:
            calls = [printed_call(self._call[1], self._calls)]
            self._line({"content": "", "tool_calls": calls}, {"done": False}, out)
            self._calls += 1
            self._call = None

    def _line(self, said: dict[str, Any], rest: dict[str, Any], out: list[bytes]) -> None:
        head = {"model": self._model, "created_at": instant(self._started or self.created)}
        out.append(wire.encode({**head, "message": {"role": "assistant", **said}, **rest}) + b"\n")
