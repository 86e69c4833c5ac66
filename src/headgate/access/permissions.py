"""What may be allowed, each as ``thing:verb``, and the roles that come with the gateway."""

from collections.abc import Mapping

PLATFORM_TENANT = "default"
"""The installation's own tenant: only who belongs to it can reach beyond it."""

PERMISSIONS: Mapping[str, str] = {
    "gateway:use": "Call models",
    "tenants:view": "See tenants",
    "tenants:create": "Make tenants",
    "tenants:update": "Change tenants",
    "tenants:delete": "Remove tenants",
    "teams:view": "See teams",
    "teams:create": "Make teams",
    "teams:update": "Change teams and who is in them",
    "teams:delete": "Remove teams",
    "apps:view": "See apps",
    "apps:create": "Make apps",
    "apps:update": "Change apps",
    "apps:delete": "Remove apps",
    "users:view": "See users",
    "users:create": "Make users",
    "users:update": "Change users",
    "users:delete": "Remove users",
    "roles:view": "See roles and who has them",
    "roles:create": "Make roles",
    "roles:update": "Change roles, give and take them",
    "roles:delete": "Remove roles",
    "api_keys:view": "See keys",
    "api_keys:create": "Make and rotate keys",
    "api_keys:update": "Change keys, switch them off and on",
    "api_keys:delete": "Revoke keys",
    "sessions:view": "See who is signed in",
    "sessions:delete": "Sign others out",
    "sso:view": "See identity providers",
    "sso:create": "Add identity providers",
    "sso:update": "Change identity providers",
    "sso:delete": "Remove identity providers",
    "clients:view": "See OAuth2 clients",
    "clients:create": "Make OAuth2 clients",
    "clients:update": "Change OAuth2 clients, give them new secrets",
    "clients:delete": "Remove OAuth2 clients",
    "issuers:view": "See whose tokens are trusted",
    "issuers:create": "Trust issuers of tokens",
    "issuers:update": "Change trusted issuers",
    "issuers:delete": "Trust issuers no more",
    "budgets:view": "See budgets",
    "budgets:create": "Make budgets",
    "budgets:update": "Change budgets",
    "budgets:delete": "Remove budgets",
    "approvals:view": "See requests for more",
    "approvals:create": "Ask for more",
    "approvals:decide": "Approve and refuse",
    "billing:view": "See invoices, reports and prices",
    "billing:create": "Make invoices, send reports, import a provider's usage",
    "billing:update": "Change prices and schedules",
    "alerts:view": "See alerts and their rules",
    "alerts:create": "Make rules of alerts",
    "alerts:update": "Change rules of alerts; acknowledge, silence and try alerts",
    "alerts:delete": "Remove rules of alerts",
    "feedback:view": "See what people think of answers",
    "feedback:create": "Say what one thinks of an answer",
    "doctor:view": "See what is right and wrong with the gateway",
    "usage:view": "See usage",
    "logs:view": "See calls",
    "payloads:view": "See what was said in calls",
    "payloads:delete": "Remove what an end user's calls said",
    "exports:view": "See and fetch exports of calls",
    "exports:create": "Make and stop exports of calls",
    "encryption:view": "See under which keys secrets are sealed",
    "encryption:rotate": "Seal secrets under another key, and make one",
    "audit:view": "See and verify the audit log",
    "config:view": "See the configuration, providers and models",
    "provider_keys:view": "See which provider keys there are",
    "provider_keys:create": "Store provider keys",
    "provider_keys:delete": "Remove provider keys",
    "providers:update": "Make, change and remove providers: where their keys are sent",
    "providers:switch": "Switch deployments off and on by hand",
    "models:update": "Change the catalogue of models",
    "routes:view": "See and explain routes",
    "routes:change": "Make, change and remove routes",
    "guardrails:view": "See guardrails",
    "guardrails:change": "Make, change and remove guardrails",
    "guardrails:test": "Try guardrails on a text",
    "caches:view": "See caches and what they saved",
    "caches:update": "Make, change and remove caches",
    "caches:clear": "Remove answers from caches",
}
"""Permission -> what it allows, in words."""

PLATFORM_ONLY = frozenset(
    {"tenants:create", "tenants:delete", "providers:switch", "doctor:view", "encryption:view", "encryption:rotate"}
)
"""What is of use over the whole platform alone: over one tenant, nobody has it."""
_SEE = frozenset(name for name in PERMISSIONS if name.endswith(":view")) - PLATFORM_ONLY - {"payloads:view"}

ROLES: Mapping[str, frozenset[str]] = {
    "platform-admin": frozenset(PERMISSIONS),
    "tenant-admin": frozenset(PERMISSIONS) - PLATFORM_ONLY,
    "developer": _SEE - {"audit:view", "sso:view", "clients:view", "issuers:view", "sessions:view", "billing:view"}
    | {"gateway:use", "api_keys:create", "api_keys:update", "approvals:create", "guardrails:test", "feedback:create"},
    "billing": frozenset(
        {"usage:view", "billing:view", "billing:create", "billing:update"}
        | {"budgets:view", "budgets:create", "budgets:update", "approvals:view", "approvals:decide"}
    ),
    "auditor": _SEE,
    "member": frozenset(
        {"gateway:use", "usage:view", "logs:view", "budgets:view", "approvals:create"}
        | {"feedback:view", "feedback:create"}
    ),
}
"""The roles that are always there. ``platform-admin`` alone reaches beyond its tenant; ``member`` sees its own."""

OWN_KEY = frozenset(
    {"gateway:use", "api_keys:view", "logs:view", "usage:view", "budgets:view", "approvals:view", "approvals:create"}
    | {"feedback:view", "feedback:create"}
)
"""What a virtual key may, each of its own alone."""
