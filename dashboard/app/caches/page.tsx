"use client";

import { useState } from "react";
import { Named } from "@/components/named";
import { Button, Card, Dialog, Empty, Field, Head, Loaded, Panel, Segment, Select, Status, Table, Tabs, useAction } from "@/components/ui";
import { json } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { bytes, count, money, ms, percent, span as lasting } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useAsk } from "@/lib/use";

type Stats = Schema["CacheStats"];
const HOURS = [["1", "1 hour"], ["24", "24 hours"], ["168", "7 days"], ["720", "30 days"]] as const;

export default function Caches() {
  const { may } = useSession();
  const [tab, setTab] = useState<"stats" | "rules">("stats");
  const [clearing, setClearing] = useState(false);
  return (
    <>
      <Head title="Caches" aside={may("caches:clear") ? <Button look="danger" onClick={() => setClearing(true)}>Clear</Button> : null}>
        Answers that are given again for the same question, or one that means the same. Routes name the cache that they use.
      </Head>
      <Tabs label="Caches" options={[["stats", "What they saved"], ["rules", "Caches"]]} value={tab} onChange={setTab} />
      {tab === "stats" ? <Saved make={() => setTab("rules")} /> : (
        <Named
          of={{
            path: "caches", section: "caches", title: "Caches", one: "cache", changing: "caches:update",
            empty: "Make one, then name it in a route: the same question is answered at once, and costs nothing.",
            removal: "Its answers are gone, and calls go to the providers again. Routes that name it must let go of it first.",
            start: { kind: "exact" },
            upper: ["kind", "ttl", "store", "enabled", "scope"],
            columns: [
              { name: "Kind", show: (r) => <span className="tag">{String(r.config.kind ?? "exact")}</span> },
              { name: "Kept in", show: (r) => String(r.config.store ?? "memory") },
              { name: "Good for", show: (r) => (r.config.ttl == null ? "its default" : typeof r.config.ttl === "number" ? lasting(r.config.ttl) : String(r.config.ttl)) },
              { name: "State", show: (r) => <Status of={r.config.enabled === false || r.config.enabled === "off" ? "off" : "active"} /> },
            ],
          }}
        />
      )}
      {clearing ? <Clear close={() => setClearing(false)} /> : null}
    </>
  );
}

function Saved({ make }: { make: () => void }) {
  const { may } = useSession();
  const [hours, setHours] = useState<string>("24");
  const found = useAsk(["cache stats", hours], () => json<Schema["Stats"]>(`/api/v1/caches/stats?hours=${hours}`), 10);
  const rows = found.data?.data ?? [];
  const sum = (of: (one: Stats) => number) => rows.reduce((all, one) => all + of(one), 0);
  const hits = sum((one) => one.hits);
  const saved = rows.reduce((all, one) => all + Number(one.saved_usd), 0);
  return (
    <>
      <div className="row"><Segment label="Time span" options={HOURS} value={hours as "24"} onChange={setHours} /></div>
      <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
        {rows.length ? (
          <>
            <div className="cards">
              <Card label="Answered from a cache" value={percent(hits, hits + sum((one) => one.misses))} note={`${count(hits)} of ${count(hits + sum((one) => one.misses))} calls that looked`} />
              <Card label="Saved" value={money(rows.length === 1 ? rows[0]?.saved_usd : saved.toFixed(9))} note={`${count(sum((one) => one.saved_tokens))} tokens were not paid again`} />
              <Card label="Time saved" value={ms(sum((one) => one.saved_seconds) * 1000)} note="of callers who would have waited" />
              <Card label="Held now" value={count(sum((one) => one.entries))} note={`answers, ${bytes(sum((one) => one.bytes))}`} />
            </div>
            <Panel flush>
              <Table<Stats>
                label="Caches"
                rows={rows}
                id={(r) => r.cache}
                columns={[
                  { name: "Cache", show: (r) => <><strong>{r.cache}</strong> {r.kind ? <span className="tag">{r.kind}</span> : <span className="muted small">no longer configured</span>}</> },
                  { name: "State", show: (r) => <Status of={r.enabled ? "active" : "off"} /> },
                  { name: "Hit rate", num: true, show: (r) => (r.hit_rate == null ? "–" : percent(r.hit_rate, 1)) },
                  { name: "Hits", num: true, show: (r) => count(r.hits) },
                  { name: "By meaning", num: true, show: (r) => count(r.semantic_hits) },
                  { name: "Waited together", num: true, show: (r) => count(r.joined) },
                  { name: "Misses", num: true, show: (r) => count(r.misses) },
                  { name: "Not kept", num: true, show: (r) => count(r.refused) },
                  { name: "Passed by", num: true, show: (r) => count(r.bypassed) },
                  { name: "Answers", num: true, show: (r) => count(r.entries) },
                  { name: "Saved", num: true, show: (r) => money(r.saved_usd) },
                ]}
              />
            </Panel>
          </>
        ) : <Panel><Empty title="No caches yet"><span>The same question need not be paid twice: a cache gives its answer again.</span>{may("caches:update") ? <Button onClick={make}>Make one</Button> : null}</Empty></Panel>}
      </Loaded>
    </>
  );
}

function Clear({ close }: { close: () => void }) {
  const caches = useAsk(["caches"], () => json<{ data: { name: string }[] }>("/api/v1/caches"));
  const [form, setForm] = useState({ cache: "", model: "", key_id: "" });
  const [busy, run] = useAction();
  const set = (name: keyof typeof form) => (e: { target: { value: string } }) => setForm({ ...form, [name]: e.target.value });
  const submit = () =>
    run(async () => {
      await json("/api/v1/caches/clear", "POST", Object.fromEntries(Object.entries(form).filter(([, value]) => value)));
      close();
    }, "Cleared. Every process obeys within a second.");
  return (
    <Dialog title="Clear caches" open close={close} submit={submit} footer={<><Button onClick={close}>Keep them</Button><Button type="submit" look="danger" busy={busy}>Clear</Button></>}>
      <p>The answers that fit are gone for good: the next same questions go to the providers, and are paid. Left empty, a field is any.</p>
      <Field label="Cache">{(id) => <Select id={id} value={form.cache} onChange={set("cache")} options={[["", "all of them"], ...(caches.data?.data ?? []).map((one) => [one.name, one.name] as const)]} />}</Field>
      <Field label="Answers of this model or route" hint="provider/model, or a route.">{(id) => <input id={id} value={form.model} onChange={set("model")} placeholder="any" />}</Field>
      <Field label="Of this key's calls (id)">{(id) => <input id={id} value={form.key_id} onChange={set("key_id")} placeholder="any" />}</Field>
    </Dialog>
  );
}
