"""``headgate serve``."""

from pathlib import Path
from typing import Any

import click

from headgate.cli.connect import home_option, load_settings

ROLES = ("all", "data", "control", "worker")
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("serve")
@click.option("--config", type=FILE, help="Configuration file [HEADGATE_CONFIG].")
@home_option
@click.option("--host", help="Address to listen on [HEADGATE_HOST, 127.0.0.1].")
@click.option("--port", type=int, help="Port to listen on, 0 for a free one [HEADGATE_PORT, 8080].")
@click.option("--workers", type=int, help="Processes that share the port [HEADGATE_WORKERS, 1].")
@click.option("--role", type=click.Choice(ROLES), help="What it does of all this [HEADGATE_ROLE, all].")
@click.option("--tls-cert", type=FILE, help="Certificate chain, PEM, to serve HTTPS with [HEADGATE_TLS_CERT].")
@click.option("--tls-key", type=FILE, help="Its key, PEM, without a password [HEADGATE_TLS_KEY].")
@click.pass_context
def command(ctx: click.Context, /, home: Path | None, **given: Any) -> None:
    """Run the gateway until SIGTERM or Ctrl-C. No configuration is needed."""
    from headgate.settings import environment, refuse_exposed, refuse_parted, unknown

    settings = load_settings(home, **given)
    refuse_exposed(settings)
    refuse_parted(settings)
    for warning in unknown(environment()):
        click.echo(f"headgate: {warning}", err=True)
    from headgate.serve import serve

    ctx.exit(serve(settings))
