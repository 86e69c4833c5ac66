"""Where text stands in generateContent."""

from collections.abc import Iterator
from typing import Any

from headgate.dialects.text import Event, Path, Piece, Place, Slow, field, inner, loose, rows, schema, strings, tool_of

SYSTEM = ("systemInstruction", "system_instruction")
CONFIG = ("generationConfig", "generation_config")
FORMS = ("responseSchema", "response_schema", "responseJsonSchema", "response_json_schema")
OF_CANDIDATE = frozenset((
    "content", "finishReason", "finishMessage", "index", "safetyRatings", "tokenCount", "avgLogprobs",
    "logprobsResult",
))  # fmt: skip
"""What a candidate has in places that are known, or is no text."""
OF_PART = frozenset((
    "text", "functionCall", "function_call", "functionResponse", "function_response", "executableCode",
    "codeExecutionResult", "inlineData", "inline_data", "fileData", "file_data", "thought", "videoMetadata",
    "video_metadata",
))  # fmt: skip
WRAPPED = ("generateContentRequest", "generate_content_request")


class GeminiWalker(Slow):
    """See :class:`headgate.dialects.text.Walker`."""

    repeats = False

    def request(self, document: Any, path: Path = ()) -> Iterator[Piece]:
        """See ``Walker``."""
        for name in SYSTEM:
            yield from _parts(inner(document, name), (*path, name), "system")
        contents = document.get("contents")
        for i, content in rows([contents] if isinstance(contents, dict) else contents):
            place: Place = "assistant" if content.get("role") == "model" else "user"
            where = (*path, "contents") if isinstance(contents, dict) else (*path, "contents", i)
            yield from _parts(content, where, place)
        for i, tool in rows(document.get("tools")):
            for name in ("functionDeclarations", "function_declarations"):
                for j, function in rows(tool.get(name)):
                    yield from tool_of(function, (*path, "tools", i, name, j))
        for name in CONFIG:
            config = inner(document, name)
            for form in FORMS:
                yield from schema(config.get(form), (*path, name, form))
        for name in WRAPPED:
            if isinstance(document.get(name), dict):
                yield from self.request(document[name], (*path, name))
        yield from _parts(inner(document, "content"), (*path, "content"), "user")  # of what is to be embedded
        yield from field(document, "title", path, "user")
        for i, one in rows(document.get("requests")):
            yield from self.request(one, (*path, "requests", i))

    def reply(self, document: Any) -> Iterator[Piece]:
        """See ``Walker``."""
        for i, candidate in rows(document.get("candidates")):
            yield from _parts(inner(candidate, "content"), ("candidates", i, "content"), "output")
            yield from loose(candidate, ("candidates", i), "output", OF_CANDIDATE, aside=True)

    def event(self, document: Any) -> Event:
        """See ``Walker``."""
        event = Event([], [])
        for i, candidate in rows(document.get("candidates")):
            index = candidate.get("index", i)
            for piece in _parts(inner(candidate, "content"), ("candidates", i, "content"), "output"):
                if piece.path[-1] == "text":
                    piece.lane = (index, piece.place)
                event.pieces.append(piece)
            event.pieces += loose(candidate, ("candidates", i), "output", OF_CANDIDATE, aside=True)
            if candidate.get("finishReason") is not None:
                event.ends.append((index,))
        return event

    def beside(self, path: Path) -> tuple[Path, ...]:
        """See ``Walker``."""
        return ((*path[:2], "logprobsResult"),) if path[0] == "candidates" else ()


def _parts(content: dict[str, Any], path: Path, place: Place) -> Iterator[Piece]:
    parts = content.get("parts")
    listed = [parts] if isinstance(parts, dict) else parts
    for i, part in rows(listed):
        here = (*path, "parts") if isinstance(parts, dict) else (*path, "parts", i)
        thought = part.get("thought") is True
        yield from field(part, "text", here, "thinking" if thought else place)
        for name in ("functionCall", "function_call"):
            yield from strings(inner(part, name).get("args"), (*here, name, "args"), "tool_argument", names=True)
        for name in ("functionResponse", "function_response"):
            yield from strings(inner(part, name).get("response"), (*here, name, "response"), "tool_result", names=True)
            yield from loose(inner(part, name), (*here, name), "tool_result", ("response",))
        yield from field(inner(part, "executableCode"), "code", (*here, "executableCode"), "tool_argument")
        yield from field(inner(part, "codeExecutionResult"), "output", (*here, "codeExecutionResult"), "tool_result")
        yield from loose(part, here, place, OF_PART)
