"use client";

import { useState } from "react";
import { Form, blank, sent } from "@/components/form";
import type { FieldOf, Values } from "@/components/form";
import { Button, Confirm, Dialog, Empty, Head, Loaded, Meter, Panel, Status, Table, Time, useAction } from "@/components/ui";
import { json, raw } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { bytes, count } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useAsk } from "@/lib/use";

type Export = Schema["Export"];
const OVER = new Set(["done", "failed", "cancelled"]);
const FIELDS: readonly FieldOf[] = [
  { name: "format", label: "As", kind: "select", options: [["jsonl", "lines of JSON"], ["parquet", "Parquet"]], start: "jsonl", required: true },
  { name: "since", label: "From", kind: "time", hint: "Your local time; empty is from the beginning." },
  { name: "until", label: "Until", kind: "time", hint: "Empty is now." },
  { name: "status", label: "Status", kind: "select", options: [["", "any"], "success", "fallback", "failure"] },
  { name: "model", label: "Model", kind: "text" },
  { name: "key_id", label: "Key", kind: "ref", of: "config/virtual-keys" },
  { name: "team_id", label: "Team", kind: "ref", of: "teams" },
  { name: "tags", label: "Tags", kind: "list", hint: "All of these." },
  { name: "store", label: "Into the store", kind: "text", hint: "One of the stores of the configuration; empty is to be fetched here." },
];
const PAYLOADS: FieldOf = { name: "payloads", label: "With what was said", kind: "switch", start: false, hint: "As far as it was kept." };

export default function Exports() {
  const { may } = useSession();
  const [making, setMaking] = useState(false);
  const [, run] = useAction();
  const found = useAsk(["exports"], () => json<Schema["Exports"]>("/api/v1/exports"), 3);
  const save = (id: string, name: string) =>
    run(async () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await (await raw(`/api/v1/exports/${id}/files/${encodeURIComponent(name)}`)).blob());
      link.download = `${id}-${name}`;
      link.click();
      URL.revokeObjectURL(link.href);
    });
  return (
    <>
      <Head title="Exports" aside={may("exports:create") ? <Button look="primary" onClick={() => setMaking(true)}>New export</Button> : null}>Finished calls as files, made in the background, to be fetched here or put into a store. The latest hundred are listed.</Head>
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Table<Export>
            label="Exports"
            rows={found.data?.data ?? []}
            id={(r) => r.id}
            empty={<Empty title="None yet"><span>Take calls out for a spreadsheet, a notebook or an archive of your own.</span></Empty>}
            columns={[
              { name: "Begun", show: (r) => <Time at={r.created_at} /> },
              { name: "As", show: (r) => <span className="tag">{r.format}{r.payloads ? ", with text" : ""}</span> },
              { name: "State", show: (r) => <span className="row"><Status of={r.state} />{r.error ? <span className="small muted prose">{r.error}</span> : null}</span> },
              { name: "Done", show: (r) => (OVER.has(r.state) ? "–" : <Meter share={r.done} label="How far it is" />) },
              { name: "Calls", num: true, show: (r) => count(r.rows) },
              { name: "Files", show: (r) => <div className="stack tight">{r.files.map((file) => (file.where ? <span key={file.name} className="mono small wrap" title={file.sha256}>{file.where}</span> : <Button key={file.name} onClick={() => void save(r.id, file.name)}>{file.name} ({bytes(file.bytes)})</Button>))}</div> },
              { name: "", show: (r) => (may("exports:create") && (!OVER.has(r.state) || r.files.some((file) => !file.where)) ? <div className="row end"><Confirm name={OVER.has(r.state) ? "Remove" : "Stop"} title={OVER.has(r.state) ? "Remove the files" : "Stop this export"} consequence="Its files here are gone. What was put into a store stays there." act={async () => { await raw(`/api/v1/exports/${r.id}`, { method: "DELETE" }); await found.mutate(); }} /></div> : null) },
            ]}
          />
        </Loaded>
      </Panel>
      {making ? <Making close={() => setMaking(false)} done={() => { setMaking(false); void found.mutate(); }} /> : null}
    </>
  );
}

function Making({ close, done }: { close: () => void; done: () => void }) {
  const { may } = useSession();
  const fields = may("payloads:view") ? [...FIELDS, PAYLOADS] : FIELDS;
  const [values, setValues] = useState<Values>(() => blank(fields));
  const [busy, run] = useAction();
  return (
    <Dialog title="New export" open close={close} submit={() => run(async () => { await json("/api/v1/exports", "POST", sent(fields, values)); done(); }, "Begun. It goes on in the background.")} footer={<><Button onClick={close}>Cancel</Button><Button type="submit" look="primary" busy={busy}>Begin</Button></>}>
      <Form fields={fields} values={values} set={setValues} making />
    </Dialog>
  );
}
