"""Answers in another shape, where the caller asks for it: formatted, and cut into pieces of one kind.

``headgate.format`` and ``headgate.chunk`` of a request; without them nothing here runs. Only the answer's text is
touched: thoughts, refusals, tool calls and everything else pass.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Literal

from headgate.core.chat import Chunk, CitationDelta, Counted, Reply, SignatureDelta, Start, Text, TextDelta
from headgate.core.errors import UpstreamFailed

Format = Literal["as-is", "text", "markdown", "html", "json", "code"]
Cut = Literal["as-is", "token", "word", "sentence", "line"]

PIECES: dict[str, re.Pattern[str]] = {
    "token": re.compile(r"\s?\w+|\s?[^\w\s]+|\s+"),
    "word": re.compile(r"\s*\S+\s+"),
    "sentence": re.compile(r".*?(?:[.!?…。！？]+[\"'”’)\]]*\s+|\n+)", re.DOTALL),
    "line": re.compile(r"[^\n]*\n"),
}
HELD = 8 * 1024 * 1024
"""Characters of an answer that are held until it can be formatted."""
MAX_PIECE = 4096
"""Characters after which a word or sentence without an end is cut all the same."""
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)
GOES_ON = re.compile(r"[ \t\r\n>|*+-]|\d+[.)]")  # a line that may belong to the list, quote or table before it
PARSER_RULES = {"html": False, "linkify": False}  # what looks like HTML is text; the parser refuses script links itself


def whole(reply: Reply, format_: Format | None) -> Reply:
    """Return *reply* with its texts formatted."""
    if format_ in (None, "as-is", "markdown"):
        return reply
    for choice in reply.choices:
        for part in choice.parts:
            if isinstance(part, Text):
                part.text = formatted(part.text, format_)
    return reply


def formatted(text: str, format_: str | None) -> str:
    """Return a whole text in another format; one that has none of what is asked for stays as it is."""
    if format_ == "html":
        html: str = _markdown().render(text)
        return html
    if format_ == "text":
        end = len(text) - len(text.rstrip("\n"))
        return "".join(_plain(_markdown().parse(text))).strip("\n") + "\n" * min(end, 2)
    if format_ == "json":
        found = document(text)
        return text if found is None else found
    if format_ == "code":
        blocks = code(text)
        return "\n".join(blocks) if blocks else text
    return text


def document(text: str) -> str | None:
    """Return the JSON document in *text*, whatever stands around it; ``None`` where there is none."""
    decoder = json.JSONDecoder()
    for candidate in (text.strip(), *code(text)):
        try:
            json.loads(candidate)
        except ValueError:
            continue
        return candidate.strip()
    for found in re.finditer(r"[{\[]", text):
        try:
            _, end = decoder.raw_decode(text, found.start())
        except ValueError:
            continue
        return text[found.start() : end]
    return None


def code(text: str) -> list[str]:
    """Return the fenced blocks of *text*."""
    return [token.content for token in _markdown().parse(text) if token.type == "fence"]


class Shaper:
    """Formats and cuts the text of a stream. Feed it chunks; what it holds back comes with the next, or at the end."""

    def __init__(self, format_: Format | None, cut: Cut | None) -> None:
        self._format = format_ if format_ not in ("as-is", "markdown") else None
        self._piece = PIECES.get(cut or "")
        self._raw: dict[int, Blocks] = {}
        """Text that is not formatted yet, by choice."""
        self._ready: dict[int, str] = {}
        """Text that is formatted and not cut yet."""

    def feed(self, chunks: Iterable[Chunk]) -> list[Chunk]:
        """Return what *chunks* become."""
        out: list[Chunk] = []
        for chunk in chunks:
            if isinstance(chunk, TextDelta) and chunk.kind == "text":
                if chunk.new:
                    self._flush(chunk.choice, out)
                self._take(chunk, out)
            elif isinstance(chunk, Start | Counted | CitationDelta | SignatureDelta):
                out.append(chunk)
            else:
                self._flush(chunk.choice, out)
                out.append(chunk)
        return out

    def close(self) -> list[Chunk]:
        """Return what is left."""
        out: list[Chunk] = []
        for choice in sorted({*self._raw, *self._ready}):
            self._flush(choice, out)
        return out

    def _take(self, chunk: TextDelta, out: list[Chunk]) -> None:
        at, ready = chunk.choice, chunk.text
        if self._format is not None:
            held = self._raw.get(at)
            if held is None:
                held = self._raw[at] = Blocks(whole=self._format in ("json", "code"))
            ready = held.feed(ready)
            ready = formatted(ready, self._format) if ready else ""
        self._cut(at, ready, out)

    def _cut(self, at: int, text: str, out: list[Chunk], *, all_: bool = False) -> None:
        text = self._ready.get(at, "") + text
        if self._piece is None:
            if text:
                out.append(TextDelta(text, at))
            self._ready[at] = ""
            return
        end = 0
        while found := self._piece.match(text, end):  # from here alone: a search would try every later place as well
            if found.end() == len(text) and not all_ and len(found[0]) < MAX_PIECE:
                break  # it may go on
            out.append(TextDelta(found[0], at))
            end = found.end()
        if len(text) - end > (0 if all_ else MAX_PIECE):
            out.append(TextDelta(text[end:], at))
            end = len(text)
        self._ready[at] = text[end:]

    def _flush(self, at: int, out: list[Chunk]) -> None:
        held = self._raw.pop(at, None)
        rest = held.rest() if held is not None else ""
        self._cut(at, formatted(rest, self._format) if rest else "", out, all_=True)


class Blocks:
    """Markdown that comes in pieces, told apart into the blocks that cannot change any more and those that may.

    With *whole*, nothing can be told before the end.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self._whole = whole
        self._held: list[str] = []
        self._line: list[str] = []
        """The last line, which has no end yet."""
        self._size = 0
        self._fence = ""
        self._blank = True
        """The line before was empty."""

    def feed(self, text: str) -> str:
        """Take *text*; return the blocks that are complete. Raise ``UpstreamFailed`` past what may be held."""
        self._size += len(text)
        if self._size > HELD:
            raise UpstreamFailed(
                f"The answer has over {HELD:,} characters in one piece, too many to be formatted.",
                status=502,
                code="upstream_invalid_response",
                retry=False,
            )
        head, end, tail = text.rpartition("\n")
        if self._whole or not end:
            self._line.append(text)
            return ""
        lines = ("".join(self._line) + head + end).splitlines(keepends=True)
        self._line = [tail] if tail else []
        ready: list[str] = []
        for line in lines:
            if self._begins(line):
                ready += self._held
                self._held = []
            self._held.append(line)
        done = "".join(ready)
        self._size -= len(done)
        return done

    def rest(self) -> str:
        """Return what is held."""
        return "".join(self._held) + "".join(self._line)

    def _begins(self, line: str) -> bool:
        """Whether *line* begins a block that no line before it belongs to."""
        found, begins = FENCE.match(line), False
        if found is not None:
            mark = found[1]
            if not self._fence:
                self._fence = mark
            elif mark[0] == self._fence[0] and len(mark) >= len(self._fence) and not line.strip().strip(mark[0]):
                self._fence = ""
        elif not self._fence:
            begins = self._blank and not line.isspace() and not GOES_ON.match(line)
        self._blank = line.isspace()
        return begins


def _plain(tokens: Iterable[Any]) -> Iterable[str]:
    """The words of parsed Markdown, blocks apart."""
    depth: list[str] = []
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            depth.append(token.type)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            depth.pop()
            if not depth:
                yield "\n"
        elif token.type == "list_item_open":
            mark = f"{token.info}. " if depth[-1] == "ordered_list_open" else "- "
            yield "  " * (len(depth) - 1) + mark
        elif token.type in ("fence", "code_block"):
            yield token.content + "\n"
        elif token.type == "inline":
            yield _words(token.children or ()) + ("\n" if depth or token.level == 0 else "\n\n")


def _words(tokens: Iterable[Any]) -> str:
    said: list[str] = []
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            said.append("\n")
        elif token.type == "image":
            said.append(_words(token.children or ()))
        elif token.content:
            said.append(token.content)
    return "".join(said)


@cache
def _markdown() -> Any:
    from markdown_it import MarkdownIt  # here, because few calls ask for it

    return MarkdownIt("commonmark", PARSER_RULES).enable(["table", "strikethrough"])
