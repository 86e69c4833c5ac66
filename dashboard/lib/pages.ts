// Every page once: its place in the navigation, and the permission without which it is not shown.

export type PageLink = { path: string; name: string; permission: string | null; group: string; words?: string };

export const PAGES: PageLink[] = [
  { path: "/", name: "Overview", permission: "usage:view", group: "", words: "home start traffic" },
  { path: "/logs", name: "Logs", permission: "logs:view", group: "Traffic", words: "calls requests live tail" },
  { path: "/usage", name: "Usage and cost", permission: "usage:view", group: "Traffic", words: "spend tokens money" },
  { path: "/errors", name: "Errors", permission: "logs:view", group: "Traffic", words: "failures what goes wrong" },
  { path: "/alerts", name: "Alerts", permission: "alerts:view", group: "Traffic", words: "firing rules silence pagerduty slack" },
  { path: "/feedback", name: "Feedback", permission: "feedback:view", group: "Traffic", words: "thumbs scores comments corrections" },
  { path: "/exports", name: "Exports", permission: "exports:view", group: "Traffic", words: "files parquet archive download" },
  { path: "/playground", name: "Playground", permission: null, group: "Models", words: "chat try compare" },
  { path: "/models", name: "Models", permission: "config:view", group: "Models", words: "registry prices" },
  { path: "/providers", name: "Providers", permission: "config:view", group: "Models", words: "health keys accounts" },
  { path: "/routes", name: "Routes", permission: "routes:view", group: "Models", words: "routing explain strategies" },
  { path: "/guardrails", name: "Guardrails", permission: "guardrails:view", group: "Models", words: "policies pii injection masks playground" },
  { path: "/caches", name: "Caches", permission: "caches:view", group: "Models", words: "semantic savings clear" },
  { path: "/keys", name: "Keys", permission: "api_keys:view", group: "Access", words: "virtual keys credentials" },
  { path: "/apps", name: "Apps", permission: "apps:view", group: "Access", words: "applications" },
  { path: "/teams", name: "Teams", permission: "teams:view", group: "Access" },
  { path: "/users", name: "Users", permission: "users:view", group: "Access", words: "people passwords" },
  { path: "/roles", name: "Roles", permission: "roles:view", group: "Access", words: "permissions rights bindings" },
  { path: "/signin-settings", name: "Sign-in", permission: "sso:view", group: "Access", words: "sso oidc clients issuers sessions" },
  { path: "/tenants", name: "Tenants", permission: "tenants:view", group: "Access", words: "organizations" },
  { path: "/budgets", name: "Budgets", permission: "budgets:view", group: "Money", words: "limits spending" },
  { path: "/approvals", name: "Approvals", permission: "approvals:view", group: "Money", words: "requests inbox" },
  { path: "/billing", name: "Billing", permission: "billing:view", group: "Money", words: "invoices reports prices chargeback" },
  { path: "/notifications", name: "Notifications", permission: null, group: "Gateway", words: "inbox unread" },
  { path: "/audit", name: "Audit", permission: "audit:view", group: "Gateway", words: "log chain verify" },
  { path: "/operations", name: "Operations", permission: null, group: "Gateway", words: "api left out openapi" },
  { path: "/settings", name: "Settings", permission: "config:view", group: "Gateway", words: "configuration" },
];

const MOVED: Record<string, string> = { "/invoices": "/billing" };

/** The page that a link of the gateway's own leads to; null where there is none. */
export function pageOf(link: string | null | undefined): string | null {
  const [path = "", query] = (link ?? "").split("?");
  const to = MOVED[path] ?? path;
  return PAGES.some((page) => page.path === to) || to === "/trace" ? to + (query ? `?${query}` : "") : null;
}
