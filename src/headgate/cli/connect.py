"""How a command reaches a gateway: over HTTP by ``--url``, else by the home on this machine, running or not."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from headgate.client import Admin
    from headgate.settings import Settings

TENANT = "headgate.tenant"


def home_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--home``."""
    kind = click.Path(file_okay=False, path_type=Path)
    return click.option("--home", type=kind, help="The gateway's home [HEADGATE_HOME, ~/.headgate].")(command)


def gateway_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--home``, ``--url``, ``--key`` and ``--tenant``."""
    help = "Speak of this tenant; for who administers the platform."
    command = click.option("--tenant", metavar="ID", help=help, expose_value=False, callback=_keep_tenant)(command)
    command = click.option("--key", help="Key for --url [HEADGATE_ADMIN_KEY].")(command)
    command = click.option("--url", help="Talk to a gateway elsewhere: http://host:8080.")(command)
    return home_option(command)


def _keep_tenant(context: click.Context, _: click.Parameter, value: str | None) -> None:
    context.meta[TENANT] = value


def load_settings(home: Path | None, **overrides: Any) -> "Settings":
    """Return the settings of this process."""
    from headgate import settings

    return settings.load(settings.environment(), {"home": home, **overrides})


def open_admin(home: Path | None, url: str | None, key: str | None) -> "Admin":
    """Return the management API of the gateway that the options name."""
    settings = load_settings(home)
    context = click.get_current_context(silent=True)
    tenant: str | None = context.meta.get(TENANT) if context is not None else None
    if not url:
        if key:
            raise click.UsageError("--key goes with --url: a home on this machine takes none.")
        from headgate.cli.local import local_admin

        return local_admin(settings, tenant)
    from headgate.client import Admin

    url = plain_url(url)
    credential = key or (settings.admin_key.reveal() if settings.admin_key else "")
    if not credential:
        from headgate.cli.signed import Signed

        credential = Signed(settings.home).access(url) or ""
    if not credential:
        raise click.UsageError("--url needs --key, HEADGATE_ADMIN_KEY, or `headgate login` before.")
    return Admin(url, credential, tenant=tenant)


def read_secret() -> str:
    """Return a key that is asked for or, where nobody is there to be asked, the first line of standard input."""
    secret: str = click.prompt("Key", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().strip()
    if not secret:
        raise click.UsageError("no key came from standard input.")
    return secret


def plain_url(url: str) -> str:
    """Return the address of a gateway, however much of a path was given with it."""
    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f"{url!r} is no address of a gateway: http://host:8080 is one.")
    return url.rstrip("/").removesuffix("/api/v1").removesuffix("/v1")
