"""``headgate serve``."""

from pathlib import Path

import click

from headgate.cli.connect import home_option, load_settings


@click.command("serve")
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="Configuration file [HEADGATE_CONFIG].")
@home_option
@click.option("--host", help="Address to listen on [HEADGATE_HOST, 127.0.0.1].")
@click.option("--port", type=int, help="Port to listen on, 0 for a free one [HEADGATE_PORT, 8080].")
@click.option("--workers", type=int, help="Processes that share the port [HEADGATE_WORKERS, 1].")
@click.pass_context
def command(
    ctx: click.Context, config: Path | None, home: Path | None, host: str | None, port: int | None, workers: int | None
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C. No configuration is needed."""
    from headgate.settings import environment, refuse_exposed, unknown

    settings = load_settings(home, config=config, host=host, port=port, workers=workers)
    refuse_exposed(settings)
    for warning in unknown(environment()):
        click.echo(f"headgate: {warning}", err=True)
    from headgate.serve import serve

    ctx.exit(serve(settings))
