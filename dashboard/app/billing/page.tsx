"use client";

import { useState } from "react";
import { useNames } from "@/components/form";
import { Manage, MADE, NAME, ON, SWITCH } from "@/components/manage";
import { Pager } from "@/components/pager";
import { Button, Card, Dialog, Empty, Field, Head, Loaded, Panel, Select, Table, Tabs, Time, useAction } from "@/components/ui";
import { NONE } from "@/lib/analytics";
import { json, raw } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { download } from "@/lib/download";
import { count, money, moneys, percent, roughly } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useAsk, usePages } from "@/lib/use";

type Tab = "costs" | "invoices" | "prices" | "channels" | "schedules";

export default function Page() {
  const [tab, setTab] = useState<Tab>("costs");
  return (
    <>
      <Head title="Billing">Who costs what, at the prices that you set; invoices that stay as they were issued.</Head>
      <Tabs<Tab> label="Billing" options={[["costs", "Costs"], ["invoices", "Invoices and reports"], ["prices", "Prices"], ["channels", "Who is told"], ["schedules", "Schedules"]]} value={tab} onChange={setTab} />
      {tab === "costs" ? <Costs /> : null}
      {tab === "invoices" ? <Invoices /> : null}
      {tab === "prices" ? (
        <Manage
          of={{
            bare: true, path: "billing/prices", title: "Prices", one: "price", permission: "billing", verbs: { create: "update", update: "update", delete: "update" },
            empty: "Without any, the provider's price is what is billed.",
            removal: "From now on the provider's price is billed.",
            fields: [{ name: "model", label: "Model", kind: "text", required: true, once: true, hint: "provider/model, provider/*, or * for all" }, { name: "markup_percent", label: "Markup, percent", kind: "number" }, { name: "price", label: "Own price, USD per million tokens", kind: "json", hint: '{"input": "1.00", "output": "2.00"}; {} for none' }],
            columns: [{ name: "Model", show: (r) => <span className="mono">{String(r.model)}</span> }, { name: "Markup", num: true, show: (r) => (r.markup_percent == null ? "–" : `${String(r.markup_percent)} %`) }, { name: "Own price", show: (r) => <span className="mono small">{r.price ? JSON.stringify(r.price) : "–"}</span> }, MADE],
            make: clean,
          }}
        />
      ) : null}
      {tab === "channels" ? (
        <Manage
          of={{
            bare: true, path: "billing/channels", title: "Channels", one: "channel", permission: "billing", verbs: { create: "update", update: "update", delete: "update" },
            empty: "Where invoices, reports and requests for more are sent: a webhook, or an e-mail address.",
            removal: "Nothing is sent there any more.",
            fields: [{ name: "name", label: "Name", kind: "text", required: true }, { name: "kind", label: "Kind", kind: "select", options: ["webhook", "email"], start: "webhook", once: true }, { name: "target", label: "URL or address", kind: "text", required: true }, { name: "secret", label: "Secret that signs it", kind: "secret" }, { name: "events", label: "Events", kind: "list", hint: "Empty is all." }, SWITCH],
            columns: [NAME, ON, { name: "Kind", show: (r) => String(r.kind) }, { name: "Where", show: (r) => <span className="mono clip">{String(r.target)}</span> }, { name: "Events", show: (r) => ((r.events as string[]) ?? []).join(", ") || "all" }],
          }}
        />
      ) : null}
      {tab === "schedules" ? (
        <Manage
          of={{
            bare: true, search: false, path: "billing/schedules", title: "Schedules", one: "schedule", permission: "billing", verbs: { create: "update", update: "update", delete: "update" },
            empty: "Issue an invoice at the end of every month, or a report for each app every week, by itself.",
            removal: "Nothing is issued by itself any more.",
            fields: [{ name: "kind", label: "What", kind: "select", options: [["invoice", "monthly invoice"], ["report", "weekly report"]], start: "invoice", once: true }, { name: "app_ids", label: "Apps (ids)", kind: "list", hint: "Empty is all." }, { name: "channel_ids", label: "Channels (ids)", kind: "list" }, SWITCH],
            columns: [{ name: "What", show: (r) => <strong>{String(r.kind)}</strong> }, ON, { name: "Next", show: (r) => <Time at={r.next_at as string} /> }, { name: "Channels", num: true, show: (r) => ((r.channel_ids as string[]) ?? []).length }],
          }}
        />
      ) : null}
    </>
  );
}

