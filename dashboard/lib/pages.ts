// Every page once: its place in the navigation, and the permission without which it is not shown.

export type PageLink = { path: string; name: string; permission: string | null; group: string; words?: string };

export const PAGES: PageLink[] = [
  { path: "/", name: "Overview", permission: "usage:view", group: "", words: "home start traffic" },
  { path: "/logs", name: "Logs", permission: "logs:view", group: "Traffic", words: "calls requests live tail" },
  { path: "/usage", name: "Usage and cost", permission: "usage:view", group: "Traffic", words: "spend tokens money" },
  { path: "/playground", name: "Playground", permission: null, group: "Models", words: "chat try compare" },
  { path: "/models", name: "Models", permission: "config:view", group: "Models", words: "registry prices" },
  { path: "/providers", name: "Providers", permission: "config:view", group: "Models", words: "health keys accounts" },
  { path: "/routes", name: "Routes", permission: "routes:view", group: "Models", words: "routing explain strategies" },
  { path: "/keys", name: "Keys", permission: "api_keys:view", group: "Access", words: "virtual keys credentials" },
  { path: "/settings", name: "Settings", permission: "config:view", group: "Gateway", words: "configuration" },
];
