"""``headgate apps``."""

import click

from headgate.cli.objects import LEVEL, Field, Kind, commands_of


@click.group("apps")
def command() -> None:
    """Manage apps, which keys belong to."""


commands_of(
    Kind(
        word="app",
        things="apps",
        resource=lambda gateway: gateway.apps,
        fields=(
            Field("--name", "name", "What it is called."),
            Field("--team", "team_id", "The team it belongs to; '' for none."),
            Field("--owner", "owner_id", "The user to ask about it; '' for none."),
            Field("--default-model", "default_model", "What a call means that names no model; '' for nothing."),
            Field("--default-provider", "default_provider", "Where that model is called; '' for anywhere."),
            Field("--cost-optimize", "cost_optimize", "The cheapest first, where a route does not decide.", flag=True),
            Field("--policies", "policies", "Policies that are to hold for its calls.", many=True),
            *LEVEL,
        ),
        columns=("name", "team_id", "owner_id", "is_active", "default_model", "limits", "models", "providers"),
    ),
    command,
)