function clean(body: Record<string, unknown>): Record<string, unknown> {
  return JSON.stringify(body.price) === "{}" ? { ...body, price: null } : body;
}

const DIMENSIONS = ["team", "app", "user", "key", "tag", "model", "provider"] as const;
type Line = Schema["ChargeLine"];

function Costs() {
  const [by, setBy] = useState<string>("team");
  const [busy, run] = useAction();
  const found = useAsk(["chargeback", by], () => json<Schema["ChargebackAnswer"]>(`/api/v1/billing/chargeback?by=${by}`));
  const ahead = useAsk(["forecast"], () => json<Schema["ForecastAnswer"]>("/api/v1/billing/forecast"));
  const coming = ahead.data?.forecast;
  const total = found.data?.total;
  const charged = moneys((found.data?.data ?? []).map((r) => r.cost_usd));
  const billed = moneys((found.data?.data ?? []).map((r) => r.billed_usd));
  return (
    <>
      <div className="cards">
        <Card label="Billed this month" value={<span title={money(found.data?.due_usd)}>{roughly(found.data?.due_usd)}</span>} note={total ? `${money(found.data?.due_usd)} exactly, for ${count(total.calls)} calls; providers charge ${money(total.cost_usd)}` : ""} />
        <Card label="By the end of the month" value={coming ? roughly(coming.likely.usd) : "–"} note={coming ? `between ${roughly(coming.low.usd)} and ${roughly(coming.high.usd)}, from ${coming.days} days` : "There is too little yet to say."} />
        {total?.unpriced ? <Card label="Without a price" value={count(total.unpriced)} note="calls whose model has none, billed at nothing" /> : null}
      </div>
      <Panel flush title={<>This month by <Select aria-label="Dimension" value={by} onChange={(e) => setBy(e.target.value)} options={DIMENSIONS} /></>} aside={<Button busy={busy} onClick={() => void run(() => download(`/api/v1/billing/chargeback/export?by=${by}`, `costs-by-${by}.csv`))}>Export</Button>}>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Table<Line>
            label={`Costs by ${by}`}
            rows={found.data?.data ?? []}
            id={(r) => r.id}
            empty={<Empty title="Nothing was spent this month" />}
            columns={[
              { name: by[0]?.toUpperCase() + by.slice(1), show: (r) => <span className="clip">{r.name || NONE}</span> },
              { name: "Calls", num: true, show: (r) => count(r.calls) },
              { name: "Prompt tokens", num: true, show: (r) => count(r.input) },
              { name: "Answer tokens", num: true, show: (r) => count(r.output) },
              { name: "Providers charge", num: true, show: (r) => charged(r.cost_usd) },
              { name: "Billed", num: true, show: (r) => <strong>{billed(r.billed_usd)}</strong> },
              { name: "Share", num: true, show: (r) => percent(Number(r.billed_usd), Number(total?.billed_usd ?? 0)) },
            ]}
          />
        </Loaded>
      </Panel>
    </>
  );
}

