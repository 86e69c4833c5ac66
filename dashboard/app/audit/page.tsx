"use client";

import { useState } from "react";
import { Badge, Button, Dialog, Empty, Field, Head, Loaded, Panel, Table, Time, useAction } from "@/components/ui";
import { json } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { download } from "@/lib/download";
import { useAsk, usePages } from "@/lib/use";
import { useWho } from "@/lib/who";
import { Pager } from "@/components/pager";

type Entry = Schema["Entry"];

export default function Page() {
  const [filter, setFilter] = useState({ action: "", object_kind: "", actor_id: "" });
  const [open, setOpen] = useState<Entry | null>(null);
  const who = useWho();
  const [verdict, setVerdict] = useState<Record<string, unknown> | null>(null);
  const [busy, run] = useAction();
  const pages = usePages();
  const query = new URLSearchParams({ limit: "50", ...(pages.after ? { before: pages.after } : {}), ...Object.fromEntries(Object.entries(filter).filter(([, v]) => v)) });
  const found = useAsk(["audit", filter, pages.after ?? ""], () => json<{ data: Entry[]; next?: string | number | null }>(`/api/v1/audit?${query}`));
  const set = (name: keyof typeof filter) => (e: { target: { value: string } }) => { setFilter({ ...filter, [name]: e.target.value }); pages.restart(); };
  const whole = verdict && (verdict.ok === true || (Array.isArray(verdict.faults) && verdict.faults.length === 0));
  return (
    <>
      <Head title="Audit" aside={<><Button busy={busy} onClick={() => void run(async () => setVerdict(await json("/api/v1/audit/verify", "POST", {})))}>Verify the chain</Button><Button busy={busy} onClick={() => void run(() => download("/api/v1/audit/export", "audit.jsonl"))}>Export</Button></>}>
        Every administrative act and every refusal by policy. Entries are chained: none can be changed or removed unseen.
      </Head>
      {verdict ? <div className={`note-box ${whole ? "" : "bad"}`} role="status">{whole ? <Badge tone="good">the chain is whole</Badge> : null}<pre>{JSON.stringify(verdict, null, 2)}</pre></div> : null}
      <div className="filters">
        <Field label="Action">{(id) => <input id={id} value={filter.action} onChange={set("action")} placeholder="api_keys:create" />}</Field>
        <Field label="Kind of object">{(id) => <input id={id} value={filter.object_kind} onChange={set("object_kind")} />}</Field>
        <Field label="Who (id)">{(id) => <input id={id} value={filter.actor_id} onChange={set("actor_id")} />}</Field>
      </div>
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Table<Entry>
            label="Audit log"
            rows={found.data?.data ?? []}
            id={(e) => String(e.seq)}
            open={setOpen}
            empty={<Empty title="Nothing yet"><span>Whatever is changed appears here, with who did it.</span></Empty>}
            columns={[
              { name: "No.", num: true, show: (e) => e.seq },
              { name: "Time", show: (e) => <Time at={e.at} /> },
              { name: "Who", show: (e) => <span className="clip">{e.actor_kind} {who(e.actor_kind, e.actor_id)}</span> },
              { name: "Action", show: (e) => <span className="mono">{e.action}</span> },
              { name: "Object", show: (e) => <span className="clip">{e.object_kind} {who(e.object_kind, e.object_id)}</span> },
              { name: "Outcome", show: (e) => <Badge tone={e.outcome === "done" || e.outcome === "success" || e.outcome === "allowed" ? "good" : "bad"}>{e.outcome}</Badge> },
              { name: "Address", show: (e) => e.address ?? "–" },
            ]}
          />
          <Pager pages={pages} next={found.data?.next != null ? String(found.data.next) : null} />
        </Loaded>
      </Panel>
      <Dialog title={`Entry ${open?.seq ?? ""}`} open={!!open} close={() => setOpen(null)} footer={<Button onClick={() => setOpen(null)}>Close</Button>}><pre>{JSON.stringify(open, null, 2)}</pre></Dialog>
    </>
  );
}
