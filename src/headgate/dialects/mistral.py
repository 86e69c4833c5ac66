"""What Mistral's chat does otherwise than OpenAI's, <https://docs.mistral.ai/api/endpoint/chat>."""

import re
from hashlib import blake2b
from string import ascii_letters, digits
from typing import Any

from headgate.core.chat import Thinking

NAME = "mistral"
"""Whose the proofs of its thoughts are."""
THINKING = frozenset({"reasoning_effort", "prompt_mode"})
"""Fields that make a model think: its answer then has a list of contents, of which OpenAI's clients know nothing."""
_OWN_ID = re.compile(r"[A-Za-z0-9]{9}\Z")
_IDS = re.compile(rb'"tool_call_id"\s*:\s*"([^"]*)"')
_LETTERS = digits + ascii_letters


def call_id(foreign: str) -> str:
    """Return an id of nine letters and digits, as it wants them: its own as they are, others always the same.

    A call and its result get the same id, and no two calls do but by a chance of one in 10**16. Nothing has to be
    turned back: an id that Mistral made is not changed, and it never repeats one of ours.
    """
    if _OWN_ID.match(foreign):
        return foreign
    number = int.from_bytes(blake2b(foreign.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    letters = []
    for _ in range(9):
        number, at = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[at])
    return "".join(letters)


def foreign(body: bytes) -> bool:
    """Tell whether a request has thoughts in OpenAI's place for them, or ids of calls that Mistral did not make."""
    return b'"reasoning' in body or any(not _OWN_ID.match(id_.decode("latin-1")) for id_ in _IDS.findall(body))


def mend(document: dict[str, Any], thoughts: list[list[Thinking]]) -> None:
    """Write thoughts, sound and files of a request as Mistral has them: all of them are parts of the content."""
    turns = iter(thoughts)
    for message in document["messages"]:
        content = message.get("content")
        if isinstance(content, list):
            message["content"] = content = [_block(block) for block in content]
        thought = next(turns, []) if message.get("role") == "assistant" else []
        if not thought:
            continue
        blocks = [_thinking(one) for one in thought]
        if isinstance(content, str) and content:
            blocks.append({"type": "text", "text": content})
        elif isinstance(content, list):
            blocks += content
        message["content"] = blocks


def _thinking(thought: Thinking) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "thinking", "thinking": [{"type": "text", "text": thought.text}]}
    if thought.signature is not None and thought.source == NAME:
        block["signature"] = thought.signature
    return block | {"closed": True}


def _block(block: dict[str, Any]) -> dict[str, Any]:
    kind, inner = block.get("type"), block.get(str(block.get("type")))
    if not isinstance(inner, dict):
        return block
    if kind == "input_audio":
        return {"type": "input_audio", "input_audio": inner.get("data", "")}
    if kind == "file" and "file_id" in inner:
        return {"type": "file", "file_id": inner["file_id"]}
    if kind == "file":
        named = {"document_name": inner["filename"]} if "filename" in inner else {}
        return {"type": "document_url", "document_url": inner.get("file_data", ""), **named}
    return block
