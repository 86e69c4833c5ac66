"""The settings of who reaches the gateway, and whom it reaches: what no type can tell of them.

What judges them is imported where one of them is set: most starts need none of it.
"""

from collections.abc import Mapping
from typing import Any

from headgate.access.key_list import decoded, listed
from headgate.core.reference import FILE, Reference, reference
from headgate.core.secret import Secret

FOLLOWED = "encryption_keys"
"""The setting whose files are read by who uses it, again and again."""
DISTINCT = 12
"""Different bytes that 32 random ones have all but always."""


def unusable(values: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each of *values*, by name of the setting, that cannot be used."""
    problems = []
    for name, check in (
        ("trusted_proxies", _check_proxies),
        ("cors_origins", _check_origins),
        ("private_hosts", _check_private),
        ("public_url", _check_url),
    ):
        try:
            if values.get(name):
                check(values[name])
        except ValueError as error:
            problems.append(f"HEADGATE_{name.upper()}: {error}")
    keys = values.get("encryption_keys")
    if keys and not keys.reveal().strip().startswith(FILE):
        try:
            listed(keys.reveal())
        except ValueError as error:
            problems.append(f"HEADGATE_ENCRYPTION_KEYS: {error}")
    if (values.get("tls_cert") is None) != (values.get("tls_key") is None):
        problems.append("HEADGATE_TLS_CERT and HEADGATE_TLS_KEY go together")
    smtp = values.get("smtp_url")
    if smtp and not smtp.reveal().startswith(("smtp://", "smtps://")):
        problems.append("HEADGATE_SMTP_URL must be written smtp://user:password@host:587?from=reports@example.com")
    proxy = values.get("proxy")
    if proxy and not proxy.reveal().startswith(("http://", "https://")):
        problems.append("HEADGATE_PROXY must be written http://host:port or https://host:port")
    return problems


def fetch(values: dict[str, Any], environ: Mapping[str, str]) -> list[str]:
    """Put what secrets among *values* refer to in their place; return a sentence for each that cannot be had.

    Once, at the start: what a file or a manager has later is not looked at. *environ* says where managers are.
    """
    problems: list[str] = []
    wanted: dict[str, Reference] = {}
    for name, value in values.items():
        if not isinstance(value, Secret):
            continue
        text = value.reveal()
        try:
            if text.startswith(FILE) and name != FOLLOWED:
                values[name] = Secret(_in_file(text), text)
            elif (found := reference(text)) is not None:
                wanted[name] = found
        except ValueError as error:
            problems.append(f"HEADGATE_{name.upper()} {error}")
    return problems + (_fetch(wanted, values, environ) if wanted else [])


def _fetch(wanted: Mapping[str, Reference], values: dict[str, Any], environ: Mapping[str, str]) -> list[str]:
    from headgate.config.managed import Managed

    managed = Managed(environ, values.get("ca_file"))
    managed.fetch(wanted.values())
    problems = []
    for name, one in wanted.items():
        found = managed.look(one)
        if isinstance(found, Secret):
            values[name] = found
        else:
            problems.append(f"HEADGATE_{name.upper()}: the secret {one} cannot be fetched: {found or 'no answer'}")
    return problems


def _in_file(text: str) -> str:
    from headgate.config.references import from_file, secret_file

    file = secret_file(text)
    assert file is not None
    return from_file(file)


def guessable(keys: Secret | None) -> list[str]:
    """Return a sentence for each encryption key that stands in the setting and is not random."""
    text = keys.reveal().strip() if keys is not None else ""
    entries = [] if not text or text.startswith(FILE) else listed(text)
    return [
        f"the key {entry.id!r} of HEADGATE_ENCRYPTION_KEYS is not random: `openssl rand -base64 32` makes one"
        for entry in entries
        if entry.kind is None and len(set(decoded(entry))) < DISTINCT
    ]


def _check_proxies(listed: tuple[str, ...]) -> None:
    from headgate.transport.server_edge import Edge

    Edge(listed)


def _check_private(listed: tuple[str, ...]) -> None:
    from headgate.transport.egress import Private

    Private(listed)


def _check_origins(listed: tuple[str, ...]) -> None:
    from headgate.surfaces.cors import check_origins

    check_origins(listed)


def _check_url(url: str) -> None:
    if url == "*":
        raise ValueError("'*' is not the gateway's own origin")
    _check_origins((url.removesuffix("/"),))
