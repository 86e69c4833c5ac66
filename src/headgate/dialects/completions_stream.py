"""Reads and writes Completions streams, <https://platform.openai.com/docs/api-reference/completions/create>."""

from typing import Any

from headgate.core.chat import Chunk, Counted, End, PartDelta, Request, Start, TextDelta
from headgate.dialects import wire
from headgate.dialects.completions_logprobs import to_chat, to_completions
from headgate.dialects.completions_reply import finish_of
from headgate.dialects.completions_words import FINISH
from headgate.dialects.openai_choices import ChoicesReader, ChoicesWriter
from headgate.dialects.openai_reply import reasons
from headgate.dialects.pictures import no_room


class CompletionsReader(ChoicesReader):
    """See :class:`headgate.dialects.base.Reader`."""

    __slots__ = ()
    most = 2**18  # 128 answers to each of 2,048 prompts
    finishes = FINISH

    def _say(self, raw: dict[str, Any], at: int, chunks: list[Chunk]) -> None:
        text, logprobs = raw.get("text"), to_chat(raw.get("logprobs"))
        if (isinstance(text, str) and text) or logprobs is not None:
            chunks.append(TextDelta(text if isinstance(text, str) else "", at, logprobs=logprobs))


class CompletionsWriter(ChoicesWriter):
    """Prints chunks for a Completions client."""

    __slots__ = ("_offsets",)
    kind = "text_completion"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._offsets: dict[int, int] = {}
        """Characters of each choice so far, once log probabilities tell of them."""

    def write(self, chunks: list[Chunk]) -> bytes:
        """Return the events for *chunks*."""
        out: list[bytes] = []
        for chunk in chunks:
            if isinstance(chunk, TextDelta):
                self._text(chunk, out)
            elif isinstance(chunk, Start):
                self._start(chunk.id, chunk.model, chunk.created)
            elif isinstance(chunk, End):
                choice = {"text": "", "index": chunk.choice, "logprobs": None, "finish_reason": finish_of(chunk.finish)}
                self._event(choice | reasons(chunk.finish, chunk.native, chunk.stop_sequence), out)
            elif isinstance(chunk, Counted):
                self._usage = chunk.usage
            elif isinstance(chunk, PartDelta):
                raise no_room()
        return b"".join(out)

    def _text(self, chunk: TextDelta, out: list[bytes]) -> None:
        choice: dict[str, Any] = {"text": chunk.text, "index": chunk.choice, "logprobs": None, "finish_reason": None}
        if chunk.kind == "thinking":
            choice["text"], choice["reasoning"] = "", chunk.text
        elif chunk.logprobs is not None:
            offset = self._offsets.get(chunk.choice, 0)
            choice["logprobs"] = to_completions(chunk.logprobs, offset)
            self._offsets[chunk.choice] = offset + len(chunk.text)
        if chunk.text or chunk.logprobs is not None:
            self._event(choice, out)

    def _event(self, choice: dict[str, Any], out: list[bytes]) -> None:
        self._prepare()
        out.append(b'%b"choices":[%b]%b' % (self._before, wire.encode(choice), self._after))
