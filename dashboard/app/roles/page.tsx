"use client";

import { useState } from "react";
import { useNames } from "@/components/form";
import { Manage, NAME } from "@/components/manage";
import { Head, Tabs } from "@/components/ui";

export default function Page() {
  const [tab, setTab] = useState<"bindings" | "roles">("bindings");
  const users = useNames("users");
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
              { name: "subject_id", label: "Which (id)", kind: "text", required: true, hint: "Users are on their page; the id of a client or an admin key works too." },
              { name: "role", label: "Role", kind: "text", required: true, hint: "platform-admin, tenant-admin, developer, billing, auditor, member, or the name of your own." },
              { name: "scope", label: "Reaches", kind: "text", start: "tenant", hint: "tenant, or team:ID" },
            ],
            columns: [
              { name: "Who", show: (r) => <strong>{users.get(String(r.subject_id)) ?? String(r.subject_id)}</strong> },
              { name: "Kind", show: (r) => String(r.subject_kind) },
              { name: "Role", show: (r) => <span className="tag">{String(r.role)}</span> },
              { name: "Reaches", show: (r) => String(r.scope) },
            ],
          }}
        />
      ) : (
        <Manage
          of={{
            bare: true, path: "roles", title: "Roles", one: "role", permission: "roles",
            empty: "The roles that come with the gateway are always there; make your own for what they do not fit.",
            removal: "Whoever had it loses what it allowed.",
            fields: [{ name: "name", label: "Name", kind: "text", required: true }, { name: "permissions", label: "Permissions", kind: "permissions" }],
            columns: [NAME, { name: "Permissions", show: (r) => <span className="small muted">{((r.permissions as string[]) ?? []).join(", ")}</span> }],
          }}
        />
      )}
    </>
  );
}
