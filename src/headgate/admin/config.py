"""``/config``: the configuration in force, without secrets."""

from typing import Annotated, Any

from fastapi import Depends

from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, parts


async def show_config(to: Annotated[AdminParts, Depends(parts)]) -> dict[str, Any]:
    """Return the configuration as it is in force: the file's, with what was found beside it."""
    return to.config()


ROUTES = (
    Route(
        method="GET",
        path="/config",
        permission="config:view",
        endpoint=show_config,
        summary="The configuration in force",
        tag="config",
    ),
)
