"""What an entry below ``providers:`` must be like; and what one that the API made must do without."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from headgate.config.shape import Shape
from headgate.config.types import Known
from headgate.config.words import Path, nearest, shown
from headgate.core.redact import redact
from headgate.core.secret import Secret
from headgate.transport.egress import is_public

PROVIDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
RESERVED = "use-case"  # the first part of names that stand for a purpose, not for a provider
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
OUR_HEADERS = frozenset(("host", "content-length", "transfer-encoding", "connection", "content-type"))
OF_ALL = "database"
"""Where an entry of the API is that all tenants share."""
_KEY = "keys are kept sealed; leave it out, then {add}"
_SECRET = "it is a secret, which only the configuration file may have"
_MACHINE = "it stands for what this machine holds, which only the configuration file may lend"
_LOGIN = "it belongs to a login with a secret, which only the configuration file may have"
FILE_ONLY: Mapping[str, str] = {
    **dict.fromkeys(("api_key", "api_keys"), _KEY),
    **dict.fromkeys(("secret_access_key", "session_token", "credentials", "client_secret"), _SECRET),
    **dict.fromkeys(("profile", "managed_identity", "ca"), _MACHINE),
    **dict.fromkeys(("access_key_id", "role_arn", "token_url", "tenant", "client_id"), _LOGIN),
}
"""Field that an entry of the API cannot have -> why."""
CREDENTIAL = re.compile(r"(?i)authorization|cookie|(^|[-_])(key|apikey|token|secret|password|auth)([-_]|$)")
"""Headers whose value is a credential, whatever it looks like."""


def provider_faults(name: str, provider: Mapping[str, Any], shape: Shape, known: Known) -> None:
    """Note what is wrong with the entry of the provider *name*."""
    path: Path = ("providers", name)
    if (fault := name_fault(name)) is not None:
        shape.note(path, fault)
    kind = provider.get("kind")
    if kind is not None and kind not in known.kinds:
        shape.note((*path, "kind"), f"unknown kind {shown(kind)}{nearest(kind, known.kinds)}")
    elif name == "sandbox" and kind not in (None, "sandbox"):
        shape.note((*path, "kind"), "the name `sandbox` belongs to the embedded provider of kind `sandbox`")
    if kind in known.needs_base_url and "base_url" not in provider:
        shape.note(path, f"needs `base_url`: the kind `{kind}` has none of its own")
    for field in ("base_url", "proxy"):
        if provider.get(field) is not None and (fault := url_fault(provider[field])) is not None:
            shape.note((*path, field), fault)
    for header, value in provider.get("headers", {}).items():
        if not HEADER_NAME.fullmatch(header) or header.lower() in OUR_HEADERS:
            shape.note((*path, "headers", header), "is not a header that can be set here")
        elif not value.isascii() or not value.isprintable():
            shape.note((*path, "headers", header), "a header's value is printable ASCII")
    for place, key in (("api_key", provider.get("api_key")), *(("api_keys", k) for k in provider.get("api_keys", ()))):
        if isinstance(key, Secret) and not (key.reveal().isascii() and key.reveal().isprintable()):
            shape.note((*path, place), "is not printable ASCII; is there a line break in it?")
    if path in shape.owned:
        _made_here(name, provider, shape, known)


def name_fault(name: str) -> str | None:
    """Say why *name* cannot be a provider's, or ``None``."""
    if not PROVIDER_NAME.fullmatch(name):
        return "a provider's name is 1 to 64 letters, digits, dots, dashes and underscores"
    return f"the name `{RESERVED}` is reserved" if name == RESERVED else None


def url_fault(url: str) -> str | None:
    """Say why *url* is none to be asked, or ``None``. It is never shown: it may carry a credential, or come from a
    variable that does."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or not url.isascii() or not url.isprintable() or " " in url:
        return "must be a URL such as https://host/v1"
    if "@" in parts.netloc:
        return "must not hold a user or password"
    if parts.query or parts.fragment:
        return "must not have a query or fragment"
    return None


def _made_here(name: str, provider: Mapping[str, Any], shape: Shape, known: Known) -> None:
    """Note what an entry of the API must not have: it is kept, shown and compared as it is written."""
    path: Path = ("providers", name)
    add = f"add a key with `headgate providers keys add {name[:64]}` or POST /api/v1/config/providers/{name[:64]}/keys"
    for field, why in FILE_ONLY.items():
        if (*path, field) in shape.places:
            shape.note((*path, field), f"is not taken here: {why.format(add=add)}")
    for header, value in provider.get("headers", {}).items():
        line = f"{header}: {value}"
        if CREDENTIAL.search(header) or redact(line) != line:
            shape.note((*path, "headers", header), f"is a credential, and headers are shown: {add}")
    if shape.owned[path] != OF_ALL:
        _of_a_tenant(provider, shape, path, known)


def _of_a_tenant(provider: Mapping[str, Any], shape: Shape, path: Path, known: Known) -> None:
    """Note what only who runs the gateway may say of where it connects to."""
    if path[1] in known.kinds:
        shape.note(path, "has the name of a service, which belongs to the account that all tenants share")
    for field in ("proxy", "http2"):
        if (*path, field) in shape.places:
            shape.note((*path, field), "is not taken for a provider of one tenant: leave it out")
    url = provider.get("base_url")
    if url is not None and url_fault(url) is None and (fault := private_fault(url)) is not None:
        shape.note((*path, "base_url"), fault)


def private_fault(url: str) -> str | None:
    """Say why *url* is none that a tenant may have asked, as far as can be told without resolving it."""
    parts = urlsplit(url)
    try:
        public = is_public(ip_address(parts.hostname or ""))
    except ValueError:
        public = (parts.hostname or "").rstrip(".").lower() != "localhost"
    if not public:
        return "must lead to a public address: this one is of a private network, or of this machine"
    return None if parts.scheme == "https" else "must be https"
