"use client";

import { useState } from "react";
import { useNames } from "@/components/form";
import type { Values } from "@/components/form";
import { Manage, NAME } from "@/components/manage";
import { Head, Panel, Table, Tabs } from "@/components/ui";
import { json } from "@/lib/api";
import { useAsk } from "@/lib/use";
import { useWho } from "@/lib/who";

const LISTS: Record<string, string> = { user: "users", client: "clients", key: "config/virtual-keys" };

export default function Page() {
  const [tab, setTab] = useState<"bindings" | "roles">("bindings");
  const who = useWho();
  const teams = useNames("teams");
  const own = useNames("roles");
  const shipped = Object.entries(useAsk(["permissions"], () => json<{ roles?: Record<string, string[]> }>("/api/v1/permissions")).data?.roles ?? {});
  const reach = (scope: string) => (scope.startsWith("team:") ? `team ${teams.get(scope.slice(5)) ?? scope.slice(5)}` : scope === "tenant" ? "the tenant" : scope === "platform" ? "every tenant" : scope);
  return (
    <>
      <Head title="Roles">What somebody may: roles are sets of permissions, given within a tenant or a team. Nobody can give more than he has.</Head>
      <Tabs label="Roles" options={[["bindings", "Who has which"], ["roles", "Roles"]]} value={tab} onChange={setTab} />
      {tab === "bindings" ? (
        <Manage
          of={{
            bare: true, search: false, path: "bindings", title: "Roles given", one: "role for somebody", permission: "roles", verbs: { create: "update", update: "", delete: "update" },
            empty: "Give a user a role, and it applies within a second.",
            removal: "What the role allowed is refused within a second.",
            fields: [
              { name: "subject_kind", label: "To a", kind: "select", options: ["user", "client", "key"], start: "user", required: true },
              { name: "subject_id", label: "Which", kind: "ref", of: (v: Values) => LISTS[String(v.subject_kind)] ?? "users", required: true },
              { name: "role", label: "Role", kind: "select", options: [["", "choose one"], ...shipped.map(([name]) => name), ...own.values()], required: true },
              { name: "scope", label: "Reaches", kind: "select", start: "tenant", options: ["tenant", "platform", ...[...teams.keys()].map((id) => `team:${id}`)].map((scope) => [scope, reach(scope)] as const) },
            ],
            columns: [
              { name: "Who", show: (r) => <strong>{who(String(r.subject_kind), String(r.subject_id))}</strong> },
              { name: "Kind", show: (r) => String(r.subject_kind) },
              { name: "Role", show: (r) => <span className="tag">{String(r.role)}</span> },
              { name: "Reaches", show: (r) => reach(String(r.scope)) },
            ],
          }}
        />
      ) : (
        <>
          <Manage
            of={{
              bare: true, path: "roles", title: "Roles", one: "role", permission: "roles",
            empty: "The roles that come with the gateway are always there; make your own for what they do not fit.",
            removal: "Whoever had it loses what it allowed.",
            fields: [{ name: "name", label: "Name", kind: "text", required: true }, { name: "permissions", label: "Permissions", kind: "permissions" }],
            columns: [NAME, { name: "Permissions", show: (r) => <span className="small muted">{((r.permissions as string[]) ?? []).join(", ")}</span> }],
            }}
          />
          <Panel title="Roles that come with the gateway" flush>
            <Table
              label="Shipped roles"
              rows={shipped}
              id={([name]) => name}
              columns={[{ name: "Name", show: ([name]) => <strong className="nowrap">{name}</strong> }, { name: "Permissions", show: ([, permissions]) => <span className="small muted">{permissions.join(", ")}</span> }]}
            />
          </Panel>
        </>
      )}
    </>
  );
}
