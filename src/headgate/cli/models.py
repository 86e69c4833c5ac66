"""``headgate models``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import gateway_options, home_option, load_settings, open_admin
from headgate.cli.output import as_json, print_json, print_table

if TYPE_CHECKING:
    from headgate.models.select import Wanted

COLUMNS = ("model", "kind", "status", "input>", "output>", "cached>", "context>", "longest answer>", "can")


class Listing(click.Group):
    """A group whose list needs no word of its own: ``headgate models gpt``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See ``click.Command``."""
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group("models", cls=Listing)
def command() -> None:
    """List models and what is known of them; refresh the tables they stand in.

    Without a command: `list`.
    """


@command.command("list")
@click.argument("search", required=False)
@click.option("--usable", is_flag=True, help="What can be called with this environment, as GET /v1/models has it.")
@click.option("--provider", help="Of this provider, or kind of provider.")
@click.option("--kind", help="chat, embedding, rerank, image, speech, transcription ...")
@click.option("--capability", multiple=True, help="That can do this: tools, vision, json_schema, reasoning ...")
@click.option("--use-case", help="Good for this: summarization, extraction, code ...")
@click.option("--status", type=click.Choice(["active", "testing", "deprecated"]))
@click.option("--region", help="Served there, or everywhere.")
@click.option("--max-price", type=float, metavar="USD", help="At most this for a million prompt tokens.")
@click.option("--min-context", type=int, metavar="TOKENS", help="At least this long a prompt.")
@gateway_options
@as_json
def list_models(home: Path | None, url: str | None, key: str | None, json: bool, **given: Any) -> None:
    """List the models whose name holds SEARCH, with prices in USD per million tokens."""
    if url:
        asked = {name: value for name, value in given.items() if value not in (None, (), False)}
        with open_admin(home, url, key) as gateway:
            if asked.keys() <= {"search", "usable"}:  # any key may ask what it can call itself
                rows = [{"id": m["id"], "owned_by": m.get("owned_by")} for m in gateway.models()]
                rows = [row for row in rows if (given["search"] or "").lower() in row["id"].lower()]
            else:
                rows = gateway.registry(**asked)
    else:
        from headgate.models.select import Wanted

        rows = _here(home, Wanted(**given))
    if json:
        print_json(rows)
        return
    print_table(COLUMNS, map(_row, rows), empty="No model is like that.")


@command.command("refresh")
@click.option(
    "--from-dir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Take the wheels of litellm and genai-prices, or the files of their data, from there.",
)
@home_option
def refresh(home: Path | None, from_dir: Path | None) -> None:
    """Make the tables of models anew, in the home, from public data.

    It is taken from --from-dir, else from the packages litellm and genai-prices where they are installed, else from
    their newest wheels, which pip fetches. A running gateway takes them with the next change of its configuration.
    """
    from headgate.models.build import save, tables
    from headgate.models.build.fetch import NoData, found

    directory = load_settings(home).home / "models"
    try:
        data = found(from_dir)
        made = tables(data.prices, data.more, versions=data.versions, date=data.date)
    except (NoData, ValueError) as error:
        raise click.ClickException(str(error)) from None
    save(made, directory)
    count = sum(len(table.models) for table in made.values())
    click.echo(f"{count:,} models of {len(made)} kinds of provider, in {directory}")


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@home_option
def import_table(home: Path | None, file: Path) -> None:
    """Take the table of models in FILE (KIND.json, as `headgate models export` prints one) into the home."""
    import msgspec

    from headgate.models.build import save
    from headgate.models.table import KIND, Table

    if not KIND.match(file.stem):
        raise click.ClickException(f"{file.name} is not named after a kind of provider, such as openai.json.")
    try:
        table = msgspec.json.decode(file.read_bytes(), type=Table)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{file} is no table of models: {error}") from None
    directory = load_settings(home).home / "models"
    save({file.stem: table}, directory)
    click.echo(f"{len(table.models):,} models of {file.stem}, in {directory}")


@command.command("export")
@click.argument("kind")
@home_option
def export(home: Path | None, kind: str) -> None:
    """Print the table of a KIND of provider that is in force, to be changed and imported."""
    from headgate.models.table import Tables, written

    table = Tables(load_settings(home).home / "models").of(kind)
    if not table.models:
        raise click.ClickException(f"There is no table of {kind!r}; `headgate models` shows the kinds.")
    click.echo(written(table).decode(), nl=False)


@command.command("seed")
@home_option
def seed(home: Path | None) -> None:
    """Go back to the tables that ship with the package: forget what was refreshed or imported."""
    directory = load_settings(home).home / "models"
    files = sorted(directory.glob("*.json"))
    for file in files:
        file.unlink()
    click.echo(f"Forgot {len(files)} table(s) in {directory}; the shipped ones stand.")


def _here(home: Path | None, wanted: "Wanted") -> list[dict[str, Any]]:
    from headgate.cli.compiled import compiled
    from headgate.models.select import chosen, told

    settings = load_settings(home)
    here = compiled(settings.config_file(), settings)
    rows = [told(entry) for entry in chosen(here.registry.entries(here.kinds()), wanted)]
    if wanted.usable:
        named = {name: route.targets[0] for name, route in here.snapshot.table.routes.items()}
        rows[:0] = [
            {"id": name, "kind": "chat", "status": "active", "context": at.context, "max_output": at.max_output}
            for name, at in named.items()
            if not wanted.search or wanted.search.lower() in name.lower()
        ]
    return rows


def _row(model: dict[str, Any]) -> tuple[Any, ...]:
    price = model.get("price") or {}
    kind = model.get("kind")
    can = [word for word in model.get("capabilities", ()) if word not in ("streaming", kind)]
    return (
        model["id"], kind, model.get("status"), price.get("input"), price.get("output"), price.get("cached"),
        model.get("context"), model.get("max_output"), " ".join(can),
    )  # fmt: skip
