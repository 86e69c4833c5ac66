"""A finished call as one row of an export: the fields of its record, and some worked out from them.

JSON lines have every field; in Parquet those that are objects are JSON text. No credential is in any text of them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from headgate.core.money import usd
from headgate.core.record import Record
from headgate.observe.clean import clean
from headgate.observe.lines import ESCAPED
from headgate.observe.payload import Payload

Kind = Literal["text", "texts", "instant", "whole", "float", "flag", "json"]


def _each(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


KINDS: dict[str, Kind] = {
    **_each(
        "text",
        "id trace_id parent_id tenant_id key_id team_id user_id app_id end_user session surface operation route "
        "model_requested model_used provider_used routing_reason status code error_message finish billed part_of "
        "shadow_of address cost_usd payload_level request_text answer_text",
    ),
    **_each("texts", "tags passed dropped defaulted"),
    **_each("float", "latency_ms total_ms overhead_ms first_token_ms"),
    **_each(
        "whole",
        "http_status input_tokens output_tokens cached_tokens cache_write_tokens reasoning_tokens total_tokens "
        "cost_nano held_nano resumed bytes_in bytes_out worker",
    ),
    "at": "instant",
    "stream": "flag",
}
"""What a column is; any other is JSON."""
TOKENS = ("input", "output", "cached", "cache_write", "reasoning", "total")
FIELDS = Record.__struct_fields__
COLUMNS = (*FIELDS, *(f"{name}_tokens" for name in TOKENS), "cost_usd")
SAID = ("payload_level", "request_text", "answer_text", "request_document", "answer_document", "tool_calls")
"""Further columns, where an export has what was said."""

_DEFAULTS: Mapping[str, Any] = {
    field.name: msgspec.to_builtins(
        field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    )
    for field in msgspec.structs.fields(Record)
    if not field.required
}


def row_of(record: Record) -> dict[str, Any]:
    """Return the columns of *record*, as JSON has them."""
    said: dict[str, Any] = msgspec.json.decode(clean(msgspec.json.encode(record)))
    row = {name: said.get(name, _DEFAULTS.get(name)) for name in FIELDS}
    row["at"] = datetime.fromtimestamp(record.at / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    for name in TOKENS:
        row[f"{name}_tokens"] = getattr(record.usage, name)
    row["cost_usd"] = None if record.cost_nano is None else usd(record.cost_nano)
    return row


def said_of(payload: Payload | None) -> dict[str, Any]:
    """Return the columns of what was said, all of them empty where that was not kept."""
    if payload is None:
        return dict.fromkeys(SAID)
    return {
        "payload_level": payload.level,
        "request_text": payload.request.text,
        "answer_text": payload.answer.text,
        "request_document": payload.request.document if payload.request.raw is None else payload.request.raw,
        "answer_document": payload.answer.document if payload.answer.raw is None else payload.answer.raw,
        "tool_calls": payload.answer.tool_calls,
    }


def line_of(row: Mapping[str, Any]) -> bytes:
    """Return a row as a line of JSON; nothing in it moves a cursor."""
    return (msgspec.json.encode(row).decode().translate(ESCAPED) + "\n").encode()
