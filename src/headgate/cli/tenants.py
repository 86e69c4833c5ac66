"""``headgate tenants``."""

import click

from headgate.cli.objects import LEVEL, Field, Kind, commands_of


@click.group("tenants")
def command() -> None:
    """Manage tenants: organizations of which none sees another."""


commands_of(
    Kind(
        word="tenant",
        things="tenants",
        resource=lambda gateway: gateway.tenants,
        fields=(
            Field("--name", "name", "What it is called."),
            Field("--email", "email", "Where reports go."),
            Field("--zone", "zone", "Time zone of its days, weeks and months, as Europe/Berlin."),
            Field("--catalogue", "catalogue", "All that exists for it: routes, provider/model, provider/*.", many=True),
            *LEVEL,
        ),
        columns=("name", "email", "zone", "is_active", "limits", "models", "providers", "catalogue"),
        shown={"zone": lambda one: None if one.zone == "UTC" else one.zone},
    ),
    command,
)
