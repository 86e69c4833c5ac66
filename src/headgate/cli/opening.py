"""How a command opens the home on this machine, and the database with it."""

from functools import partial

from headgate.access.first import agree, compare
from headgate.access.home import Home, open_home
from headgate.settings import Settings, decode_secret_key
from headgate.storage.upgrade import HEAD, ensure, present


def opened(settings: Settings) -> Home:
    """Return the home, its database at the present schema; both are made where they are absent.

    A database that another secret key made is not touched, and no secret is made for it: keys and audit entries
    written under a secret of one's own would be refused by its gateways for ever. Raise ``StorageRefused``.
    """
    url = settings.database()
    schema = present(url)
    secret = decode_secret_key(settings.secret_key) if settings.secret_key else None
    home = open_home(settings.home, secret, partial(compare, where=url))
    if schema != HEAD:
        compare(home, url)
        ensure(url)
    agree(home, url)
    return home
