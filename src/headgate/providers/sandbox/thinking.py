"""The sandbox's reasoning: shown where an effort is asked for, with a proof that it wants back unchanged."""

from hashlib import blake2b

from headgate.dialects.openai_words import NAME
from headgate.providers.sandbox.answer import Refused
from headgate.providers.sandbox.pieces import pieces
from headgate.providers.sandbox.wire import Chat, Detail, encode

BEGIN = "sbx1."
QUOTE = 80


def think(chat: Chat) -> list[str]:
    """Return the pieces of what is thought before the answer, and leave the answer the tokens that remain.

    Nothing is thought where no effort is asked for, or where no token would remain.
    """
    if chat.reasoning_effort in (None, "none"):
        return []
    asked = next((m.text for m in reversed(chat.messages) if m.role in ("user", "tool") and m.text), "")
    line = " ".join(asked[: QUOTE * 2].split())[:QUOTE]
    said = pieces(f"With {chat.reasoning_effort} effort: “{line}” is what matters here; it is answered next.")
    limit = chat.max_completion_tokens if chat.max_completion_tokens is not None else chat.max_tokens
    if limit is None:
        return said
    if len(said) >= limit:
        return []
    chat.max_completion_tokens = limit - len(said)
    return said


def proof(text: str) -> str:
    """Return what proves that *text* was thought here."""
    return BEGIN + blake2b(text.encode("utf-8", "replace"), digest_size=24, key=b"sandbox").hexdigest()


def detail(text: str) -> bytes:
    """Return one item of ``reasoning_details``; it is whole in streams too, for a client sends it back as it came."""
    item = {"type": "reasoning.text", "text": text, "signature": proof(text), "format": NAME}
    return encode(item | {"index": 0})


def check(chat: Chat) -> None:
    """Raise ``Refused`` for a thought that comes back changed, as those who sign them do."""
    for at, message in enumerate(chat.messages):
        for number, item in enumerate(message.reasoning_details or ()):
            if _ours(item) and item.signature != proof(item.text or ""):
                raise Refused(
                    "The signature does not fit the thought: send thoughts back as they came, or leave them out.",
                    f"messages[{at}].reasoning_details[{number}].signature",
                )


def _ours(item: Detail) -> bool:
    return item.format == NAME and item.signature is not None and item.signature.startswith(BEGIN)
