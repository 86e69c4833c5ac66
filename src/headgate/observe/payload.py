"""What was said in a call, as it is kept: masked or marked, compressed, and sealed.

The row's ``body`` is a :class:`Payload` in JSON, compressed by zlib and sealed for its tenant and call: who has the
database alone reads nothing. Its ``text`` is what a search looks in: the masked text of both sides, in clear. What is
kept in full has none, for it would stand there as it was.
"""

import logging
import re
import zlib
from typing import Any, Literal

import msgspec

from headgate.observe import said
from headgate.observe.spool import Frame, Seals
from headgate.observe.veil import Find, Mark, Veil
from headgate.storage.payloads_sql import PayloadRow

log = logging.getLogger("headgate.payloads")
LEVEL = 3
"""Of zlib: twice the speed of its usual one, and a tenth more bytes."""
MOST_OPENED = 128 * 1024 * 1024
BINARY = "<BINARY>"
_CALLING = re.compile(rb"(?i)tool|function")
"""One of these stands in every answer that has something called, whatever its dialect."""


class Side(msgspec.Struct, omit_defaults=True):
    """What one of the two said."""

    size: int
    """Bytes, kept or not."""
    cut: bool = False
    """There was more than may be kept."""
    text: str = ""
    document: Any = None
    """The JSON document; of a stream, what it would have been whole."""
    raw: str | None = None
    """What is no JSON, or was cut."""
    base64: bool = False
    """``raw`` is."""
    found: dict[str, int] = {}
    """Kinds of secrets and personal data, and how many of each."""
    marks: list[Mark] = []
    """Where they stand: path, start, end, kind. Only where nothing was masked."""
    tool_calls: list[dict[str, str]] = []


class Payload(msgspec.Struct):
    """What was said in one call."""

    level: Literal["redacted", "full"]
    operation: str
    dialect: str
    request: Side
    answer: Side


_payload = msgspec.json.Decoder(Payload).decode


def payload_of(frame: Frame, find: Find) -> Payload:
    """Return what is kept of *frame*; *find* finds what is to be masked."""
    taken = frame.taken
    masks, dialect = taken.level != "full", taken.dialect
    request = said.request_of(frame.request, taken.request_bytes, taken.limit, taken.media)
    answer = said.answer_of(dialect, frame.answer, taken.answer_bytes, taken.limit, streamed=taken.streamed)
    made = _instant(answer.document)
    asked, answered = _side(request, find, masks=masks), _side(answer, find, masks=masks)
    if made:
        answered.document |= made
    asked.text = said.asked_text(dialect, asked.document)
    answered.text = said.answered_text(dialect, answered.document)
    if _CALLING.search(frame.answer) is not None:
        answered.tool_calls = said.tool_calls(dialect, answered.document)
    return Payload(
        level="redacted" if masks else "full",
        operation=taken.operation,
        dialect=dialect,
        request=asked,
        answer=answered,
    )


def _instant(document: Any) -> dict[str, int]:
    """Take from an answer when it was made, which looks like somebody's number; return it as it stood there."""
    if not isinstance(document, dict):
        return {}
    made = {name: document[name] for name in ("created", "created_at") if type(document.get(name)) is int}
    document.update(dict.fromkeys(made, 0))
    return made


def _side(one: said.Said, find: Find, *, masks: bool) -> Side:
    veil = Veil(find, masks=masks)
    raw, base64 = said.plain(one.raw)
    if raw is not None and not base64:
        raw = veil.text(raw)
    elif masks and base64:
        raw, base64 = BINARY, False
    document = veil.over(one.document)
    return Side(
        size=one.size,
        cut=one.cut,
        document=document,
        raw=raw,
        base64=base64,
        found=dict(veil.found),
        marks=[] if masks else veil.marks,
    )


def row_of(frame: Frame, find: Find, sealer: Seals) -> PayloadRow:
    """Return what is stored of *frame*."""
    taken, payload = frame.taken, payload_of(frame, find)
    body = sealer.seal(zlib.compress(msgspec.json.encode(payload), LEVEL), about(taken.tenant_id, taken.id))
    text = None
    if payload.level == "redacted":
        text = f"{payload.request.text}\n{payload.answer.text}"[: 2 * said.MOST_TEXT].replace("\x00", "\ufffd").strip()
    return PayloadRow(
        taken.id,
        taken.tenant_id,
        taken.at,
        taken.key_id,
        taken.end_user,
        payload.level,
        len(body),
        body,
        text,
    )


def opened(row: PayloadRow, sealer: Seals) -> Payload:
    """Return what a row holds; raise what *sealer* raises where it is not as it was stored."""
    return opened_body(row.tenant_id, row.id, row.body, sealer)


def opened_body(tenant_id: str, id: str, body: bytes, sealer: Seals) -> Payload:
    """Return what the *body* of a row holds; raise as :func:`opened`."""
    return _payload(zlib.decompressobj().decompress(sealer.open(body, about(tenant_id, id)), MOST_OPENED))


def readable(tenant_id: str, id: str, body: bytes | None, sealer: Seals) -> Payload | None:
    """Return what the *body* of a row holds, ``None`` without one or where it cannot be opened: others still can."""
    try:
        return None if body is None else opened_body(tenant_id, id, body, sealer)
    except Exception as error:  # sealed under another key, or damaged
        log.warning("what was said in the call %s cannot be read: %s", id, error)
        return None


def about(tenant_id: str, id: str) -> bytes:
    """Return what is authenticated with a sealed payload: in another's place it cannot be opened."""
    return f"payload\0{tenant_id}\0{id}".encode()
