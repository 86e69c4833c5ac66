"""``/config``: the configuration in force, without secrets."""

from typing import Annotated, Any

from fastapi import Depends

from headgate.admin.parts import AdminParts
from headgate.admin.route import Route, parts
from headgate.core.redact import redact
from headgate.core.reference import reference

HIDDEN = "***"
SECRET_FIELDS = frozenset(("api_key", "api_keys", "headers", "credentials", "client_secret"))
"""Fields of which nothing is shown: a header is the usual place for a credential."""
HEADERS = "headers"


async def show_config(to: Annotated[AdminParts, Depends(parts)]) -> dict[str, Any]:
    """Return the configuration as it is in force: the file's, and defaults for the rest."""
    return {name: masked(value) for name, value in to.config().items()}


def masked(value: Any, field: str = "") -> Any:
    """Return *value* without credentials."""
    if isinstance(value, dict):
        if field in SECRET_FIELDS:
            return dict.fromkeys(value, HIDDEN)
        return {name: masked(inner, name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(inner, field) for inner in value]
    if field != HEADERS and _is_reference(value):
        return value
    if field in SECRET_FIELDS and value is not None:
        return HIDDEN
    return redact(value) if isinstance(value, str) else value


def _is_reference(value: Any) -> bool:
    """Whether *value* names a secret that a manager keeps. Secrets themselves come here hidden."""
    try:
        return isinstance(value, str) and reference(value) is not None
    except ValueError:
        return False


ROUTES = (
    Route(
        method="GET",
        path="/config",
        permission="config:view",
        endpoint=show_config,
        summary="The configuration in force",
        object="config",
        tag="config",
    ),
)