function Invoices() {
  const { may } = useSession();
  const pages = usePages();
  const [making, setMaking] = useState(false);
  const [shown, setShown] = useState<{ number: string; url: string } | null>(null);
  const [sending, setSending] = useState<Schema["Invoice"] | null>(null);
  const [, run] = useAction();
  const found = useAsk(["invoices", pages.after ?? ""], () => json<Schema["Invoices"]>(`/api/v1/billing/invoices?limit=50${pages.after ? `&before=${pages.after}` : ""}`));
  const fetched = async (id: string, format: string) => URL.createObjectURL(await (await raw(`/api/v1/billing/invoices/${id}?format=${format}`)).blob());
  const save = (id: string, number: string, format: string) => run(() => download(`/api/v1/billing/invoices/${id}?format=${format}`, `${number}.${format}`));
  return (
    <>
      {may("billing:create") ? <div><Button look="primary" onClick={() => setMaking(true)}>Issue one now</Button></div> : null}
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Table<Schema["Invoice"]>
            label="Invoices"
            rows={found.data?.data ?? []}
            id={(r) => r.id}
            empty={<Empty title="None was issued yet"><span>An invoice is numbered and stays as it was issued, whatever prices become.</span></Empty>}
            columns={[
              { name: "Number", show: (r) => <strong>{r.number}</strong> },
              { name: "Kind", show: (r) => r.kind },
              { name: "From", show: (r) => r.first },
              { name: "Until", show: (r) => r.end },
              { name: "Total", num: true, show: (r) => money(r.total_usd) },
              { name: "Issued", show: (r) => <Time at={r.issued_at} /> },
              { name: "", show: (r) => <div className="row end"><Button onClick={() => void run(async () => setShown({ number: r.number, url: await fetched(r.id, "html") }))}>Look</Button>{may("billing:create") ? <Button onClick={() => setSending(r)}>Send</Button> : null}{["html", "csv", "json"].map((f) => <Button key={f} look="plain" onClick={() => void save(r.id, r.number, f)}>{f.toUpperCase()}</Button>)}</div> },
            ]}
          />
          <Pager pages={pages} next={found.data?.next} />
        </Loaded>
      </Panel>
      {making ? <Issue close={() => setMaking(false)} done={() => { setMaking(false); void found.mutate(); }} /> : null}
      {sending ? <Send of={sending} close={() => setSending(null)} /> : null}
      <Dialog title={shown?.number ?? ""} open={!!shown} close={() => setShown(null)} footer={<Button onClick={() => setShown(null)}>Close</Button>}>{shown ? <p>It opens in another tab: <a href={shown.url} target="_blank" rel="noreferrer">{shown.number}</a></p> : null}</Dialog>
    </>
  );
}

function Send({ of, close }: { of: Schema["Invoice"]; close: () => void }) {
  const channels = useNames("billing/channels");
  const [chosen, setChosen] = useState<string[]>([]);
  const [busy, run] = useAction();
  return (
    <Dialog title={`Send ${of.number}`} open close={close} submit={() => void run(async () => { await json(`/api/v1/billing/invoices/${of.id}/send`, "POST", { channel_ids: chosen }); close(); }, "It is on its way.")} footer={<><Button onClick={close}>Cancel</Button><Button type="submit" look="primary" busy={busy} disabled={!chosen.length}>Send</Button></>}>
      {channels.size ? (
        <fieldset className="bare">
          <legend className="small muted">To</legend>
          <div className="checks">
            {[...channels].map(([id, name]) => <label key={id} className="row small"><input type="checkbox" checked={chosen.includes(id)} onChange={(e) => setChosen(e.target.checked ? [...chosen, id] : chosen.filter((one) => one !== id))} />{name}</label>)}
          </div>
        </fieldset>
      ) : <p>There is no channel yet: make one under “Who is told”.</p>}
    </Dialog>
  );
}

function Issue({ close, done }: { close: () => void; done: () => void }) {
  const [kind, setKind] = useState("invoice");
  const [day, setDay] = useState("");
  const [app, setApp] = useState("");
  const [busy, run] = useAction();
  return (
    <Dialog title="Issue one now" open close={close} submit={() => run(async () => { await json("/api/v1/billing/invoices", "POST", { kind, ...(day ? { day } : {}), ...(app ? { app_id: app } : {}) }); done(); }, "Issued.")} footer={<><Button onClick={close}>Cancel</Button><Button type="submit" look="primary" busy={busy}>Issue</Button></>}>
      <Field label="What">{(id) => <Select id={id} value={kind} onChange={(e) => setKind(e.target.value)} options={[["invoice", "invoice of a month"], ["report", "report of a week"]]} />}</Field>
      <Field label="A day of it" hint="Empty is the last whole one.">{(id) => <input id={id} type="date" value={day} onChange={(e) => setDay(e.target.value)} />}</Field>
      {kind === "report" ? <Field label="App (id)">{(id) => <input id={id} value={app} onChange={(e) => setApp(e.target.value)} />}</Field> : null}
    </Dialog>
  );
}
