"""``headgate faultlab``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from headgate.cli.connect import home_option, load_settings
from headgate.cli.output import as_json, print_json, print_table

if TYPE_CHECKING:
    from headgate.faultlab.drill import Outcome

COLUMNS = ("scenario", "route", "what the provider does", "what the caller saw", "tries>", "spare>", "verdict")


@click.command("faultlab")
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="Configuration file [HEADGATE_CONFIG].")
@click.option("--route", "only", multiple=True, help="Drill this route alone; may be repeated.")
@click.option("--full", is_flag=True, help="Keep the gateway's own time limits: two minutes a route.")
@home_option
@as_json
@click.pass_context
def command(
    ctx: click.Context, config: Path | None, only: tuple[str, ...], full: bool, home: Path | None, json: bool
) -> None:
    """Drill your routes: every provider is replaced by one that fails, and you see what a caller would have seen.

    Nothing leaves this machine, and no token is spent. Ends with 1 where a scenario is not survived.
    """
    from headgate.cli.compiled import compiled
    from headgate.faultlab.rehearsal import NotReady, rehearse
    from headgate.settings import environment

    settings = load_settings(home, config=config)
    routes = {r.name: r for r in compiled(settings.config_file(), settings).snapshot.table.routes.values()}
    routes = {name: route for name, route in routes.items() if route.kind == "route"}
    if unknown := [name for name in only if name not in routes]:
        raise click.UsageError(f"There is no route {unknown[0]!r}. There are: {', '.join(routes) or 'none'}.")
    if not routes:
        raise click.UsageError("The configuration has no routes to drill.")

    def tell(outcome: "Outcome") -> None:
        if not json:
            click.echo(f"{outcome.id} done", err=True)

    chosen = [route for name, route in routes.items() if not only or name in only]
    try:
        outcomes = rehearse(chosen, environment(), full=full, done=tell)
    except NotReady as error:
        raise click.ClickException(f"The gateway to be drilled did not start:\n{error}") from None
    if json:
        print_json(outcomes)
    else:
        print_table(COLUMNS, map(_row, outcomes), empty="Nothing was drilled.")
        survived = sum(not one.complaint for one in outcomes)
        click.echo(f"{survived} of {len(outcomes)} survived.")
    ctx.exit(int(any(one.complaint for one in outcomes)))


def _row(one: "Outcome") -> tuple[str | int, ...]:
    return one.id, one.route, one.title, one.caller, one.primary, one.spare, one.complaint or "survived"
