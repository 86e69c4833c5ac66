"""What the settings say of the gateway's edge: its certificate, its names, its proxies, and pages of other origins."""

from headgate.settings import Settings, SettingsError
from headgate.surfaces.cors import Cors
from headgate.transport.server import App
from headgate.transport.server_edge import Edge
from headgate.transport.server_tls import Certificate


def certificate(settings: Settings) -> Certificate | None:
    """Return the certificate to serve with, if any; raise ``SettingsError`` where it cannot be used."""
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    try:
        return Certificate(settings.tls_cert, settings.tls_key)
    except ValueError as error:
        raise SettingsError([str(error)]) from None


def edge(settings: Settings) -> Edge | None:
    """Return whom the server believes and which names it goes by; ``None`` where nothing is said of it."""
    if not settings.trusted_proxies and not settings.allowed_hosts:
        return None
    return Edge(settings.trusted_proxies, settings.allowed_hosts)


def opened_to(settings: Settings, app: App) -> App:
    """Return *app*, open to the pages of listed origins."""
    return Cors(app, settings.cors_origins) if settings.cors_origins else app
