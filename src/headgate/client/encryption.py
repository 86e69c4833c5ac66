"""The part of the client that is about the keys that secrets are sealed under."""

from collections.abc import Iterator
from typing import Any

from headgate.client.routes import Calls

Found = dict[str, Any]


class EncryptionCalls:
    """Methods of ``Admin``; they raise ``ApiError``."""

    def encryption(self: Calls) -> Found:
        """Return the ``keys``, the ``values`` under each, ids that are ``missing``, and how many are ``due``."""
        return self._get("/encryption", Found)

    def rotate_encryption(self: Calls, *, new_key: bool = False) -> Iterator[Found]:
        """Seal all lasting secrets under the first key; yield what became of each hundred.

        With *new_key* a new first key is made in the gateway's home before. Who stops half-way can begin again.
        """
        found: Found = {"next": ""}
        while found["next"] is not None:
            body = {"new_key": new_key} if not found["next"] else {"after": found["next"]}
            found = self._send("POST", "/encryption/rotate", Found, body)
            yield found
