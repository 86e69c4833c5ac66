"""``HEADGATE_ENCRYPTION_KEYS`` as text: ``id=key`` for each, where the key may stand elsewhere."""

import base64
import binascii
import re

import msgspec

from headgate.access.envelope import KEY_BYTES
from headgate.access.sealed import ID
from headgate.core.reference import FILE

IN_FILE = FILE.removesuffix(":")
SERVICE = re.compile(r"([a-z][a-z0-9_-]*):(.+)")


class Listed(msgspec.Struct, frozen=True):
    """One entry of the setting."""

    id: str
    kind: str | None
    """``file``, or the name of a key service; ``None`` where the key itself stands there."""
    value: str

    def __repr__(self) -> str:
        return f"Listed({self.id!r}, {self.kind!r}, '***')"


def listed(text: str) -> list[Listed]:
    """Return the entries of a list ``id=key,id=file:/path,id=service:target``, by commas or lines.

    Raise ``ValueError``, repeating no key, where it is no such list.
    """
    found: list[Listed] = []
    for number, entry in enumerate((one.strip() for one in re.split(r"[,\n]", text) if one.strip()), 1):
        id, equals, value = entry.partition("=")
        if not equals or ID.fullmatch(id) is None:
            raise ValueError(
                f"entry {number} must be written id=key; an id has up to 32 letters, digits, dots, - and _"
            )
        service = SERVICE.fullmatch(value)
        found.append(Listed(id, service[1], service[2]) if service else Listed(id, None, value))
        if service is None:
            decoded(found[-1])
        if id in {one.id for one in found[:-1]}:
            raise ValueError(f"names the key {id!r} twice")
    if not found:
        raise ValueError("names no key")
    return found


def decoded(entry: Listed) -> bytes:
    """Return the 32 bytes that stand in *entry*; raise ``ValueError``, which does not repeat them."""
    text = entry.value.strip().replace("-", "+").replace("_", "/").rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(
            f"the key {entry.id!r} must be 32 bytes in base64, file:/path or service:target; "
            "`openssl rand -base64 32` makes one"
        )
    return key
