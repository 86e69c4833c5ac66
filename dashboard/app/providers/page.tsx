"use client";

import { useState } from "react";
import { Button, Confirm, Dialog, Empty, Field, Head, Loaded, Panel, Status, Table, useAction } from "@/components/ui";
import { api, got } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { count, ms } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useAsk } from "@/lib/use";

type Provider = Record<string, unknown>;

export default function Providers() {
  const { may } = useSession();
  const [open, setOpen] = useState<string | null>(null);
  const providers = useAsk(["providers"], () => got(api.GET("/api/v1/config/providers", {})), 10);
  const health = useAsk(["health"], () => got(api.GET("/api/v1/providers/health", {})), 3);
  return (
    <>
      <Head title="Providers" aside={may("provider_keys:create") ? <Button look="primary" onClick={() => setOpen("")}>Connect a provider</Button> : null}>
        Accounts that calls go to, and how each deployment does now, as the workers measure it.
      </Head>
      <Panel title="Accounts" flush>
        <Loaded error={providers.error} loading={providers.isLoading} retry={() => void providers.mutate()}>
          <Table<Provider>
            label="Accounts"
            rows={(providers.data?.data ?? []) as Provider[]}
            id={(p) => String(p.name)}
            open={may("provider_keys:view") ? (p) => setOpen(String(p.name)) : undefined}
            empty={<Empty title="No providers"><span>Connect one, or set the usual environment variable of its key.</span></Empty>}
            columns={[
              { name: "Name", show: (p) => <strong>{String(p.name)}</strong> },
              { name: "Kind", show: (p) => String(p.kind ?? "") },
              { name: "Address", show: (p) => <span className="mono clip">{String(p.base_url ?? "")}</span> },
              { name: "Keys", num: true, show: (p) => String(p.keys ?? "–") },
              { name: "Last look", show: (p) => <Look of={p.last_look as Look | null} /> },
            ]}
          />
        </Loaded>
      </Panel>
      <Panel title="Deployments" flush>
        <Loaded error={health.error} loading={health.isLoading}>
          <Table<Schema["Standing"]>
            label="Deployments"
            rows={health.data?.data ?? []}
            id={(d) => `${d.worker} ${d.name}`}
            empty={<Empty title="None was called yet"><span>A deployment appears here with its first call: state, speed and errors.</span></Empty>}
            columns={[
              { name: "Deployment", show: (d) => <span className="mono">{d.name}</span> },
              { name: "State", show: (d) => <Status of={d.state} /> },
              { name: "Reason", show: (d) => <span className="small muted">{d.reason}{d.wait > 0 ? ` (${d.wait.toFixed(0)} s left)` : ""}</span> },
              { name: "First token", num: true, show: (d) => ms(d.measured?.first_token_ms as number | undefined) },
              { name: "Total, p95", num: true, show: (d) => ms(d.measured?.p95_ms as number | undefined) },
              { name: "Tokens a second", num: true, show: (d) => (d.measured?.tokens_per_second ? count(Number(d.measured.tokens_per_second)) : "–") },
              { name: "Errors", num: true, show: (d) => (d.measured?.error_rate == null ? "–" : `${(100 * Number(d.measured.error_rate)).toFixed(1)} %`) },
              { name: "By hand", show: (d) => <ByHand name={d.name} state={health.data?.by_hand[d.name]} may={may("providers:switch")} done={() => void health.mutate()} /> },
            ]}
          />
        </Loaded>
      </Panel>
      <ProviderKeys name={open} close={() => setOpen(null)} done={() => void providers.mutate()} />
    </>
  );
}

type Look = { state?: string; models?: number; error?: string | null; at?: string };

function Look({ of: look }: { of: Look | null }) {
  if (!look) return <span className="muted">not yet</span>;
  return <span className="row"><Status of={look.error ? "failure" : "ok"} /><span className="small muted">{look.error ?? (look.models != null ? `${look.models} models` : "")}</span></span>;
}

function ByHand({ name, state, may, done }: { name: string; state: string | undefined; may: boolean; done: () => void }) {
  const set = async (to: "open" | null) => { await api.POST("/api/v1/providers/health", { body: { name, state: to } }); done(); };
  const [busy, run] = useAction();
  if (!may) return state ? <Status of={state} /> : null;
  return state ? <Button busy={busy} onClick={() => void run(() => set(null))}>Let it decide</Button> : <Confirm name="Switch off" title={`Switch off ${name}`} consequence="No call goes there until it is let back; routes take the next deployment." act={() => set("open")} />;
}

function ProviderKeys({ name, close, done }: { name: string | null; close: () => void; done: () => void }) {
  const { may } = useSession();
  const [form, setForm] = useState({ provider: "", name: "", key: "" });
  const [busy, run] = useAction();
  const keys = useAsk(name ? ["provider keys", name] : null, () => got(api.GET("/api/v1/config/providers/{provider}/keys", { params: { path: { provider: name ?? "" } } })));
  const provider = name || form.provider;
  const set = (field: keyof typeof form) => (e: { target: { value: string } }) => setForm({ ...form, [field]: e.target.value });
  return (
    <Dialog
      title={name ? `Keys of ${name}` : "Connect a provider"}
      open={name !== null}
      close={close}
      submit={() => run(async () => {
        await api.POST("/api/v1/config/providers/{provider}/keys", { params: { path: { provider } }, body: { name: form.name || "key", key: form.key } });
        setForm({ provider: "", name: "", key: "" });
        await keys.mutate();
        done();
        if (!name) close();
      }, "The key is sealed and in use within a second.")}
      footer={<><Button onClick={close}>Close</Button>{may("provider_keys:create") ? <Button type="submit" look="primary" busy={busy} disabled={!provider || !form.key}>Seal the key</Button> : null}</>}
    >
      {name ? (
        <Table<Schema["ProviderKey"]>
          label="Keys"
          rows={keys.data?.data ?? []}
          id={(k) => k.id}
          empty={<Empty title="No key was entered here"><span>Those of the configuration file are not listed.</span></Empty>}
          columns={[
            { name: "Name", show: (k) => k.name },
            { name: "Key", show: (k) => <span className="mono">{k.prefix}…{k.last4}</span> },
            { name: "", show: (k) => (may("provider_keys:delete") ? <Confirm name="Delete" title="Delete this key" consequence="No new call is signed with it after a second." act={async () => { await api.DELETE("/api/v1/config/providers/{provider}/keys/{id}", { params: { path: { provider: name, id: k.id } } }); await keys.mutate(); done(); }} /> : null) },
          ]}
        />
      ) : (
        <Field label="Provider" hint="openai, anthropic, gemini, groq, mistral … or an account of the configuration file.">{(id) => <input id={id} required value={form.provider} onChange={set("provider")} />}</Field>
      )}
      {may("provider_keys:create") ? (
        <>
          <Field label="Name of the key">{(id) => <input id={id} value={form.name} onChange={set("name")} placeholder="main" />}</Field>
          <Field label="Key" hint="It is encrypted at once and never shown again.">{(id) => <input id={id} type="password" autoComplete="off" value={form.key} onChange={set("key")} />}</Field>
        </>
      ) : null}
    </Dialog>
  );
}
