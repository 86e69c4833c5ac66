"use client";

// Names in place of ids, of what the one who is signed in may see; an id that has none here is shown as it is.

import { useNames } from "@/components/form";
import { useSession } from "./session";

const LISTS = { user: ["users", "users:view"], team: ["teams", "teams:view"], app: ["apps", "apps:view"], key: ["config/virtual-keys", "api_keys:view"] } as const;

export function useWho(): (kind: string, id: string) => string {
  const { may } = useSession();
  const of = (kind: keyof typeof LISTS) => (may(LISTS[kind][1]) ? LISTS[kind][0] : null);
  const known: Record<string, Map<string, string>> = { user: useNames(of("user")), team: useNames(of("team")), app: useNames(of("app")), key: useNames(of("key")) };
  return (kind, id) => known[kind === "admin" ? "key" : kind]?.get(id) ?? id;
}
