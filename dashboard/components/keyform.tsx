"use client";

// A key: made, changed, and shown once with what to paste.

import { useState } from "react";
import { Form, blank, sent, shown } from "./form";
import type { FieldOf, Values } from "./form";
import { LEVELS } from "./keeping";
import { Button, Dialog, Loaded, Segment, Snippet, useAction } from "./ui";
import { json, raw } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { count, money, percent } from "@/lib/format";
import { SNIPPETS, snippet } from "@/lib/snippets";
import type { Client } from "@/lib/snippets";
import { useAsk } from "@/lib/use";

const NAME: FieldOf = { name: "name", label: "Name", kind: "text", required: true, hint: "Who uses it: shop-backend, notebook-anna." };
const KIND: FieldOf = { name: "kind", label: "Kind", kind: "select", start: "key", once: true, options: [["key", "virtual key: calls models"], ["admin", "admin key: manages the gateway"]] };
const CALLS: readonly FieldOf[] = [
  { name: "models", label: "May call", kind: "list", hint: "Routes, aliases, provider/model or provider/*, with commas between; empty is everything." },
  { name: "limits", label: "Limits", kind: "limits" },
  { name: "budgets", label: "Budgets", kind: "budgets", hint: "They are never passed: room is held before each call." },
];
const BELONGS: readonly FieldOf[] = [
  { name: "app_id", label: "App", kind: "ref", of: "apps" },
  { name: "team_id", label: "Team", kind: "ref", of: "teams" },
  { name: "user_id", label: "User", kind: "ref", of: "users" },
];
const EXPIRES: FieldOf = { name: "expires_at", label: "Good until", kind: "time", hint: "Your local time; empty is for ever." };
const ADDRESSES: FieldOf = { name: "addresses", label: "May be used from", kind: "list", hint: "Networks, as 10.0.0.0/8; empty is anywhere." };
const MORE: readonly FieldOf[] = [
  { name: "providers", label: "Providers it may use", kind: "list", hint: "Empty is what the levels above allow." },
  { name: "default_model", label: "Default model", kind: "text", hint: "What is meant by a call that names none." },
  { name: "environment", label: "Environment", kind: "text", start: "live" },
  { name: "tags", label: "Tags", kind: "list", hint: "Words that every call of its carries." },
  ADDRESSES,
  { name: "payload", label: "Of its calls, keep", kind: "select", options: LEVELS, hint: "It can only be less than what its app and its tenant keep." },
];
const ADMIN: readonly FieldOf[] = [{ name: "permissions", label: "Permissions", kind: "permissions" }];
const ON: FieldOf = { name: "is_active", label: "Switched on", kind: "switch", hint: "Off, its calls are refused within a second." };

/** What only some of a key's fields say, in the order of the form. */
function fieldsOf(kind: string): { upper: FieldOf[]; more: FieldOf[] } {
  return kind === "admin" ? { upper: [NAME, ON, EXPIRES], more: [...ADMIN, ADDRESSES] } : { upper: [NAME, ON, ...CALLS, EXPIRES], more: [...BELONGS, ...MORE] };
}

export function NewKey({ close, done }: { close: () => void; done: (key: Schema["MadeKey"]) => void }) {
  const [kind, setKind] = useState("key");
  const { upper, more } = fieldsOf(kind);
  const fields = [...upper, ...more].filter((f) => f !== ON);
  const [values, setValues] = useState<Values>(() => blank([...fieldsOf("key").upper, ...fieldsOf("key").more, ...ADMIN]));
  const [busy, run] = useAction();
  const submit = () =>
    run(async () => {
      const body = sent(fields, values);
      if (!(body.permissions as unknown[] | undefined)?.length) delete body.permissions;
      done(await json<Schema["MadeKey"]>("/api/v1/config/virtual-keys", "POST", { ...body, kind }));
    });
  return (
    <Dialog title="Make a key" open close={close} submit={submit} footer={<><Button onClick={close}>Cancel</Button><Button type="submit" look="primary" busy={busy} disabled={!String(values.name).trim()}>Make it</Button></>}>
      <Form fields={[NAME]} values={values} set={setValues} making />
      <Form fields={[KIND]} values={{ kind }} set={(to) => setKind(String(to.kind))} making />
      <Form fields={upper.filter((f) => f !== NAME && f !== ON)} values={values} set={setValues} making />
      <details><summary>{kind === "admin" ? "Fewer permissions than its tenant's administrator" : "App, team, tags and more"}</summary><div className="stack inset"><Form fields={more} values={values} set={setValues} making /></div></details>
    </Dialog>
  );
}

