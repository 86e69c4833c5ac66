"use client";

// A provider's keys: pasted, sealed, and tried at once.

import { useId, useState } from "react";
import { Badge, Button, Confirm, Dialog, Empty, Field, Table, Time, useAction } from "./ui";
import { Refused, api, got, json } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { count, ms } from "@/lib/format";
import { useSession } from "@/lib/session";
import { IN_FORCE, useAsk } from "@/lib/use";

type Looked = { ok: boolean; error: string | null; latency_ms: number; models: number };
const TRIES = 4;

/** Asks a provider for its models with the keys that it has; a key that was just sealed takes a moment to be known. */
async function lookAt(provider: string): Promise<Looked> {
  for (let left = TRIES; ; left -= 1) {
    try {
      return await json<Looked>(`/api/v1/config/providers/${encodeURIComponent(provider)}/look`, "POST");
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 400 || left === 1) throw error;
      await new Promise((go) => setTimeout(go, IN_FORCE));
    }
  }
}

export function Tried({ of: looked }: { of: Looked }) {
  return looked.ok ? (
    <div className="note-box row" aria-live="polite"><Badge tone="good">works</Badge>{count(looked.models)} models, answered in {ms(looked.latency_ms)}</div>
  ) : (
    <div className="note-box bad" role="alert">It does not work: {looked.error}</div>
  );
}

/** The dialog of one provider's keys, or without a *name* of one that is to be connected. */
export function Connect({ name, close, done }: { name?: string; close: () => void; done: () => void }) {
  const { may } = useSession();
  const list = useId();
  const [form, setForm] = useState({ provider: name ?? "", name: "", key: "" });
  const [sealed, setSealed] = useState<string | null>(name ?? null);
  const [looked, setLooked] = useState<Looked | null>(null);
  const [busy, run] = useAction();
  const provider = form.provider.trim();
  const known = useAsk(may("config:view") ? ["providers"] : null, () => got(api.GET("/api/v1/config/providers", {})));
  const keys = useAsk(sealed && may("provider_keys:view") ? ["provider keys", sealed] : null, () => got(api.GET("/api/v1/config/providers/{provider}/keys", { params: { path: { provider: sealed ?? "" } } })));
  const set = (field: keyof typeof form) => (e: { target: { value: string } }) => setForm({ ...form, [field]: e.target.value });
  const tryIt = (which: string) => run(async () => { setLooked(await lookAt(which)); done(); });
  const submit = async () => {
    setLooked(null);
    const kept = await run(async () => {
      await api.POST("/api/v1/config/providers/{provider}/keys", { params: { path: { provider } }, body: { name: form.name || "key", key: form.key } });
      setForm({ ...form, name: "", key: "" });
      setSealed(provider);
      await keys.mutate();
      done();
    }, "The key is sealed. It is tried now.");
    if (kept) await tryIt(provider);
  };
  return (
    <Dialog
      title={name ? `Keys of ${name}` : "Connect a provider"}
      open
      close={close}
      submit={submit}
      footer={<><Button onClick={close}>Close</Button>{sealed ? <Button busy={busy} onClick={() => void tryIt(sealed)}>Try its keys</Button> : null}{may("provider_keys:create") ? <Button type="submit" look="primary" busy={busy} disabled={!provider || !form.key}>Seal the key</Button> : null}</>}
    >
      {name ? null : (
        <Field label="Provider" hint="Begin to type: openai, anthropic, gemini … or an account of the configuration file.">
          {(id) => <><input id={id} required list={list} value={form.provider} onChange={set("provider")} autoFocus /><datalist id={list}>{(known.data?.keyed ?? []).map((one) => <option key={one} value={one} />)}</datalist></>}
        </Field>
      )}
      {may("provider_keys:create") ? (
        <>
          <Field label="Key" hint="It is encrypted at once and never shown again.">{(id) => <input id={id} type="password" autoComplete="off" value={form.key} onChange={set("key")} />}</Field>
          <Field label="Name of the key" hint="To tell it from others later.">{(id) => <input id={id} value={form.name} onChange={set("name")} placeholder="main" />}</Field>
        </>
      ) : null}
      {looked ? <Tried of={looked} /> : null}
      {sealed ? (
        <Table<Schema["ProviderKey"]>
          label="Keys"
          rows={keys.data?.data ?? []}
          id={(k) => k.id}
          empty={<Empty title="No key was entered here"><span>Those of the configuration file and the environment are not listed.</span></Empty>}
          columns={[
            { name: "Name", show: (k) => k.name },
            { name: "Key", show: (k) => <span className="mono">{k.prefix}…{k.last4}</span> },
            { name: "Sealed", show: (k) => <Time at={k.created_at} /> },
            { name: "", show: (k) => (may("provider_keys:delete") ? <Confirm name="Delete" title="Delete this key" consequence="No new call is signed with it after a second." act={async () => { await api.DELETE("/api/v1/config/providers/{provider}/keys/{id}", { params: { path: { provider: sealed, id: k.id } } }); await keys.mutate(); done(); }} /> : null) },
          ]}
        />
      ) : null}
    </Dialog>
  );
}
