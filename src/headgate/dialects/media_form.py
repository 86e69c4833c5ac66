"""Forms (``multipart/form-data``, RFC 7578) as the gateway reads them: where each field stands, and nothing unpacked.

What an upstream might read in another way is refused: were the model that is paid for read from one field and the
model that answers from another, limits and prices would be void.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, NoReturn

import msgspec

from headgate.core.errors import BadRequest
from headgate.dialects.envelope import Envelope
from headgate.dialects.json_guard import FORBIDDEN, not_allowed
from headgate.dialects.text import Path, Piece

MEDIA = b"multipart/form-data"
MAX_FIELDS = 256
MAX_HEAD = 8192
MAX_TEXT = 1 << 20
SOUND_PER_TOKEN = 32
"""Bytes of a file that one token stands for at least: a tenth of a second, in the thriftiest codec for speech."""
SETTINGS = frozenset((
    "model", "language", "response_format", "temperature", "stream", "chunking_strategy", "timestamp_granularities[]",
    "include[]", "known_speaker_references[]",
))  # fmt: skip
"""Fields that are no text."""
_BOUNDARY = re.compile(rb"[ -!#-\[\]-~]{0,69}[!#-\[\]-~]\Z")
_PARAMETER = re.compile(rb"[ \t]*;[ \t]*([A-Za-z]+\*?)=(?:\"((?:[^\"\\\r\n]|\\[^\r\n])*)\"|([^\s\";]+))")
_NAME = re.compile(rb"[A-Za-z0-9_.\[\]-]{1,128}\Z")
_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*)\Z")
_PLAIN = frozenset((b"7bit", b"8bit", b"binary"))
_encode = msgspec.json.encode


class Field(NamedTuple):
    """One field: its bytes are ``body[start:end]``."""

    name: str
    is_file: bool
    start: int
    end: int


class FormEnvelope(Envelope, gc=False, kw_only=True):
    """A request that came as a form. ``fields`` has every text as JSON, ``null`` for a file."""

    content_type: bytes
    """As it came, with the boundary."""
    at: tuple[int, int]
    """Where the model stands."""
    file: tuple[int, int]
    """Where the file stands."""

    @property
    def bound(self) -> int:
        """The most tokens that the prompt can be."""
        size = self.file[1] - self.file[0]
        return len(self.body) - size + size // SOUND_PER_TOKEN

    def patched(self, model: str, *, include_usage: bool = False, max_tokens: int | None = None) -> bytes:
        """Return the body for *model*, every other byte as it came."""
        if model == self.model:
            return self.body
        start, end = self.at
        return b"".join((self.body[:start], model.encode(), self.body[end:]))


def fields_of(body: bytes, content_type: bytes) -> list[Field]:
    """Return the fields of a form, in order; raise ``BadRequest('invalid_form')`` for what is none, or ambiguous."""
    line = b"--" + _boundary(content_type)
    if not body.startswith(line + b"\r\n"):
        _refuse("the body does not begin with the boundary that content-type names")
    delimiter = b"\r\n" + line
    found: list[Field] = []
    at = len(line) + 2
    while True:
        head_end = body.find(b"\r\n\r\n", at, at + MAX_HEAD)
        if head_end < 0:
            _refuse("the header lines of a field do not end")
        start = head_end + 4
        end = body.find(delimiter, start)
        if end < 0:
            _refuse("it ends too early: its last boundary is missing")
        name, is_file = _disposition(body[at:head_end])
        found.append(Field(name, is_file, start, end))
        if len(found) > MAX_FIELDS:
            _refuse(f"it has more than {MAX_FIELDS} fields")
        at = end + len(delimiter)
        sign = body[at : at + 2]
        at += 2
        if sign == b"--":
            if body[at:] not in (b"", b"\r\n"):
                _refuse("something follows its last boundary")
            return found
        if sign != b"\r\n":
            _refuse("a line begins with the boundary and goes on")


def texts_of(body: bytes, found: list[Field]) -> tuple[dict[str, str], dict[str, Field]]:
    """Return the texts and the files of a form by name; of a name that ends in ``[]`` the last one.

    Raise ``BadRequest``: ``duplicate_key``, ``parameter_not_allowed``, ``invalid_encoding``.
    """
    texts: dict[str, str] = {}
    files: dict[str, Field] = {}
    for field in found:
        name = field.name
        if (name in texts or name in files) and not name.endswith("[]"):
            raise BadRequest(f"The field {name!r} stands twice in the form.", code="duplicate_key", param=name)
        if name in FORBIDDEN:
            raise not_allowed(name)
        if field.is_file:
            files[name] = field
            continue
        if field.end - field.start > MAX_TEXT:
            raise BadRequest(
                f"Invalid value for {name!r}: a text of a form has at most {MAX_TEXT} bytes.",
                code="invalid_value",
                param=name,
            )
        try:
            texts[name] = body[field.start : field.end].decode()
        except UnicodeDecodeError:
            raise BadRequest(f"The field {name!r} is not UTF-8.", code="invalid_encoding", param=name) from None
    return texts, files


def raw_fields(texts: dict[str, str], files: dict[str, Field]) -> dict[str, msgspec.Raw]:
    """Return what :class:`FormEnvelope` keeps as ``fields``."""
    none = msgspec.Raw(b"null")
    return {name: msgspec.Raw(_encode(text)) for name, text in texts.items()} | dict.fromkeys(files, none)


def texts_in(body: bytes, content_type: bytes) -> Iterator[Piece]:
    """Yield the text of a form that was read before."""
    for i, field in enumerate(fields_of(body, content_type)):
        if not field.is_file and field.name not in SETTINGS and field.start < field.end:
            yield Piece(_path(field, i), body[field.start : field.end].decode(), "user")


def refilled(body: bytes, content_type: bytes, edits: Mapping[Path, str | None]) -> bytes:
    """Return the form with the texts at the paths of *edits* replaced, every other byte as it came."""
    out: list[bytes] = []
    at = 0
    for i, field in enumerate(fields_of(body, content_type)):
        text = edits.get(_path(field, i))
        if text is not None:
            out += [body[at : field.start], text.encode()]
            at = field.end
    return b"".join((*out, body[at:]))


def _path(field: Field, i: int) -> Path:
    return (field.name, i) if field.name.endswith("[]") else (field.name,)


def _boundary(content_type: bytes) -> bytes:
    given = _parameters(content_type, len(MEDIA))
    found = given.get(b"boundary", b"")
    if not _BOUNDARY.match(found) or b"boundary*" in given:
        _refuse("content-type must name its boundary")
    return found


def _parameters(line: bytes, at: int) -> dict[bytes, bytes]:
    """Return the parameters of a header's value from offset *at* on, names in lower case, each once."""
    given = dict[bytes, bytes]()
    while match := _PARAMETER.match(line, at):
        key, at = match[1].lower(), match.end()
        if key in given:
            _refuse("a header names a parameter twice")
        given[key] = match[2] if match[2] is not None else match[3]
    if line[at:].strip(b" \t;"):
        _refuse('a header cannot be read: write name="value" after each semicolon')
    return given


def _disposition(head: bytes) -> tuple[str, bool]:
    """Return the name that a field's header lines give it, and whether it is a file."""
    said: bytes | None = None
    for line in head.split(b"\r\n"):
        parts = _LINE.match(line)
        if parts is None:
            _refuse("a field has a header line that is none")
        name = parts[1].lower()
        if name == b"content-disposition":
            if said is not None:
                _refuse("a field has two content-disposition lines")
            said = parts[2]
        elif name == b"content-transfer-encoding" and parts[2].strip().lower() not in _PLAIN:
            _refuse("a field has a content-transfer-encoding; send its bytes as they are")
    if said is None or said[:9].lower() != b"form-data":
        _refuse("a field lacks its content-disposition: form-data line")
    given = _parameters(said, 9)
    field = given.get(b"name", b"")
    if b"name*" in given or not _NAME.match(field):
        _refuse("a field's name must be of letters, digits and ._-[]")
    return field.decode("ascii"), b"filename" in given or b"filename*" in given


def _refuse(why: str) -> NoReturn:
    raise BadRequest(f"The body is not a form that can be read: {why}.", code="invalid_form")
