"use client";

import { useState } from "react";
import { useNames } from "@/components/form";
import { Manage, NAME, ON, SWITCH } from "@/components/manage";
import { Button, Confirm, Dialog, Head, Snippet, Tabs, Time } from "@/components/ui";
import { json } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { useSession } from "@/lib/session";

type Tab = "sso" | "clients" | "issuers" | "sessions";

export default function Page() {
  const [tab, setTab] = useState<Tab>("sso");
  const users = useNames("users");
  const { may } = useSession();
  const [secret, setSecret] = useState<string | null>(null);
  return (
    <>
      <Head title="Sign-in">How people and services prove who they are.</Head>
      <Tabs<Tab> label="Sign-in" options={[["sso", "Identity providers"], ["clients", "Services"], ["issuers", "Trusted issuers"], ["sessions", "Sessions"]]} value={tab} onChange={setTab} />
      {tab === "sso" ? (
        <Manage
          key="sso"
          of={{
            bare: true, path: "sso", title: "Identity providers", one: "identity provider", permission: "sso",
            empty: "Any that speaks OpenID Connect: Entra ID, Okta, Keycloak, Google.",
            removal: "Nobody can sign in through it any more; sessions that are open stay.",
            fields: [
              { name: "name", label: "Name", kind: "text", required: true, hint: "What the button says." },
              { name: "issuer", label: "Issuer", kind: "text", required: true, hint: "Its URL, as its discovery document says it." },
              { name: "client_id", label: "Client id", kind: "text", required: true },
              { name: "client_secret", label: "Client secret", kind: "secret", hint: "Sealed at once, never shown again." },
              { name: "scopes", label: "Scopes", kind: "list", start: ["openid", "email", "profile"] },
              { name: "groups_claim", label: "Claim of groups", kind: "text", start: "groups" },
              { name: "roles", label: "Role of each group", kind: "json", hint: '{"engineering": "developer"}' },
              { name: "default_role", label: "Role of everybody else", kind: "text" },
              { name: "domains", label: "Domains of e-mail addresses", kind: "list" },
              { name: "creates_users", label: "Make users as they come", kind: "switch" },
              SWITCH,
            ],
            columns: [NAME, ON, { name: "Issuer", show: (r) => <span className="mono">{String(r.issuer)}</span> }, { name: "Domains", show: (r) => ((r.domains as string[]) ?? []).join(", ") || "any" }],
          }}
        />
      ) : tab === "clients" ? (
        <Manage
          key="clients"
          of={{
            bare: true, path: "clients", title: "Services", one: "service", permission: "clients", secret: "client_secret",
            empty: "A service gets tokens by its id and secret (OAuth2 client credentials).",
            removal: "Its tokens are refused within a second.",
            fields: [{ name: "name", label: "Name", kind: "text", required: true }, { name: "scopes", label: "Permissions", kind: "permissions", start: ["gateway:use"] }],
            actions: (r) => (may("clients:update") ? <Confirm look="" name="New secret" title={`A new secret for ${String(r.name)}`} consequence="It is shown once. The present one stays good for an hour, so that the service can change over." act={async () => setSecret((await json<Schema["MadeClient"]>(`/api/v1/clients/${r.id}/rotate`, "POST", { overlap: 3600 })).client_secret)} /> : null),
            columns: [NAME, { name: "Id", show: (r) => <span className="mono">{r.id}</span> }, { name: "Permissions", show: (r) => <span className="small muted">{((r.scopes as string[]) ?? []).join(", ")}</span> }],
          }}
        />
      ) : tab === "issuers" ? (
        <Manage
          key="issuers"
          of={{
            bare: true, path: "issuers", title: "Trusted issuers", one: "trusted issuer", permission: "issuers",
            empty: "Tokens of an issuer that you trust are taken in place of keys.",
            removal: "Its tokens are refused within a second.",
            fields: [
              { name: "name", label: "Name", kind: "text", required: true },
              { name: "issuer", label: "Issuer", kind: "text", required: true },
              { name: "audience", label: "Audience", kind: "text", required: true },
              { name: "jwks_url", label: "Where its keys are (JWKS)", kind: "text" },
            ],
            columns: [NAME, { name: "Issuer", show: (r) => <span className="mono">{String(r.issuer)}</span> }, { name: "Audience", show: (r) => String(r.audience ?? "") }],
          }}
        />
      ) : (
        <Manage
          key="sessions"
          of={{
            bare: true, search: false, path: "sessions", title: "Sessions", one: "session", permission: "sessions", verbs: { create: "", update: "" },
            empty: "Nobody is signed in by a password or an identity provider.",
            removal: "Whoever uses it is signed out at once.",
            fields: [],
            columns: [
              { name: "User", show: (r) => users.get(String(r.user_id)) ?? String(r.user_id) },
              { name: "By", show: (r) => `${String(r.via)}, ${String(r.kind)}` },
              { name: "Address", show: (r) => String(r.address ?? "–") },
              { name: "Began", show: (r) => <Time at={r.created_at as string} /> },
              { name: "Last used", show: (r) => <Time at={r.seen_at as string} /> },
            ],
          }}
        />
      )}
      <Dialog title="The new secret" open={secret !== null} close={() => setSecret(null)} footer={<Button look="primary" onClick={() => setSecret(null)}>I have it</Button>}>
        <p>Copy it now: only its digest is kept, so it cannot be shown again.</p>
        <Snippet text={secret ?? ""} />
      </Dialog>
    </>
  );
}
