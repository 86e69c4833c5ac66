"""Counting tokens: by a real tokenizer where the family is known, by bytes where a glance must do.

The vocabularies ``o200k_base`` and ``cl100k_base`` ship with the package; the code that reads them is the optional
``tiktoken`` library. One is loaded at its first use (about 0.2 s and 55 MB for the larger), so nobody pays who never
counts. :func:`count` and :func:`count_request` block: run them in a thread, as :func:`counted` does.
"""

import lzma
from asyncio import to_thread
from collections.abc import Iterator
from functools import cache
from threading import Lock
from typing import Any

import msgspec

from headgate.core.chat import Audio, File, Image, Part, Refusal, Request, Text, Thinking, ToolCall, ToolResult
from headgate.models.table import DATA
from headgate.providers.sandbox import pieces as sandbox

BYTES_PER_TOKEN = 3
"""Recorded answers have 3.3 UTF-8 bytes in a token (code and JSON 2.6, prose 4.7): an estimate on the safe side."""
MARGIN = 10
"""Percent added where a family's own tokenizer is not public."""
SLICE = 16_384
"""Characters encoded at a time: the tokenizer's work can grow faster than a text without blanks does."""
PER_MESSAGE = 4
PER_REQUEST = 3
PER_TOOL = 12
PER_IMAGE = 1_600
"""Tokens of one image at the usual vendors' full detail (Anthropic bounds it so; OpenAI's highest is near)."""
BYTES_PER_AUDIO_TOKEN = 100
BYTES_PER_FILE_TOKEN = 20
LOADING = Lock()

PATTERNS = {
    "o200k_base": "|".join(
        [
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
            r"\p{N}{1,3}",
            r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
            r"\s*[\r\n]+",
            r"\s+(?!\S)",
            r"\s+",
        ]
    ),
    "cl100k_base": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    ),
}
"""How each vocabulary cuts text before it merges bytes, as tiktoken's ``openai_public.py`` has it."""
OLD = ("gpt-4-", "gpt-3.5", "gpt-35", "text-embedding-", "davinci-002", "babbage-002")
NEW = ("gpt-", "chatgpt-", "o1", "o3", "o4", "gpt-oss")


def estimate(text_bytes: int) -> int:
    """Return about how many tokens so many bytes of UTF-8 text are; rather too many than too few."""
    return -(-text_bytes // BYTES_PER_TOKEN)


def count(text: str, model: str) -> int:
    """Return how many tokens *text* is for *model* (``provider/model`` or bare). Blocks; see the module."""
    if model.startswith("sandbox/"):
        return sandbox.count(text)
    name, margin = family(model)
    encoder = _encoder(name)
    if encoder is None:
        return estimate(len(text.encode("utf-8", "replace")))
    found = 0
    for start in range(0, len(text), SLICE):
        part = text[start : start + SLICE]
        if not part.isascii():
            part = part.encode("utf-8", "replace").decode()  # half of a surrogate pair is no text to the tokenizer
        found += len(encoder.encode_ordinary(part))
    return found + -(-found * margin // 100)


def count_request(request: Request) -> int:
    """Return how many tokens the prompt of *request* is: messages, tools, and bounds for what is not text. Blocks."""
    text: list[str] = []
    fixed = PER_REQUEST + PER_MESSAGE * len(request.messages)
    for message in request.messages:
        fixed += _read(message.parts, text)
    for tool in request.tools or ():
        text.append(tool.name)
        text.append(tool.description or "")
        text.append(msgspec.json.encode(tool.parameters or {}).decode())
        fixed += PER_TOOL
    if request.format is not None and request.format.schema is not None:
        text.append(msgspec.json.encode(request.format.schema).decode())
    return fixed + count("\n".join(text), request.model)


async def counted(request: Request) -> int:
    """Return :func:`count_request`, worked out in a thread."""
    return await to_thread(count_request, request)


def family(model: str) -> tuple[str, int]:
    """Return the vocabulary that counts for *model*, and the percentage to add."""
    bare = model.rpartition("/")[2].removeprefix("ft:")
    if bare == "gpt-4" or bare.startswith(OLD):
        return "cl100k_base", 0
    return "o200k_base", 0 if bare.startswith(NEW) else MARGIN


def _read(parts: list[Part], text: list[str]) -> int:
    """Gather the text of *parts*; return the tokens of what is not text."""
    fixed = 0
    for part in parts:
        match part:
            case Text() | Refusal() | Thinking():
                text.append(part.text)
            case ToolCall():
                text += (part.name, part.arguments)
            case ToolResult():
                fixed += _read(part.parts, text)
            case Image():
                fixed += PER_IMAGE
            case Audio():
                fixed += len(part.data) // BYTES_PER_AUDIO_TOKEN
            case File():
                fixed += len(part.data or "") // BYTES_PER_FILE_TOKEN
    return fixed


def _encoder(name: str) -> Any:
    """Return what turns text into tokens; ``None`` where the library is absent. One thread loads, others wait."""
    with LOADING:
        return _loaded(name)


@cache
def _loaded(name: str) -> Any:
    try:
        from tiktoken import Encoding  # optional, and only here: it is large
    except ImportError:
        return None
    ranks = {token: rank for rank, token in enumerate(vocabulary(name))}
    encoding = Encoding(name, pat_str=PATTERNS[name], mergeable_ranks=ranks, special_tokens={})
    # The library keeps the ranks a second time in Python; the compiled part alone can do all that is asked here.
    return getattr(encoding, "_core_bpe", encoding)


def vocabulary(name: str) -> Iterator[bytes]:
    """Yield the tokens of a shipped vocabulary, in the order of their ranks."""
    raw = lzma.decompress((DATA / f"{name}.xz").read_bytes())
    size = int.from_bytes(raw[:4], "little")
    at = 4 + size
    for length in raw[4 : 4 + size]:
        yield raw[at : at + length]
        at += length
