"""Entries as they are kept outside of this process: signed under a key of their tenant and bound to their place.

What was swapped, cut or made by somebody else does not open: it is a miss, and counted.
"""

import hmac
import logging

import msgspec

from headgate.cache.types import Entry

TAG = 16
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Entry).decode

log = logging.getLogger("headgate.cache")


class Sealer:
    """Closes and opens the entries of one cache."""

    __slots__ = ("_name", "_secret", "broken")

    def __init__(self, secret: bytes, name: str) -> None:
        self._secret = hmac.digest(secret, b"headgate/cache\x01", "sha256")
        self._name = name.encode()
        self.broken = 0
        """Values that did not open."""

    def close(self, tenant_id: str, key: bytes, entry: Entry) -> bytes:
        """Return what is to be kept."""
        data = _encode(entry)
        return self._tag(tenant_id, key, data) + data

    def open(self, tenant_id: str, key: bytes, sealed: bytes) -> Entry | None:
        """Return what was kept at this place; ``None``, told to the log, for what was not."""
        data = sealed[TAG:]
        if hmac.compare_digest(sealed[:TAG], self._tag(tenant_id, key, data)):
            try:
                return _decode(data)
            except msgspec.MsgspecError:  # written by another version
                return None
        self.broken += 1
        if self.broken & (self.broken - 1) == 0:  # the first, second, fourth ...: a broken store must not fill the log
            log.error("%d value(s) in the cache %s are not what was put there", self.broken, self._name.decode())
        return None

    def _tag(self, tenant_id: str, key: bytes, data: bytes) -> bytes:
        place = b"%b\0%b\0%b" % (self._name, tenant_id.encode(), key)
        return hmac.digest(hmac.digest(self._secret, place, "sha256"), data, "sha256")[:TAG]
