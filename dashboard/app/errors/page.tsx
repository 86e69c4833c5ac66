"use client";

import Link from "next/link";
import { useState } from "react";
import { useNames } from "@/components/form";
import { Badge, Button, Dialog, Empty, Facts, Field, Head, Loaded, Panel, Segment, Select, Table, Time } from "@/components/ui";
import type { Tone } from "@/components/ui";
import { lately } from "@/lib/analytics";
import { json } from "@/lib/api";
import { ago, count } from "@/lib/format";
import { useSession } from "@/lib/session";
import { SPANS, useAsk } from "@/lib/use";
import type { Span } from "@/lib/use";

type Group = { id: string; kind: string; provider: string | null; model: string | null; code: string; first_seen: string; last_seen: string; count: number; keys: string[]; more_keys: boolean; examples: { id: string; at: string; message: string }[] };
const KINDS: Record<string, [string, Tone]> = { provider: ["provider", "bad"], policy: ["limit or policy", "info"], caller: ["caller", "warn"], gateway: ["gateway", "bad"] };

export default function Errors() {
  const { may } = useSession();
  const [span, setSpan] = useState<Span>("24h");
  const [filter, setFilter] = useState({ kind: "", provider: "", model: "", code: "", fresh: false });
  const [open, setOpen] = useState<Group | null>(null);
  const { since } = lately(span);
  const set = Object.entries({ kind: filter.kind, provider: filter.provider, model: filter.model, code: filter.code }).filter(([, value]) => value.trim());
  const query = new URLSearchParams([["limit", "200"], [filter.fresh ? "new_since" : "since", since], ...set]).toString();
  const found = useAsk(["errors", query], () => json<{ data: Group[]; more: number }>(`/api/v1/errors?${query}`), 10);
  const names = useNames(may("api_keys:view") ? "config/virtual-keys" : null);
  const change = (name: string) => (e: { target: { value: string } }) => setFilter({ ...filter, [name]: e.target.value });
  return (
    <>
      <Head title="Errors" aside={<Segment label="Time span" options={SPANS} value={span} onChange={setSpan} />}>What goes wrong, each kind once: whose it is, since when, how often, and for whom.</Head>
      <div className="filters">
        <Field label="Whose">{(id) => <Select id={id} value={filter.kind} onChange={change("kind")} options={[["", "any"], ...Object.entries(KINDS).map(([kind, [name]]) => [kind, name] as const)]} />}</Field>
        <Field label="Provider">{(id) => <input id={id} value={filter.provider} onChange={change("provider")} placeholder="any" />}</Field>
        <Field label="Model">{(id) => <input id={id} value={filter.model} onChange={change("model")} placeholder="any" />}</Field>
        <Field label="Code">{(id) => <input id={id} value={filter.code} onChange={change("code")} placeholder="any" />}</Field>
        <label className="row"><input type="checkbox" checked={filter.fresh} onChange={(e) => setFilter({ ...filter, fresh: e.target.checked })} />only what is new in this time</label>
      </div>
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Table<Group>
            label="Errors"
            rows={found.data?.data ?? []}
            id={(g) => g.id}
            open={setOpen}
            empty={<Empty title="Nothing went wrong"><span>Neither a provider nor a caller met an error that fits in this time.</span></Empty>}
            columns={[
              { name: "Error", show: (g) => <><span className="mono strong">{g.code}</span>{Date.parse(g.first_seen) >= Date.parse(since) ? <> <span className="tag">new</span></> : null}<div className="small muted prose">{g.examples[0]?.message.slice(0, 160)}</div></> },
              { name: "Whose", show: (g) => <Badge tone={KINDS[g.kind]?.[1] ?? ""}>{KINDS[g.kind]?.[0] ?? g.kind}</Badge> },
              { name: "Deployment", show: (g) => <span className="clip">{g.model ?? g.provider ?? "–"}</span> },
              { name: "Times", num: true, show: (g) => count(g.count) },
              { name: "Keys", num: true, show: (g) => `${g.keys.length}${g.more_keys ? "+" : ""}` },
              { name: "First", show: (g) => <Time at={g.first_seen} /> },
              { name: "Last", show: (g) => <span className="nowrap">{ago(g.last_seen)}</span> },
            ]}
          />
          {found.data?.more ? <p className="body muted small">{count(found.data.more)} more kinds: narrow it down.</p> : null}
        </Loaded>
      </Panel>
      <Dialog title={open?.code ?? ""} wide open={!!open} close={() => setOpen(null)} footer={<Button onClick={() => setOpen(null)}>Close</Button>}>
        {open ? (
          <>
            <Facts rows={[["Whose", KINDS[open.kind]?.[0] ?? open.kind], ["Provider", open.provider], ["Model", open.model], ["Times", count(open.count)], ["First", <Time key="f" at={open.first_seen} />], ["Last", <Time key="l" at={open.last_seen} />], ["Keys that met it", open.keys.map((id) => names.get(id) ?? id).join(", ") + (open.more_keys ? " and more" : "")]]} />
            <h3>Examples</h3>
            <ul className="plainlist">
              {open.examples.map((one) => <li key={one.id} className="note-box"><div>{one.message}</div><div className="row small"><span className="muted"><Time at={one.at} /></span><Link href={`/trace?id=${one.id}`}>Trace</Link></div></li>)}
            </ul>
            <Link href={`/logs?code=${encodeURIComponent(open.code)}`}>All calls that ended with it</Link>
          </>
        ) : null}
      </Dialog>
    </>
  );
}
