"""The command line: ``headgate``. Each group of commands is a file, imported when it is used.

Exit codes: 0 done, 1 it failed, 2 the command line or the configuration is wrong, 3 the home or database is unfit.
"""

import atexit
import gc
import sys
from importlib import import_module
from typing import Any

import click

COMMANDS = {
    "serve": ("headgate.cli.serve", "Run the gateway."),
    "keys": ("headgate.cli.keys", "Make, list, change, revoke and rotate keys."),
    "tenants": ("headgate.cli.tenants", "Manage tenants."),
    "teams": ("headgate.cli.teams", "Manage teams, and who is in them."),
    "apps": ("headgate.cli.apps", "Manage apps, which keys belong to."),
    "users": ("headgate.cli.users", "Manage people."),
    "roles": ("headgate.cli.roles", "Manage roles, and who has them."),
    "logs": ("headgate.cli.logs", "List the latest calls."),
    "export": ("headgate.cli.export", "Write finished calls into files."),
    "trace": ("headgate.cli.trace", "Show everything that happened to one call."),
    "usage": ("headgate.cli.usage", "Add up calls, tokens and cost."),
    "errors": ("headgate.cli.errors", "Show what goes wrong, by kind."),
    "budgets": ("headgate.cli.budgets", "Say what may be spent, and see how much of it is."),
    "approvals": ("headgate.cli.approvals", "Ask for more, grant and refuse it."),
    "billing": ("headgate.cli.billing", "See who pays for what; issue invoices and reports."),
    "alerts": ("headgate.cli.alerts", "See what is wrong, see to it, and say when somebody is told."),
    "feedback": ("headgate.cli.feedback", "Say what one thinks of answers, and see what was thought of them."),
    "encryption": ("headgate.cli.encryption", "See under which keys secrets are sealed, and rotate them."),
    "audit": ("headgate.cli.audit", "See what was done, and verify that it is as written."),
    "models": ("headgate.cli.models", "List models and their prices."),
    "route": ("headgate.cli.route", "List, change and explain routes: where a call would go."),
    "alias": ("headgate.cli.alias", "List and change other names of routes and models."),
    "use-case": ("headgate.cli.use_case", "List and change what callers can ask for by purpose."),
    "cache": ("headgate.cli.cache", "List, change and clear caches of answers, show what they saved."),
    "guard": ("headgate.cli.guard", "List, change and try guardrails."),
    "providers": ("headgate.cli.providers", "List and change providers, and manage their keys."),
    "chat": ("headgate.cli.chat", "Talk to a model through the gateway."),
    "doctor": ("headgate.cli.doctor", "Check the home, the configuration and the providers."),
    "sso": ("headgate.cli.sso", "Manage identity providers, through which people sign in."),
    "login": ("headgate.cli.login:login", "Sign in at a gateway elsewhere."),
    "logout": ("headgate.cli.login:logout", "Sign out of it."),
    "whoami": ("headgate.cli.login:whoami", "Say as whom commands speak to a gateway."),
    "faultlab": ("headgate.cli.faultlab", "Drill your routes with providers that fail."),
    "config": ("headgate.cli.config", "Check the configuration file, print its schema, hand over what it has."),
    "db": ("headgate.cli.db", "Bring the database to the present schema."),
}
"""Name -> module whose ``command`` it is (or what stands after a colon), and a line of help: that needs no module."""


class Commands(click.Group):
    """The group of all commands, and the one place where errors become words and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the list."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command when it is used."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name or "command")
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """See ``click.Group``; name the command that was probably meant."""
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the list without importing what is in it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; end with its exit code where it fails in a way that is foreseen."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            code = getattr(error, "exit_code", None)
            if code is None or isinstance(error, click.ClickException | click.exceptions.Exit):
                raise
            for line in getattr(error, "problems", None) or [error]:
                click.echo(f"headgate: {line}", err=True)
            ctx.exit(code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="headgate", message="headgate %(version)s")
def group() -> None:
    """Headgate, an AI gateway."""


def main() -> None:
    """Run the command line of this process."""
    gc.set_threshold(50_000)  # modules are made of cycles that stay: to look for some in them, and again as all ends,
    atexit.register(gc.freeze)  # would be a third of what a short command takes
    try:
        group(prog_name="headgate")
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stderr.close()
        sys.exit(1)
