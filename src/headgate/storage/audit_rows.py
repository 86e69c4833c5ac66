"""One entry of the audit log, and the arithmetic of its chain: pure, without a database."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from hashlib import blake2b
from time import time_ns
from typing import Any, Literal, Protocol

import msgspec

from headgate.core.redact import redact

Outcome = Literal["done", "refused", "failed"]
FIRST = bytes(32)
"""What stands before the first entry of a tenant."""
MAX_DETAIL = 32_768
MAX_WORD = 512
HIDDEN = "***"
SECRET_NAME = re.compile(
    r"(?i)secret|password|passwd|token(?!s)|api_?key$|^key$|^key_hash$|^sealed$|cookie|authorization|private_key|verifier"
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to what. ``before`` and ``after`` are redacted when the entry is written; give objects whole."""

    tenant_id: str
    actor_kind: str
    """``key``, ``admin``, ``user``, ``client``, or ``service`` for what the gateway does by itself."""
    actor_id: str
    action: str
    """``thing:verb``."""
    object_kind: str
    object_id: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    address: str | None = None
    request_id: str | None = None
    outcome: Outcome = "done"
    at: int = 0
    """Microseconds since 1970, UTC; 0 is now."""


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as stored; ``before`` and ``after`` are JSON text."""

    tenant_id: str
    seq: int
    at: int
    actor_kind: str
    actor_id: str
    action: str
    object_kind: str
    object_id: str
    before: str | None
    after: str | None
    address: str | None
    request_id: str | None
    outcome: str
    previous: bytes
    hash: bytes
    seal: bytes


class Sealing(Protocol):
    """What only the installation can do: its key is not in the database."""

    def seal(self, digest: bytes) -> bytes:
        """Return the seal of *digest*; empty where there is no key."""
        ...


class KeyedSealing:
    """Seals by HMAC-SHA-256 under a key derived for this alone."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._keyed = blake2b(key=key, digest_size=32)

    def seal(self, digest: bytes) -> bytes:
        """See :class:`Sealing`."""
        return hmac.digest(self._key, digest, "sha256")

    def record(self, raw: bytes) -> int:
        """Return the 256-bit digest of a record of the request log, as stored."""
        digest = self._keyed.copy()
        digest.update(raw)
        return int.from_bytes(digest.digest(), "little")

    def __repr__(self) -> str:
        return "KeyedSealing(***)"


def row_of(entry: AuditEntry, seq: int, previous: bytes, sealing: Sealing | None) -> AuditRow:
    """Return what is stored of *entry* as number *seq*, after the entry whose hash is *previous*."""
    row = AuditRow(
        tenant_id=entry.tenant_id,
        seq=seq,
        at=entry.at or time_ns() // 1000,
        actor_kind=_word(entry.actor_kind),
        actor_id=_word(entry.actor_id),
        action=_word(entry.action),
        object_kind=_word(entry.object_kind),
        object_id=_word(entry.object_id),
        before=_detail(entry.before),
        after=_detail(entry.after),
        address=None if entry.address is None else _word(entry.address),
        request_id=None if entry.request_id is None else _word(entry.request_id),
        outcome=entry.outcome,
        previous=previous,
        hash=b"",
        seal=b"",
    )
    digest = hash_of(row)
    return msgspec.structs.replace(row, hash=digest, seal=sealing.seal(digest) if sealing else b"")


def hash_of(row: AuditRow) -> bytes:
    """Return what ``hash`` must be: SHA-256 over ``previous`` and the JSON array of all else but ``seal``."""
    values = [getattr(row, name) for name in AuditRow.__struct_fields__[:-3]]
    return hashlib.sha256(row.previous + msgspec.json.encode(["headgate-audit-1", *values])).digest()


def redacted(value: Any) -> Any:
    """Return JSON *value* without secrets: by the names of fields, and by what texts look like."""
    if isinstance(value, Mapping):
        return {str(k): HIDDEN if v and SECRET_NAME.search(str(k)) else redacted(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(each) for each in value]
    return redact(_UNSTORABLE.sub("\ufffd", value)) if isinstance(value, str) else value


def _detail(value: Mapping[str, Any] | None) -> str | None:
    if value is None:
        return None
    plain = msgspec.to_builtins(value, enc_hook=lambda other: HIDDEN)
    text = msgspec.json.encode(redacted(plain)).decode()
    if len(text) <= MAX_DETAIL:
        return text
    return msgspec.json.encode({"too_long": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}).decode()


def _word(text: str) -> str:
    return redact(_UNSTORABLE.sub("\ufffd", text[:MAX_WORD]))
