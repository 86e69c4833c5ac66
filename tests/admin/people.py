"""Who asks, where what is configured belongs to a tenant or to all of them."""

import httpx2

from headgate.access.permissions import ROLES
from headgate.access.types import Principal


def person(id: str, tenant: str, role: str, scope: str = "tenant") -> Principal:
    """Somebody with *role* in *tenant*."""
    return Principal(kind="admin", id=id, tenant_id=tenant, name=id, scope=scope, permissions=ROLES[role])


def people() -> dict[str, Principal]:
    """Who runs the gateway, who administers a tenant of two, and who may only look; by the words for their keys."""
    return {
        "root": person("root", "default", "platform-admin", "platform"),
        "admin": person("admin-1", "default", "tenant-admin"),
        "other": person("admin-2", "other", "tenant-admin"),
        "viewer": person("viewer", "default", "auditor"),
    }


def code(answer: httpx2.Response) -> tuple[int, str]:
    """The status and the code of a refusal."""
    return answer.status_code, answer.json()["error"]["code"]
