"""The gateway of a home on this machine: where it is reached, under what name, and by what certificate it is known."""

import ssl

from headgate.settings import Settings

ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def address_of(settings: Settings) -> str:
    """Return the address that it is reached at from here."""
    return ANY.get(settings.host, settings.host)


def url_of(settings: Settings) -> str:
    """Return the URL that it is reached at from here."""
    host = address_of(settings)
    scheme = "http" if settings.tls_cert is None else "https"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{settings.port}"


def name_of(settings: Settings) -> str:
    """Return a name that it answers to."""
    first = next(iter(settings.allowed_hosts), address_of(settings))
    return first.replace("*", "headgate", 1) if first.startswith("*.") else first


def trusting(settings: Settings) -> ssl.SSLContext | None:
    """Return what trusts the certificate it was given to show, whatever name that has, and no other.

    ``None`` where it serves no HTTPS. Raise ``OSError`` where the certificate cannot be read.
    """
    if settings.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an authority's need not be here
    context.load_verify_locations(settings.tls_cert)
    return context
