"use client";

// What was said in a call, as far as the logging policy kept it: as text, with what was found in it, and as it was sent.

import { useState } from "react";
import { Badge, Button, Confirm, Copy, Empty, Loaded, Panel, Segment } from "./ui";
import { raw } from "@/lib/api";
import { payloadOf } from "@/lib/replay";
import type { Kept } from "@/lib/replay";
import { useSession } from "@/lib/session";
import { count } from "@/lib/format";
import { useAsk } from "@/lib/use";

export function PayloadView({ id, endUser }: { id: string; endUser: string | null }) {
  const { may } = useSession();
  const [wanted, setWanted] = useState(false);
  const [view, setView] = useState<"text" | "document">("text");
  const found = useAsk(wanted ? ["payload", id] : null, () => payloadOf(id));
  const payload = found.data;
  if (!wanted) {
    return (
      <Panel title="What was said">
        <div className="row"><Button onClick={() => setWanted(true)}>Show what was said</Button><span className="muted small">Where the logging policy wants it, that somebody looked is written into the audit log.</span></div>
      </Panel>
    );
  }
  return (
    <Panel
      title="What was said"
      aside={payload ? <><span className="tag">{payload.level}</span><Segment label="View" options={[["text", "Text"], ["document", "As sent"]]} value={view} onChange={setView} />{may("payloads:delete") && endUser ? <Confirm name="Erase" title={`Erase what ${endUser} said`} consequence="The text of all calls of this end user is gone for good; records, costs and traces stay. What was exported or archived is not within reach." act={async () => { await raw(`/api/v1/payloads?end_user=${encodeURIComponent(endUser)}`, { method: "DELETE" }); await found.mutate(); }} /> : null}</> : null}
    >
      <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
        {payload ? (
          <div className="columns">
            <SideOf name="Request" of={payload.request} view={view} />
            <SideOf name="Answer" of={payload.answer} view={view} />
          </div>
        ) : <Empty title="Nothing of it is kept"><span>The tenant&apos;s logging policy keeps no text, or the time for which it does is over. It can be changed on the tenant, an app or a key.</span></Empty>}
      </Loaded>
    </Panel>
  );
}

function SideOf({ name, of: kept, view }: { name: string; of: Kept; view: "text" | "document" }) {
  const whole = kept.document != null ? JSON.stringify(kept.document, null, 2) : (kept.raw ?? "");
  const shown = view === "text" ? kept.text || whole : whole;
  return (
    <div className="stack">
      <div className="row"><strong>{name}</strong><span className="muted small">{count(kept.size)} B{kept.cut ? ", cut" : ""}</span>{Object.entries(kept.found).map(([kind, n]) => <Badge key={kind} tone="warn">{`${n} ${kind}`}</Badge>)}<span className="grow" /><Copy text={shown} /></div>
      <pre className="said payload">{shown || "nothing"}</pre>
      {view === "text" ? kept.tool_calls.map((call) => <div key={call.id} className="said tool"><span className="tag">call</span> <span className="mono">{call.name}({call.arguments})</span></div>) : null}
    </div>
  );
}
