"""Permissions and roles: what the page says is what is, and no role has what does not exist."""

from pathlib import Path

import pytest

from headgate.access.permissions import OWN_KEY, PERMISSIONS, PLATFORM_ONLY, ROLES

PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "permissions.md"


def table() -> str:
    """The table of the page, as the roles are."""
    names = list(ROLES)
    lines = [f"| permission | allows | {' | '.join(names)} | a virtual key |", "|---" * (len(names) + 3) + "|"]
    for permission, what in PERMISSIONS.items():
        has = [*(permission in ROLES[name] for name in names), permission in OWN_KEY]
        lines.append(f"| `{permission}` | {what} | {' | '.join('yes' if one else '' for one in has)} |")
    return "\n".join(lines)


def test_the_page_is_true() -> None:
    assert table() in PAGE.read_text(), f"the table must be:\n{table()}"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_what_exists(role: str) -> None:
    assert ROLES[role] <= PERMISSIONS.keys()
    assert (role == "platform-admin") is bool(ROLES[role] & PLATFORM_ONLY)


def test_the_rights_that_others_script_against_are_there() -> None:
    first = (
        "gateway:use api_keys:view api_keys:create api_keys:delete users:view users:create users:update users:delete"
    )
    assert {*first.split(), "tenants:view", "tenants:update", "guardrails:test"} <= PERMISSIONS.keys()
