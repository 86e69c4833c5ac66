"""What the stores hold and promise: keys, the feed of their changes, and the error of a store not fit for use."""

from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from headgate.storage.tenancy_rows import Found


class StorageRefused(Exception):
    """The database cannot be used as it stands: corrupt, read-only, newer than this program, or robbed of commits.

    The program ends with ``exit_code``; nothing was changed or recreated. The message names ``path`` and the way out.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


class StorageUnreachable(StorageRefused):
    """A server that does not answer; it may, a little later."""


class KeyRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One key as stored. The secret is not here: only its digest and what may be shown of it.

    Instants are microseconds since 1970, UTC. ``models``, ``limits``, ``budgets`` and ``tags`` are JSON text: a list of
    names, an object of the limits that are set, a list of ``{"amount", "window", "unit"}``, a list of words; so are
    ``providers``, ``routes``, ``addresses``, ``mapped`` and ``permissions``.
    """

    id: str
    tenant_id: str
    kind: Literal["key", "admin"] = "key"
    name: str
    key_hash: bytes
    """HMAC-SHA-256 of the secret under the installation's pepper."""
    key_prefix: str
    last4: str
    environment: str = "live"
    user_id: str | None = None
    app_id: str | None = None
    team_id: str | None = None
    models: str = "[]"
    providers: str = "[]"
    routes: str = "[]"
    addresses: str = "[]"
    """Networks in CIDR notation that it may be used from."""
    default_model: str | None = None
    mapped: str = "{}"
    """Provider -> id of the sealed provider key that its calls are signed with."""
    permissions: str | None = None
    """What it may do; ``None`` is what its kind may."""
    limits: str = "{}"
    budgets: str = "[]"
    tags: str = "[]"
    is_active: bool = True
    expires_at: int | None = None
    """Found by a secret that was rotated away, this is also the end of the overlap, if that comes first."""
    revoked_at: int | None = None
    rotated_from: bytes | None = None
    """Digest of the secret that the present one replaced; good until ``overlap_until``. The key keeps its id, so its
    limits and what it spent go on."""
    overlap_until: int | None = None
    rotated_at: int | None = None
    payload: str | None = None
    """The most that is kept of what its calls say; ``None`` is what its tenant and app have."""
    created_at: int
    updated_at: int


class Change(msgspec.Struct, frozen=True):
    """One entry of the change feed: object *object_id* is not what it was.

    Its *kind* is ``key``, ``tenant``, ``team``, ``app``, ``user``, ``role``, ``binding`` (its object is who has the
    role), ``budget``, ``provider_key`` and others that do not concern who may call.
    """

    seq: int
    kind: str
    object_id: str
    tenant_id: str


class KeyFeed(Protocol):
    """The request path's way to the keys: reads only, no caching of its own.

    Both raise ``core.errors.Unavailable`` (``auth_unavailable``) where the store cannot answer.
    """

    async def lookup(self, digest: bytes) -> "Found | None":
        """Return the key whose present (or, during an overlap, former) secret has this digest, with all levels above.

        What is off is returned as well.
        """
        ...

    async def changes(self, after: int) -> list[Change]:
        """Return what changed after number *after*, oldest first, at most 1,000; ``after=-1`` asks for the last one."""
        ...
