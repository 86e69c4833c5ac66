"use client";

import { useState } from "react";
import { Pager } from "@/components/pager";
import { Button, Confirm, Dialog, Empty, Field, Head, Loaded, Panel, Segment, Select, Snippet, Status, Table, Time, useAction } from "@/components/ui";
import { api, got } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { count, money } from "@/lib/format";
import { useSession } from "@/lib/session";
import { SNIPPETS, snippet } from "@/lib/snippets";
import type { Client } from "@/lib/snippets";
import { useAsk, usePages } from "@/lib/use";

type Key = Schema["Key"];

export default function Keys() {
  const { may } = useSession();
  const pages = usePages();
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Schema["MadeKey"] | null>(null);
  const keys = useAsk(["keys", pages.after ?? ""], () => got(api.GET("/api/v1/config/virtual-keys", { params: { query: { limit: 50, after: pages.after ?? "" } } })));
  const again = () => void keys.mutate();
  return (
    <>
      <Head title="Keys" aside={may("api_keys:create") ? <Button look="primary" onClick={() => setMaking(true)}>Make a key</Button> : null}>
        What applications sign in with. A key is shown once; what it may spend and call is set here.
      </Head>
      <Panel flush>
        <Loaded error={keys.error} loading={keys.isLoading} retry={again}>
          <Table<Key>
            label="Keys"
            rows={keys.data?.data ?? []}
            id={(k) => k.id}
            empty={<Empty title="No keys yet"><span>Make one for each application, so that each has its own limits, budget and usage.</span></Empty>}
            columns={[
              { name: "Name", show: (k) => <><div className="clip">{k.name}</div><div className="mono muted">{k.prefix}…{k.last4}</div></> },
              { name: "Kind", show: (k) => (k.kind === "admin" ? <span className="tag">admin</span> : "key") },
              { name: "Status", show: (k) => <Status of={k.status} /> },
              { name: "May call", show: (k) => <div className="clip" title={k.models.join(", ")}>{k.models.length ? k.models.join(", ") : "everything"}</div> },
              { name: "Limits", show: (k) => <span className="small">{limits(k) || <span className="muted">none</span>}</span> },
              { name: "Budget", show: (k) => <span className="small">{k.budgets.map((b) => `${money(b.usd)} / ${b.window}`).join(", ") || <span className="muted">none</span>}</span> },
              { name: "Made", show: (k) => <Time at={k.created_at} /> },
              {
                name: "",
                show: (k) =>
                  k.status === "revoked" ? null : (
                    <div className="row">
                      {may("api_keys:create") ? <Confirm look="" name="Rotate" title={`Rotate ${k.name}`} consequence="A new secret is made and shown once. The present one stays good for an hour, so that applications can change over." act={async () => setMade((await got(api.POST("/api/v1/config/virtual-keys/{id}/rotate", { params: { path: { id: k.id } }, body: { overlap: 3600 } }))) ?? null)} /> : null}
                      {may("api_keys:delete") ? <Confirm name="Revoke" title={`Revoke ${k.name}`} consequence="Every call with this key is refused within a second. This cannot be undone." act={async () => { await api.DELETE("/api/v1/config/virtual-keys/{id}", { params: { path: { id: k.id } } }); again(); }} /> : null}
                    </div>
                  ),
              },
            ]}
          />
          <Pager pages={pages} next={keys.data?.next} />
        </Loaded>
      </Panel>
      <NewKey open={making} close={() => setMaking(false)} done={(key) => { setMaking(false); setMade(key); again(); }} />
      <Shown made={made} close={() => { setMade(null); again(); }} />
    </>
  );
}

function limits(k: Key): string {
  const { rps, rpm, tpm, concurrency } = k.limits;
  return [rps && `${rps}/s`, rpm && `${count(rpm)}/min`, tpm && `${count(tpm)} tokens/min`, concurrency && `${concurrency} at once`].filter(Boolean).join(", ");
}

const BLANK = { name: "", kind: "key", models: "", rps: "", rpm: "", tpm: "", usd: "", window: "month" };

function NewKey({ open, close, done }: { open: boolean; close: () => void; done: (key: Schema["MadeKey"]) => void }) {
  const [form, setForm] = useState(BLANK);
  const [busy, run] = useAction();
  const set = (name: keyof typeof BLANK) => (e: { target: { value: string } }) => setForm({ ...form, [name]: e.target.value });
  const number = (text: string) => (text.trim() ? Number(text) : undefined);
  const submit = () =>
    run(async () => {
      const plain = form.kind === "key";
      const body = {
        name: form.name,
        kind: form.kind as "key" | "admin",
        ...(plain ? {
          models: form.models.split(/[\s,]+/).filter(Boolean),
          limits: { rps: number(form.rps), rpm: number(form.rpm), tpm: number(form.tpm) },
          budgets: form.usd.trim() ? [{ usd: form.usd.trim(), window: form.window as "month" }] : [],
        } : {}),
      };
      const key = await got(api.POST("/api/v1/config/virtual-keys", { body: body as never }));
      setForm(BLANK);
      done(key as Schema["MadeKey"]);
    });
  return (
    <Dialog title="Make a key" open={open} close={close} submit={submit} footer={<><Button onClick={close}>Cancel</Button><Button type="submit" look="primary" busy={busy} disabled={!form.name.trim()}>Make it</Button></>}>
      <Field label="Name" hint="Who uses it: shop-backend, notebook-anna.">{(id) => <input id={id} required value={form.name} onChange={set("name")} />}</Field>
      <Field label="Kind">{(id) => <Select id={id} value={form.kind} onChange={set("kind")} options={[["key", "virtual key: calls models"], ["admin", "admin key: manages the gateway"]]} />}</Field>
      {form.kind === "key" ? (
        <>
          <Field label="May call" hint="Routes, aliases, provider/model or provider/*, with commas between; empty is everything.">{(id) => <input id={id} className="code" value={form.models} onChange={set("models")} placeholder="fast, openai/*" />}</Field>
          <div className="grid2">
            <Field label="Requests a second">{(id) => <input id={id} inputMode="decimal" value={form.rps} onChange={set("rps")} placeholder="no limit" />}</Field>
            <Field label="Requests a minute">{(id) => <input id={id} inputMode="numeric" value={form.rpm} onChange={set("rpm")} placeholder="no limit" />}</Field>
            <Field label="Tokens a minute">{(id) => <input id={id} inputMode="numeric" value={form.tpm} onChange={set("tpm")} placeholder="no limit" />}</Field>
          </div>
          <div className="grid2">
            <Field label="Budget, USD" hint="It is never passed: room is held before each call.">{(id) => <input id={id} inputMode="decimal" value={form.usd} onChange={set("usd")} placeholder="none" />}</Field>
            <Field label="In each">{(id) => <Select id={id} value={form.window} onChange={set("window")} options={["day", "week", "month", ["total", "in total"]]} />}</Field>
          </div>
        </>
      ) : null}
    </Dialog>
  );
}

function Shown({ made, close }: { made: Schema["MadeKey"] | null; close: () => void }) {
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
