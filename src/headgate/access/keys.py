"""Keys as text: how they are made, what is kept of them, and which are too easily guessed.

A key is ``hg_`` (virtual) or ``hga_`` (admin), 256 random bits in base64url, and a tag of 36 bits that this
installation alone can compute: a stream of invented keys can so be told from ours without asking the store. What is
stored is HMAC-SHA-256 of the key under the installation's pepper.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from typing import Any, Literal

import msgspec

from headgate.access.types import Budget, Limits
from headgate.core.ids import new_id
from headgate.core.secret import Secret
from headgate.storage.tenancy_rows import Found
from headgate.storage.types import KeyRow

KEY_PREFIX = "hg_"
ADMIN_PREFIX = "hga_"
TAG = 6
SHOWN = 8
"""Characters of a key that are shown after it was created, besides the last four."""
MIN_ADMIN_KEY = 24
DEFAULTS = ("sk-1234", "changeme", "change-me", "admin", "password", "secret", "headgate", "letmein", "default", "test")


class Derived(msgspec.Struct, frozen=True):
    """The working keys, each derived from the installation's secret key for one purpose, 32 bytes each."""

    pepper: bytes
    tag: bytes
    signing: bytes
    envelope: bytes

    def __repr__(self) -> str:
        return "Derived(***)"


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a key allows, and whose it is."""

    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    default_model: str | None = None
    permissions: tuple[str, ...] | None = None
    """What it may do; ``None`` is what its kind may."""
    limits: Limits = Limits()
    budgets: tuple[Budget, ...] = ()
    tags: tuple[str, ...] = ()
    environment: str = "live"
    expires_at: int | None = None
    """Microseconds since 1970, UTC."""
    team_id: str | None = None
    app_id: str | None = None
    user_id: str | None = None


class StoredSecret(msgspec.Struct, frozen=True):
    """What is kept of a key, under the names that the store has for it."""

    key_hash: bytes
    key_prefix: str
    last4: str


def derive(secret_key: bytes) -> Derived:
    """Return the working keys. One HMAC per purpose is HKDF-Expand (RFC 5869) of one block from a uniform key."""
    uses = Derived.__struct_fields__
    return Derived(*(hmac.digest(secret_key, b"headgate/" + use.encode() + b"\x01", "sha256") for use in uses))


def mint(kind: Literal["key", "admin"], derived: Derived) -> Secret:
    """Return a new key."""
    body = (ADMIN_PREFIX if kind == "admin" else KEY_PREFIX) + secrets.token_urlsafe(32)
    return Secret(body + _tag(body.encode(), derived.tag).decode())


def digest(key: Secret, derived: Derived) -> bytes:
    """Return what is stored of a key."""
    return hmac.digest(derived.pepper, key.reveal().encode(), "sha256")


def stored_secret(key: Secret, derived: Derived) -> StoredSecret:
    """Return what is kept of *key*."""
    text = key.reveal()
    return StoredSecret(digest(key, derived), text[:SHOWN], text[-4:])


def is_tagged(key: bytes, tag_key: bytes) -> bool:
    """Whether this installation made this key: true for a revoked one too."""
    return key.startswith((b"hg_", b"hga_")) and hmac.compare_digest(_tag(key[:-TAG], tag_key), key[-TAG:])


def _tag(body: bytes, tag_key: bytes) -> bytes:
    return urlsafe_b64encode(hmac.digest(tag_key, body, "sha256"))[:TAG]


def new_row(
    key: Secret,
    derived: Derived,
    *,
    name: str,
    now: int,
    kind: Literal["key", "admin"] = "key",
    tenant_id: str = "default",
    grant: Grant = Grant(),
) -> KeyRow:
    """Return the row that stores *key*, made at *now* (microseconds UTC)."""
    return KeyRow(
        id=new_id(),
        tenant_id=tenant_id,
        kind=kind,
        name=name,
        **msgspec.structs.asdict(stored_secret(key, derived)),
        **stored_grant(grant),
        created_at=now,
        updated_at=now,
    )


def stored_grant(grant: Grant) -> dict[str, Any]:
    """Return *grant* as the columns of a key have it."""
    plain = msgspec.structs.asdict(grant)
    return {
        name: value if isinstance(value, str | int | None) else msgspec.json.encode(value).decode()
        for name, value in plain.items()
    }


def is_usable(found: Found, now: int) -> bool:
    """Whether a key or a user may be used at *now* (microseconds UTC): nothing above it is off or gone."""
    key, app, team = found.key, found.app, found.team
    levels = (found.tenant, team, app, found.user, key)
    if not all(level.is_active for level in levels if level is not None):
        return False
    if key is None:
        return found.user is not None
    named = ((key.app_id, app), (key.team_id, team), (key.user_id, found.user))
    if any(id is not None and level is None for id, level in named):
        return False  # what it belongs to is gone
    return key.revoked_at is None and (key.expires_at is None or key.expires_at > now)


def weakness(secret: str) -> str | None:
    """Say why a chosen credential is too easily guessed, or return ``None``."""
    lowered = secret.strip().lower()
    if any(lowered in (word, ADMIN_PREFIX + word, KEY_PREFIX + word, "sk-" + word) for word in DEFAULTS):
        return "is a well-known default"
    if len(secret) < MIN_ADMIN_KEY:
        return f"is shorter than {MIN_ADMIN_KEY} characters"
    if len(set(secret)) < 10:
        return "repeats the same few characters"
    return None
