"""Why an object that is configured by file or by API cannot be made what was asked for."""

from headgate.config.effective import OF_TENANT
from headgate.config.types import ConfigError, Problem
from headgate.core.errors import BadRequest, Conflict, Forbidden
from headgate.storage.object_rows import SHARED, ObjectRow

MOST = 10
"""Places that are named in one answer."""


def faulty(error: ConfigError, section: str, row: ObjectRow) -> BadRequest | Conflict:
    """Return the answer to a configuration that does not fit: its first fault, and where in ``config`` it is."""
    start = f"{section}.{row.name}"
    own = [
        problem
        for problem in error.problems
        if (problem.path == start or problem.path.startswith(f"{start}."))
        and (row.tenant_id != SHARED or not problem.file.startswith(OF_TENANT))
    ]
    if row.body is None or not own:
        first = error.problems[0]
        whose = f" ({first.file})" if row.tenant_id == SHARED and first.file.startswith(OF_TENANT) else ""
        message = f"Something else would be wrong then: {first.path}{whose}: {first.message.rstrip('.')}."
        return Conflict(message + _and(error.problems[1:]), code="in_use")
    others = f" ({len(own)} faults in all.)" if len(own) > 1 else ""
    path = "config" + own[0].path.removeprefix(start)
    if path == "config" and section == "aliases":
        path = "config.target"
    return BadRequest(f"{path} {own[0].message.rstrip('.')}.{others}", code="invalid_value", param=path)


def _and(problems: list[Problem]) -> str:
    """Return words for more faults than the first: where they are."""
    places = list(dict.fromkeys(problem.path for problem in problems if problem.path))
    if not places:
        return ""
    more = f" and {len(places) - MOST} more" if len(places) > MOST else ""
    return f" And so: {', '.join(places[:MOST])}{more}."


def unusable(error: ConfigError) -> Conflict:
    """Return the refusal of what needs the configuration, while that is not good."""
    first, more = error.problems[0], len(error.problems) - 1
    rest = f" ({more} more: `headgate config check` has them all.)" if more else ""
    return Conflict(f"The configuration cannot be used: {first}.{rest}", code="configuration_invalid")


def binding(kind: str) -> Forbidden:
    """Return the refusal to change what binds the tenant."""
    word = kind.replace("_", " ")
    return Forbidden(
        f"Where a {word} binds the tenant, who administers the platform alone sets and removes it.",
        code="beyond_your_own",
        param="platform",
    )


def taken(kind: str, name: str) -> Conflict:
    """Return the refusal of a name that stands for what all tenants share."""
    return Conflict(
        f"The {kind.replace('_', ' ')} {name!r} is shared by all tenants: give yours another name, or ask who runs "
        "this.",
        param="name",
    )


def of_the_file(kind: str, name: str, change: str) -> Conflict:
    """Return the refusal to change what the file has."""
    return Conflict(
        f"The {kind.replace('_', ' ')} {name!r} is managed by the configuration file, "
        f"where this is the change to make: {change}",
        code="managed_by_file",
        param="name",
    )
