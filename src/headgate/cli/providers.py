"""``headgate providers``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headgate.cli.connect import gateway_options, home_option, load_settings, open_admin, read_secret
from headgate.cli.named import add_commands
from headgate.cli.output import as_json, print_json, print_table

if TYPE_CHECKING:
    from headgate.client import ProviderKey

COLUMNS = ("provider", "kind", "in the", "address", "keys>", "models>", "last look")
WHERE = {"file": "file", "database": "database"}


@click.group("providers", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List and change providers, and manage their keys. Without a command: `list`."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_providers, home=None, url=None, key=None, json=False)


@command.command("list")
@gateway_options
@as_json
def list_providers(home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List the providers in force: those of the configuration, of the environment and of this machine."""
    if url:
        with open_admin(home, url, key) as gateway:
            rows = gateway.providers()
    else:
        from headgate.cli.compiled import Here, seen

        settings = load_settings(home)
        here = Here(settings.config_file(), settings)
        told = here.compiled.told(seen(settings).found)
        off = [
            {"name": name, "kind": one.kind, "base_url": one.base_url, "keys": 0, "last_look": None, "enabled": False}
            for name, one in here.effective.config.providers.items()
            if not one.enabled
        ]
        managers = here.effective.managers()
        rows = [{**row, "managed_by": managers.get(row["name"], "found")} for row in [*told, *off]]
    if json:
        print_json(rows)
        return
    print_table(COLUMNS, map(_row, rows), empty="There are no providers.")


@command.command("discover")
@click.argument("provider")
@home_option
@as_json
def discover(provider: str, home: Path | None, json: bool) -> None:
    """Ask PROVIDER now what models it has. No token is spent; a running gateway goes by the answer within seconds."""
    import asyncio

    from headgate.base import Base, Ways
    from headgate.providers.discovery import Found, look

    base = Base(load_settings(home))

    async def ask() -> Found:
        ways = Ways(base.settings.ca_file, base.settings.proxy)
        try:
            accounts = base.compile(base.effective, ways).providers
            if provider not in accounts:
                raise click.ClickException(f"There is no provider {provider!r}; there are {', '.join(accounts)}.")
            if not accounts[provider].supports("models"):
                raise click.ClickException(f"{provider} has no list of its models.")
            return await look(accounts[provider])
        finally:
            await ways.close()

    found = asyncio.run(ask())
    base.discovered.write(provider, found)
    if json:
        print_json(found)
    elif found.error is not None:
        raise click.ClickException(f"{provider} is not well: {found.error}")
    else:
        click.echo("\n".join(sorted(found.models)))
        click.echo(f"{len(found.models)} models, in {found.latency_ms:,.0f} ms", err=True)


@command.group("keys")
def keys() -> None:
    """Keys of providers that are kept here, sealed: many for one account are taken in turn."""


@keys.command("add")
@click.argument("provider")
@click.option("--name", default="", help="What to call it.")
@gateway_options
@as_json
def add(provider: str, name: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Seal a key of PROVIDER: asked for, or read from standard input, never given as an argument.

    It is used within a second, and never shown again.
    """
    secret = read_secret()
    with open_admin(home, url, key) as gateway:
        made = gateway.add_provider_key(provider, secret, name=name)
    print_json(made) if json else click.echo(f"Sealed the key {_short(made)} of {provider}; its id is {made.id}.")


@keys.command("list")
@click.argument("provider")
@gateway_options
@as_json
def list_keys(provider: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """List the sealed keys of PROVIDER, oldest first. Those of the configuration file are not among them."""
    with open_admin(home, url, key) as gateway:
        found = gateway.provider_keys(provider)
    if json:
        print_json(found)
        return
    rows: Any = ([one.id, one.name, _short(one), one.created_at[:16].replace("T", " ")] for one in found)
    print_table(("id", "name", "key", "created"), rows, empty=f"No key of {provider} is kept here.")


@keys.command("remove")
@click.argument("provider")
@click.argument("id")
@gateway_options
@as_json
def remove(provider: str, id: str, home: Path | None, url: str | None, key: str | None, json: bool) -> None:
    """Delete the key ID of PROVIDER; no call is signed with it after a second."""
    with open_admin(home, url, key) as gateway:
        gone = gateway.remove_provider_key(provider, id)
    print_json(gone) if json else click.echo(f"Deleted the key {_short(gone)} of {provider}.")


def _row(account: dict[str, Any]) -> tuple[Any, ...]:
    look = account["last_look"] or {}
    said = look.get("error") or (f"{look['at'][:16].replace('T', ' ')}, {look['latency_ms']:,.0f} ms" if look else None)
    if not account.get("enabled", True):
        said = "off"
    keys = account["keys"] or None
    return (
        account["name"],
        account["kind"],
        WHERE.get(account.get("managed_by", "")),
        account["base_url"],
        keys,
        look.get("models"),
        said,
    )


def _short(key: "ProviderKey") -> str:
    return f"{key.prefix}…{key.last4}" if key.last4 else "…"


add_commands(command, "config/providers", "provider")
