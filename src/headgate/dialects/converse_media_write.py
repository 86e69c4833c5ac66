"""Writes the pictures, sounds and documents of a Converse request: bytes, as the API takes no URLs."""

import base64
import re
from typing import Any

from headgate.core.chat import Audio, File, Image, Part
from headgate.dialects.contract.bedrock_converse import NEUTRAL
from headgate.dialects.converse_words import AUDIOS, DOCUMENTS, IMAGES
from headgate.dialects.fit import Fit

Block = dict[str, Any]
MAX_NAME = 200
_NO_NAME = re.compile(r"[^a-zA-Z0-9 ()\[\]-]+")  # what a document's name may not have


def carried(part: Part, fit: Fit) -> tuple[str, ...]:
    """Name the fields of another dialect that a document is written with."""
    return ("context", "citations") if fit.source == "anthropic-messages" and isinstance(part, File) else ()


def write_image(part: Image, path: str, fit: Fit) -> Block | None:
    """Write a picture; ``None`` where it was left out."""
    if part.detail not in (None, "auto"):
        fit.ignore(fit.inner(path, "parts.detail"))
    if part.data is None:
        fit.leave(NEUTRAL["parts.image_url"], fit.inner(path, "parts.image_url"))
        return None
    type_ = part.media_type or ""
    format_ = IMAGES.get(type_) or (type_.removeprefix("image/") if fit.same else None)
    if format_ is None:
        fit.refuse(path, "Images can be PNG, JPEG, GIF or WebP here")
        return None
    return {"image": {"format": format_, "source": {"bytes": part.data}}}


def write_audio(part: Audio, path: str, fit: Fit) -> Block | None:
    """Write a sound; ``None`` where it was left out."""
    if part.format not in AUDIOS and not fit.same:
        fit.refuse(path, f"Audio can be {', '.join(sorted(AUDIOS))} here")
        return None
    return {"audio": {"format": part.format, "source": {"bytes": part.data}}}


class Documents:
    """Writes the documents of one conversation, and names them: the API wants each name once."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        """Every name given, and the last number that was put behind it."""

    def write(self, part: File, path: str, fit: Fit) -> Block | None:
        """Write a document; ``None`` where it was left out."""
        if part.data is None:
            row = "parts.file_url" if part.url is not None else "parts.file_id"
            fit.leave(NEUTRAL[row], fit.inner(path, row))
            return None
        if fit.same:
            return {"document": _again(part, fit)}
        extension = (part.name or "").rpartition(".")[2].lower()
        format_ = DOCUMENTS.get(part.media_type or "") or (extension if extension in DOCUMENTS.values() else None)
        if format_ is None:
            fit.refuse(path, f"Documents can be {', '.join(DOCUMENTS.values())} here")
            return None
        document: Block = {"name": self._name(part.name, path, fit), "format": format_, "source": {"bytes": part.data}}
        given = part.extra.fields if part.extra is not None else {}
        document |= {name: given[name] for name in carried(part, fit) if name in given}
        return {"document": document}

    def _name(self, given: str | None, path: str, fit: Fit) -> str:
        """Return a name that the API takes, and say so where it is another than was given.

        One is required, it has few signs, and no two documents may have the same.
        """
        said = _NO_NAME.sub("-", " ".join((given or "").split()))[: MAX_NAME - 8]
        base = name = said or "document"
        while name in self._names:
            self._names[base] += 1
            name = f"{base} {self._names[base]}"
        self._names[name] = 1
        if name != given:
            fit.defaulted.append(f"{path}.name={name.replace(' ', '-')}")
        return name


def _again(part: File, fit: Fit) -> Block:
    """Write a document of the same dialect as it was."""
    source = {"bytes": part.data}
    if fit.form(part.extra, "source") == "text":
        source = {"text": base64.b64decode(part.data or "").decode("utf-8", "surrogatepass")}
    document: Block = {"name": part.name, "source": source}
    format_ = fit.form(part.extra, "format") or DOCUMENTS.get(part.media_type or "")
    if format_ != "absent":
        document["format"] = format_
    return document
