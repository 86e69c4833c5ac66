"""A certificate authority made for a test, and certificates that are wrong in one way."""

import ssl
import subprocess
from pathlib import Path

import pytest


def run(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Authority:
    """A certificate authority of its own, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key, self.cert = folder / "ca.key", folder / "ca.pem"
        run(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"),
            *("-keyout", self.key, "-out", self.cert, "-subj", "/CN=Test CA"),
            *("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign"),
        )

    def server(self, names: str, *more: str, own: bool = False) -> ssl.SSLContext:
        """Return a server's context with a certificate for *names*; *own*: signed by itself."""
        key, request, cert = (self.folder / f"server.{end}" for end in ("key", "csr", "pem"))
        run(
            *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", key, "-out", request, "-subj", "/CN=server"),
        )
        extra = self.folder / "ext"
        extra.write_text(f"subjectAltName={names}\n")
        signer = ("-signkey", key) if own else ("-CA", self.cert, "-CAkey", self.key, "-CAcreateserial")
        run("x509", "-req", "-in", request, "-out", cert, "-extfile", extra, *signer, *(more or ("-days", "1")))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        return context

    def wrong(self, how: str) -> ssl.SSLContext | None:
        """Return a server's context that no client takes; ``plain text`` is none, ``unknown authority`` a good one."""
        if how == "plain text":
            return None
        names = "DNS:other.example.com" if how == "name" else "IP:127.0.0.1"
        more = ("-not_before", "20200101000000Z", "-not_after", "20200102000000Z") if how == "expired" else ()
        try:
            context = self.server(names, *more, own=how == "self-signed")
        except subprocess.CalledProcessError:  # an openssl before 3.4 cannot set the dates
            context = self.server(names, "-days", "-1")
        if how == "old protocol":
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            with pytest.warns(DeprecationWarning):
                context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        return context
