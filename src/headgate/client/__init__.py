"""The Python client of the management API."""

from headgate.client.admin import Admin, ApiError
from headgate.client.answers import Key, KeyPage, Log, LogPage, MadeKey, ProviderKey, Trace, Usage
from headgate.client.money import Approval, Budget, BudgetUsage, Invoice, Verified
from headgate.client.tenancy import App, Binding, Page, Permissions, Resource, Role, Team, Tenant, User

__all__ = [
    "Admin",
    "ApiError",
    "App",
    "Approval",
    "Binding",
    "Budget",
    "BudgetUsage",
    "Invoice",
    "Key",
    "KeyPage",
    "Log",
    "LogPage",
    "MadeKey",
    "Page",
    "Permissions",
    "ProviderKey",
    "Resource",
    "Role",
    "Team",
    "Tenant",
    "Trace",
    "Usage",
    "User",
    "Verified",
]
