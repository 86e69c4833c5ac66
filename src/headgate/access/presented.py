"""Which credential a request presents, by its headers alone. Pure."""

from urllib.parse import parse_qsl

CREDENTIALS = frozenset((b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"))
QUERY_NAMES = frozenset(("key", "api_key", "api-key", "apikey", "access_token", "token", "x-api-key"))
NOBODY = b"\0" * 32  # never a digest in the store: a request without a key takes the same way as one with a wrong key


def credential(headers: list[tuple[bytes, bytes]], query: bytes) -> bytes:
    """Return what is presented; empty where nothing is, ``NOBODY`` where it is not to be taken."""
    key = b""
    for name, value in headers:
        if name in CREDENTIALS:
            if name == b"authorization":
                if value[:7] != b"Bearer " and value[:7].lower() != b"bearer ":
                    return NOBODY
                value = value[7:].strip()
            if value != key:
                if key:
                    return NOBODY  # two different credentials: which of them is meant is not for us to guess
                key = value
    return NOBODY if query and _has_key(query) else key


def _has_key(query: bytes) -> bool:
    """Whether a query carries a credential: URLs end up in logs, so none is taken from there."""
    return any(
        name.lower() in QUERY_NAMES or value.startswith(("hg_", "hga_"))
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    )
