"""Pictures, sound and documents in answers: how chat clients are told of pictures, and what has no room is named."""

from collections.abc import Callable, Iterable
from typing import Any

from headgate.core.chat import Audio, Chunk, File, Image, Part, PartDelta, Reply
from headgate.core.errors import UpstreamFailed
from headgate.core.money import Usage
from headgate.dialects.openai_shapes import DATA
from headgate.dialects.upstream import untold

Medium = Image | Audio | File
ANSWER = "answer."
"""How the names of what an answer lost begin."""


def has_no_room(part: Medium) -> bool:
    """A format without room for any."""
    return False


def is_image(part: Medium) -> bool:
    """A format with room for pictures."""
    return isinstance(part, Image)


def is_bytes(part: Medium) -> bool:
    """A format with room for pictures that are there themselves, not their address alone."""
    return isinstance(part, Image) and part.data is not None


def name_lost(reply: Reply, parts: Iterable[Part], room: Callable[[Medium], bool] = has_no_room) -> None:
    """Name in *reply* what of the *parts* that are printed of it is left out, for want of *room* in its format."""
    for part in parts:
        if isinstance(part, Medium) and not room(part):
            name = f"{ANSWER}{type(part).__name__.lower()}"
            if name not in reply.dropped:
                reply.dropped.append(name)


def fitting(chunks: list[Chunk], room: Callable[[Medium], bool]) -> list[Chunk]:
    """Return *chunks* up to the first that there is no *room* for."""
    for at, chunk in enumerate(chunks):
        if isinstance(chunk, PartDelta) and not room(chunk.part):
            return chunks[:at]
    return chunks


def no_room(usage: Usage | None = None) -> UpstreamFailed:
    """The failure of a stream that its caller's format has no room for; *usage* is what all of it used, if known."""
    return untold("answered with a picture or sound, which a stream of the caller's API has no room for", usage)


def images_in(listed: Any) -> list[Image]:
    """Read the pictures of a chat answer, in the form that OpenRouter made common."""
    found = []
    for item in listed if isinstance(listed, list) else ():
        inner = item.get("image_url") if isinstance(item, dict) else None
        url = inner.get("url") if isinstance(inner, dict) else inner
        if isinstance(url, str) and url:
            data = DATA.fullmatch(url)
            found.append(Image(url=url) if data is None else Image(data=data[2], media_type=data[1]))
    return found


def printed_image(part: Image, index: int | None = None) -> dict[str, Any]:
    """Print a picture of a chat answer, in a stream with its number."""
    url = part.url if part.data is None else f"data:{part.media_type or 'image/png'};base64,{part.data}"
    return {"type": "image_url", "image_url": {"url": url}} | ({"index": index} if index is not None else {})
