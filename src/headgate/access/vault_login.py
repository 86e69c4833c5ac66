"""Who asks HashiCorp Vault: ``VAULT_TOKEN``, or ``VAULT_TOKEN=file:/run/secrets/vault-token``, and ``VAULT_NAMESPACE``.

A file is read each time, so that an agent can renew the token in it.
"""

from collections.abc import Mapping

from headgate.core.reference import FILE
from headgate.providers.token_file import read_token


def vault_headers(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that say who asks; raise ``ValueError``, saying what to change. It may read a file."""
    token, namespace = environ.get("VAULT_TOKEN", ""), environ.get("VAULT_NAMESPACE", "")
    if token.startswith(FILE):
        token = read_token(token.removeprefix(FILE), "VAULT_TOKEN")
    if not token:
        raise ValueError("VAULT_TOKEN is not set, or its file is empty")
    if not all(word.isascii() and word.isprintable() for word in (token, namespace)):
        raise ValueError("VAULT_TOKEN or VAULT_NAMESPACE has characters that cannot be sent")
    found = {"x-vault-request": "true", "x-vault-token": token}
    return found | ({"x-vault-namespace": namespace} if namespace else {})
