"use client";

import Link from "next/link";
import { useState } from "react";
import { Named } from "@/components/named";
import type { Node } from "@/components/schemaform";
import { Pager } from "@/components/pager";
import { Badge, Button, Confirm, Dialog, Empty, Facts, Head, Loaded, Panel, Segment, Select, Status, Table, Tabs, Time, useAction } from "@/components/ui";
import type { Tone } from "@/components/ui";
import { json } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { ago } from "@/lib/format";
import { pageOf } from "@/lib/pages";
import { useSession } from "@/lib/session";
import { useAsk, usePages } from "@/lib/use";

type Alert = Schema["Alert"];
type Kinds = { data: { kind: string; help: string; platform: boolean; fields: Record<string, Node> }[]; shipped: Record<string, Record<string, unknown>> };
const SEVERITIES: Record<string, Tone> = { info: "info", warning: "warn", critical: "bad" };
const STATES = [["firing", "Firing"], ["pending", "About to"], ["resolved", "Over"], ["", "All"]] as const;
const QUIET = [["3600", "an hour"], ["28800", "8 hours"], ["86400", "a day"], ["604800", "a week"]] as const;

export default function Alerts() {
  const [tab, setTab] = useState<"now" | "rules">("now");
  return (
    <>
      <Head title="Alerts">What is wrong at present, seeing to it, and the rules that say when it is.</Head>
      <Tabs label="Alerts" options={[["now", "Alerts"], ["rules", "Rules"]]} value={tab} onChange={setTab} />
      {tab === "now" ? <Now /> : <Rules />}
    </>
  );
}

function Now() {
  const [state, setState] = useState<string>("firing");
  const [open, setOpen] = useState<Alert | null>(null);
  const pages = usePages();
  const query = new URLSearchParams({ limit: "50", ...(state ? { state } : {}), ...(pages.after ? { after: pages.after } : {}) });
  const found = useAsk(["alerts", query.toString()], () => json<Schema["Alerts"]>(`/api/v1/alerts?${query}`), 5);
  return (
    <>
      <div className="row"><Segment label="State" options={STATES} value={state as "firing"} onChange={(to) => { setState(to); pages.restart(); }} /></div>
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Table<Alert>
            label="Alerts"
            rows={found.data?.data ?? []}
            id={(a) => a.id}
            open={setOpen}
            empty={<Empty title={state === "firing" ? "Nothing is wrong" : "None"}><span>Budgets that run low, providers that fail, costs that jump are told here, and to the channels that their rules name.</span></Empty>}
            columns={[
              { name: "Severity", show: (a) => <Badge tone={SEVERITIES[a.severity] ?? ""}>{a.severity}</Badge> },
              { name: "State", show: (a) => <span className="row tight"><Status of={a.state} />{silent(a) ? <span className="tag">silenced</span> : null}</span> },
              { name: "What", show: (a) => a.text },
              { name: "Rule", show: (a) => <span className="muted clip" title={a.subject}>{a.rule}</span> },
              { name: "Since", show: (a) => <Time at={a.since} /> },
              { name: "Seen", show: (a) => <span className="muted small nowrap">{ago(a.seen_at)}</span> },
            ]}
          />
          <Pager pages={pages} next={found.data?.next} />
        </Loaded>
      </Panel>
      {open ? <One of={found.data?.data.find((a) => a.id === open.id) ?? open} close={() => setOpen(null)} again={() => void found.mutate()} /> : null}
    </>
  );
}

function silent(a: Alert): boolean {
  return !!a.silenced_until && Date.parse(a.silenced_until) > Date.now();
}

