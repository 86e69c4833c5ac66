"""Accounts as they are signed with keys that callers brought: each is built when it is first needed."""

from collections.abc import Callable, Mapping

import msgspec

from headgate.core.errors import Unavailable
from headgate.core.secret import Secret
from headgate.providers.base import Provider, ProviderConfig

MOST = 1024
OTHERS = (
    "access_key_id",
    "secret_access_key",
    "session_token",
    "profile",
    "role_arn",
    "credentials",
    "tenant",
    "client_id",
    "client_secret",
)
"""Credentials of the account besides its keys: none of them may sign in the place of the caller's own."""


class Borrowed:
    """Returns an account with another key. At most 1,024 are kept, the ones made last."""

    def __init__(
        self, accounts: Mapping[str, ProviderConfig], build: Callable[[str, ProviderConfig], Provider]
    ) -> None:
        self._accounts = accounts
        self._build = build
        self._made: dict[tuple[str, Secret], Provider] = {}

    def __call__(self, provider: Provider, key: Secret) -> Provider:
        """Return *provider* as it is signed with *key*; raise ``Unavailable`` where its kind takes no key."""
        found = self._made.get((provider.name, key))
        if found is None:
            if len(self._made) >= MOST:
                del self._made[next(iter(self._made))]
            found = self._made[provider.name, key] = self._with(provider.name, key)
        return found

    def _with(self, name: str, key: Secret) -> Provider:
        account = self._accounts[name]
        fields = {field: None for field in OTHERS if getattr(account, field) is not None}
        alone = msgspec.structs.replace(account, api_key=key, api_keys=[], managed_identity=False, **fields)
        try:
            return self._build(name, alone)
        except ValueError:
            raise Unavailable(
                f"Calls of this key cannot be signed at {name!r}: it takes no key of that kind."
            ) from None