export function ChangeKey({ id, close, done }: { id: string; close: () => void; done: () => void }) {
  const path = `/api/v1/config/virtual-keys/${id}`;
  const found = useAsk(["key", id], async () => {
    const response = await raw(path);
    return { key: (await response.json()) as Schema["Key"], etag: response.headers.get("etag") };
  });
  if (!found.data || found.isValidating) return <Dialog title="Key" open close={close} footer={<Button onClick={close}>Close</Button>}><Loaded error={found.error} loading={found.isLoading}>{null}</Loaded></Dialog>;
  return <Change key={found.data.etag ?? id} of={found.data.key} etag={found.data.etag} path={path} close={close} done={() => { void found.mutate(); done(); }} />;
}

function Change({ of: key, etag, path, close, done }: { of: Schema["Key"]; etag: string | null; path: string; close: () => void; done: () => void }) {
  const { upper, more } = fieldsOf(key.kind);
  const fields = [...upper, ...more];
  const [values, setValues] = useState<Values>(() => shown(fields, key as unknown as Values));
  const [busy, run] = useAction();
  const submit = () =>
    run(async () => {
      const body = sent(fields, values, key as unknown as Values);
      await raw(path, { method: "PATCH", headers: { "content-type": "application/json", ...(etag ? { "if-match": etag } : {}) }, body: JSON.stringify(body) });
      done();
    }, "Changed. It is in force within a second.");
  return (
    <Dialog title={`Key ${key.name}`} open close={close} submit={submit} footer={<><Button onClick={close}>Cancel</Button><Button type="submit" look="primary" busy={busy}>Save</Button></>}>
      <p className="muted"><span className="mono">{key.prefix}…{key.last4}</span>, {key.kind === "admin" ? "manages the gateway" : "calls models"}</p>
      {key.budgets.length ? <Spent of={key.id} /> : null}
      <Form fields={upper} values={values} set={setValues} making={false} />
      <details><summary>{key.kind === "admin" ? "Permissions and networks" : "App, team, tags and more"}</summary><div className="stack inset"><Form fields={more} values={values} set={setValues} making={false} /></div></details>
    </Dialog>
  );
}

function Spent({ of: id }: { of: string }) {
  const found = useAsk(["key budgets", id], () => json<Schema["OwnBudgets"]>(`/api/v1/metrics/budgets?key_id=${id}`));
  if (!found.data?.data.length) return null;
  return (
    <ul className="plainlist" aria-label="What is spent">
      {found.data.data.map((b, n) => {
        const of = b as unknown as { window: string; amount?: { usd?: string | null; tokens?: number | null }; used?: { usd?: string | null; tokens?: number | null }; share?: number };
        return <li key={n} className="row"><span className="tag">{of.window}</span><span>{of.used?.usd != null ? `${money(of.used.usd)} of ${money(of.amount?.usd)}` : `${count(of.used?.tokens ?? 0)} of ${count(of.amount?.tokens ?? 0)} tokens`}</span><span className="muted">{of.share == null ? "" : percent(of.share, 1)}</span></li>;
      })}
    </ul>
  );
}

export function MadeKey({ made, close }: { made: Schema["MadeKey"] | null; close: () => void }) {
  const [client, setClient] = useState<Client>("curl");
  return (
    <Dialog title={made ? `The key ${made.name}` : "Key"} open={!!made} close={close} footer={<Button look="primary" onClick={close}>I have it</Button>}>
      {made ? (
        <>
          <p>Copy it now: only its digest is kept, so it cannot be shown again.</p>
          <Snippet text={made.key} />
          {made.kind === "key" ? <><Segment label="Client" options={SNIPPETS} value={client} onChange={setClient} /><Snippet text={snippet(client, location.origin, made.models[0] ?? "sandbox/chat", made.key)} /></> : null}
        </>
      ) : null}
    </Dialog>
  );
}