function One({ of: a, close, again }: { of: Alert; close: () => void; again: () => void }) {
  const { may } = useSession();
  const [lasts, setLasts] = useState<string>(QUIET[0][0]);
  const [busy, run] = useAction();
  const history = useAsk(["alert history", a.id, a.state, a.silenced_until], () => json<Schema["History"]>(`/api/v1/alerts/${a.id}/history`));
  const post = (what: string, body: unknown, done: string) => run(async () => { await json(`/api/v1/alerts/${a.id}/${what}`, "POST", body); again(); }, done);
  const seeing = may("alerts:update");
  return (
    <Dialog
      title={a.rule}
      wide
      open
      close={close}
      footer={
        <>
          {seeing ? <Button busy={busy} onClick={() => void post("test", undefined, "A test is on its way to whom the rule tells.")}>Send a test</Button> : null}
          <span className="grow" />
          <Button onClick={close}>Close</Button>
          {seeing && a.state === "firing" ? <Button look="primary" busy={busy} onClick={() => void post("ack", undefined, "Acknowledged: no reminders follow.")}>I see to it</Button> : null}
        </>
      }
    >
      <p>{a.text}</p>
      <Facts rows={[["Severity", <Badge key="s" tone={SEVERITIES[a.severity] ?? ""}>{a.severity}</Badge>], ["State", <Status key="t" of={a.state} />], ["Kind", a.kind], ["About", a.subject], ["Since", <Time key="i" at={a.since} />], ["Fired", a.fired ? a.fired === 1 ? "once" : `${a.fired} times` : null], ["Acknowledged", a.acknowledged_at ? <Time key="a" at={a.acknowledged_at} /> : null], ["Over since", a.resolved_at ? <Time key="r" at={a.resolved_at} /> : null], ["Silenced until", silent(a) ? <Time key="u" at={a.silenced_until} /> : null], ["Records behind it", pageOf(a.link) ? <Link key="l" href={pageOf(a.link) ?? "/"}>Open</Link> : null]]} />
      {seeing ? (
        <div className="row">
          {silent(a) ? <Button busy={busy} onClick={() => void post("silence", { until: null }, "It is told again.")}>Tell of it again</Button> : (
            <>
              <span>Tell nobody for</span>
              <div><Select aria-label="For how long" value={lasts} onChange={(e) => setLasts(e.target.value)} options={QUIET} /></div>
              <Button busy={busy} onClick={() => void post("silence", { until: new Date(Date.now() + Number(lasts) * 1000).toISOString() }, "Nobody is told of it meanwhile.")}>Silence</Button>
            </>
          )}
        </div>
      ) : null}
      <h3>What befell it</h3>
      <Loaded error={history.error} loading={history.isLoading}>
        <ul className="plainlist">
          {(history.data?.data ?? []).map((one) => <li key={one.id} className="row"><span className="muted small nowrap"><Time at={one.at} /></span><span className="tag">{one.event}</span><span>{one.text}</span></li>)}
        </ul>
      </Loaded>
    </Dialog>
  );
}

function Rules() {
  const { may } = useSession();
  const kinds = useAsk(["alert kinds"], () => json<Kinds>("/api/v1/alert-kinds"));
  const known = new Map((kinds.data?.data ?? []).map((one): [string, Node] => [one.kind, { type: "object", description: one.help, properties: { kind: { const: one.kind }, ...one.fields } }]));
  return (
    <Loaded error={kinds.error} loading={kinds.isLoading} retry={() => void kinds.mutate()}>
      <Named
        of={{
          path: "alert-rules", section: "alerts", title: "Rules", one: "rule", changing: "alerts:update", kinds: known,
          empty: "Those below come with the gateway and are in force; make your own, or change one of them.",
          removal: "Nobody is told of this any more. A rule that came with the gateway is again as it came.",
          start: { kind: known.keys().next().value ?? "" },
          upper: ["severity", "channels", "enabled"],
          columns: [
            { name: "Kind", show: (r) => <span className="tag">{String(r.config.kind)}</span> },
            { name: "Severity", show: (r) => (r.config.severity ? <Badge tone={SEVERITIES[String(r.config.severity)] ?? ""}>{String(r.config.severity)}</Badge> : <span className="muted">as its kind</span>) },
            { name: "Tells", show: (r) => ((r.config.channels as string[] | undefined) ?? []).join(", ") || <span className="muted">every channel of alerts</span> },
          ],
          extra: (_, name) => (name && may("alerts:update") ? <div><Confirm look="" name="Send a test" title={`Test ${name}`} consequence="A message that says it is a test goes to everybody whom this rule tells." act={() => json(`/api/v1/alert-rules/${encodeURIComponent(name)}/test`, "POST")} /></div> : null),
          below: (make, names) => (
            <Panel title="Rules that come with the gateway" flush>
              <Table<[string, Record<string, unknown>]>
                label="Shipped rules"
                rows={Object.entries(kinds.data?.shipped ?? {})}
                id={([name]) => name}
                columns={[
                  { name: "Name", show: ([name]) => <strong className="nowrap">{name}</strong> },
                  { name: "Kind", show: ([, rule]) => <span className="tag">{String(rule.kind)}</span> },
                  { name: "Severity", show: ([, rule]) => (rule.severity ? <Badge tone={SEVERITIES[String(rule.severity)] ?? ""}>{String(rule.severity)}</Badge> : "–") },
                  { name: "What it looks at", show: ([, rule]) => <span className="muted small prose">{known.get(String(rule.kind))?.description}</span> },
                  { name: "", show: ([name, rule]) => (names.includes(name) ? <span className="tag">changed above</span> : may("alerts:create") ? <div className="row end"><Button onClick={() => make(name, rule)}>Change</Button></div> : null) },
                ]}
              />
            </Panel>
          ),
        }}
      />
    </Loaded>
  );
}
