"use client";

import { useState } from "react";
import { Form, blank, sent } from "@/components/form";
import type { FieldOf, Values } from "@/components/form";
import { Pager } from "@/components/pager";
import { Button, Dialog, Empty, Field, Head, Loaded, Panel, Segment, Status, Table, Time, useAction } from "@/components/ui";
import { json } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { money } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useAsk, usePages } from "@/lib/use";
import { useWho } from "@/lib/who";

type Approval = Schema["Approval"];
const STATES = [["open", "Waiting"], ["", "All"]] as const;

const ASK: readonly FieldOf[] = [
  { name: "kind", label: "Ask for", kind: "select", options: [["budget", "more money or tokens"], ["limits", "higher limits"], ["access", "models or providers"]], start: "budget", required: true },
  { name: "subject_kind", label: "For a", kind: "select", options: ["key", "app", "team", "user", "tenant"], start: "key", required: true },
  { name: "subject_id", label: "Which (id)", kind: "text", required: true },
  { name: "usd", label: "USD", kind: "text", hint: "For money." },
  { name: "tokens", label: "Tokens", kind: "number" },
  { name: "window", label: "In each", kind: "select", options: [["", "–"], "day", "week", "month", ["total", "in total"]] },
  { name: "limits", label: "Limits", kind: "limits" },
  { name: "models", label: "Models", kind: "list" },
  { name: "providers", label: "Providers", kind: "list" },
  { name: "lasts", label: "For how long, seconds", kind: "number", hint: "Empty is until somebody changes it." },
  { name: "reason", label: "Reason", kind: "text", required: true },
];

export default function Page() {
  const { may } = useSession();
  const [state, setState] = useState<string>("open");
  const [asking, setAsking] = useState(false);
  const [open, setOpen] = useState<Approval | null>(null);
  const who = useWho();
  const pages = usePages();
  const query = new URLSearchParams({ limit: "50", ...(state ? { state } : {}), ...(pages.after ? { before: pages.after } : {}) });
  const found = useAsk(["approvals", state, pages.after ?? ""], () => json<Schema["Approvals"]>(`/api/v1/approvals?${query}`), 10);
  const again = () => void found.mutate();
  return (
    <>
      <Head title="Approvals" aside={<><Segment label="State" options={STATES} value={state as "open"} onChange={(s) => { setState(s); pages.restart(); }} />{may("approvals:create") ? <Button look="primary" onClick={() => setAsking(true)}>Ask for more</Button> : null}</>}>
        Requests for more budget, higher limits or other models. What is approved is in force at once, and can end by itself.
      </Head>
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={again}>
          <Table<Approval>
            label="Approvals"
            rows={found.data?.data ?? []}
            id={(a) => a.id}
            open={setOpen}
            empty={<Empty title={state ? "Nothing waits for you" : "Nobody has asked yet"}><span>A refused call says how to ask for more.</span></Empty>}
            columns={[
              { name: "Asked", show: (a) => <Time at={a.asked_at} /> },
              { name: "By", show: (a) => <span className="clip">{a.asked_by_kind} {who(a.asked_by_kind, a.asked_by)}</span> },
              { name: "For", show: (a) => <span className="clip">{a.subject_kind} {who(a.subject_kind, a.subject_id)}</span> },
              { name: "What", show: (a) => <What of={a} /> },
              { name: "Reason", show: (a) => <span className="clip">{a.reason}</span> },
              { name: "State", show: (a) => <Status of={a.state === "open" ? "pending" : a.state} /> },
              { name: "Until", show: (a) => <Time at={a.state === "open" ? a.expires_at : a.until} /> },
            ]}
          />
          <Pager pages={pages} next={found.data?.next} />
        </Loaded>
      </Panel>
      {open ? <Decide of={open} may={may("approvals:decide")} close={() => setOpen(null)} done={() => { setOpen(null); again(); }} /> : null}
      {asking ? <Ask close={() => setAsking(false)} done={() => { setAsking(false); again(); }} /> : null}
    </>
  );
}

function What({ of: a }: { of: Approval }) {
  const ask = a.ask as Values;
  const parts = [ask.usd ? `${money(String(ask.usd))}${ask.window ? ` / ${String(ask.window)}` : ""}` : "", ask.tokens ? `${String(ask.tokens)} tokens` : "", Array.isArray(ask.models) ? (ask.models as string[]).join(", ") : "", Array.isArray(ask.providers) ? (ask.providers as string[]).join(", ") : "", ask.limits ? "limits" : ""];
  return <span className="clip">{parts.filter(Boolean).join("; ") || a.kind}</span>;
}

function Decide({ of: a, may, close, done }: { of: Approval; may: boolean; close: () => void; done: () => void }) {
  const [answer, setAnswer] = useState("");
  const [busy, run] = useAction();
  const act = (how: "approve" | "refuse") => run(async () => { await json(`/api/v1/approvals/${a.id}/${how}`, "POST", answer ? { answer } : {}); done(); }, how === "approve" ? "Approved, and in force." : "Refused.");
  const open = a.state === "open";
  return (
    <Dialog title={`A request for ${a.kind}`} open close={close} footer={<><Button onClick={close}>Close</Button>{may && open ? <><Button look="danger" busy={busy} onClick={() => void act("refuse")}>Refuse</Button><Button look="primary" busy={busy} onClick={() => void act("approve")}>Approve</Button></> : null}</>}>
      <p>{a.reason}</p>
      <pre className="snippet">{JSON.stringify(a.ask, null, 2)}</pre>
      {open && may ? <Field label="Answer" hint="Told to who asked.">{(id) => <input id={id} value={answer} onChange={(e) => setAnswer(e.target.value)} />}</Field> : <p className="muted">{a.state}{a.decided_by ? ` by ${a.decided_by}` : ""}{a.answer ? `: ${a.answer}` : ""}</p>}
    </Dialog>
  );
}

function Ask({ close, done }: { close: () => void; done: () => void }) {
  const [values, setValues] = useState<Values>(() => blank(ASK));
  const [busy, run] = useAction();
  const kept: Record<string, string[]> = { budget: ["usd", "tokens", "window"], limits: ["limits"], access: ["models", "providers"] };
  const fields = ASK.filter((f) => !Object.values(kept).flat().includes(f.name) || kept[String(values.kind)]?.includes(f.name));
  return (
    <Dialog title="Ask for more" open close={close} submit={() => run(async () => { await json("/api/v1/approvals", "POST", sent(fields, values)); done(); }, "Asked. You are told when it is decided.")} footer={<><Button onClick={close}>Cancel</Button><Button type="submit" look="primary" busy={busy}>Ask</Button></>}>
      <Form fields={fields} values={values} set={setValues} making />
    </Dialog>
  );
}
