"""The server's own certificate: TLS 1.2 and later, taken anew when its files change."""

import asyncio
import logging
import ssl
from pathlib import Path

LOOK = 5.0
"""Seconds between two looks at the files."""

log = logging.getLogger("headgate.transport")


class Certificate:
    """A certificate chain and its key, both PEM files. Raise ``ValueError`` where they cannot be used."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._cert = cert
        self._key = key
        self._seen = self._stamp()
        self._check()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self.context.load_cert_chain(cert, key)

    async def keep_fresh(self) -> None:
        """Take the files anew whenever they change, until cancelled; unusable ones leave everything as it was."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                self.refresh()
            except ValueError as error:
                log.error("kept the old certificate: %s", error)

    def refresh(self) -> bool:
        """Take the files if they have changed; raise ``ValueError`` where they cannot be used. Return whether so."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        self._check()
        self.context.load_cert_chain(self._cert, self._key)  # handshakes from now on have it
        return True

    def _check(self) -> None:
        """Try them where it does no harm: a key that does not fit would spoil the context in use."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._cert, self._key, password=self._no_password)
        except ssl.SSLError as error:
            why = error.reason or "they are not a PEM certificate and its key"
            raise ValueError(f"{self._cert} and {self._key} cannot be used: {why}") from None
        except OSError as error:
            raise ValueError(f"{error.filename or self._cert} cannot be read: {error.strerror}") from None

    def _stamp(self) -> tuple[object, ...]:
        found: list[object] = []
        for file in (self._cert, self._key):
            try:
                stat = file.stat()
                found.append((stat.st_mtime_ns, stat.st_ino, stat.st_size))
            except OSError:
                found.append(None)
        return tuple(found)

    def _no_password(self) -> str:
        raise ValueError(f"{self._key} is under a password, which nobody could type")
