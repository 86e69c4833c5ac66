"use client";

// The tenant's logging policy: what is kept of calls, how much of it, and for how long.

import { useState } from "react";
import { Form, sent, shown } from "./form";
import type { FieldOf, Values } from "./form";
import { Button, Loaded, Panel, useAction } from "./ui";
import { raw } from "@/lib/api";
import { useSession } from "@/lib/session";
import { useAsk } from "@/lib/use";

export const LEVELS = [["", "as the level above says"], ["none", "nothing but cost and outcome"], ["metadata", "the record, without any text"], ["redacted", "what was said, masked"], ["full", "what was said, as it was"]] as const;
const DAYS = "Days; empty is for good.";
const USUAL = "Days; empty is as the configuration says.";
const FIELDS: readonly FieldOf[] = [
  { name: "payload", label: "Of a call, keep", kind: "select", options: LEVELS, hint: "Apps and keys can only narrow this." },
  { name: "payload_days", label: "What was said is kept", kind: "number", hint: DAYS },
  { name: "retention_days", label: "Records are kept", kind: "number", hint: DAYS },
  { name: "minute_days", label: "Sums by minute are kept", kind: "number", hint: USUAL },
  { name: "hour_days", label: "Sums by hour are kept", kind: "number", hint: USUAL },
  { name: "day_days", label: "Sums by day are kept", kind: "number", hint: USUAL },
  { name: "max_bytes", label: "Longest text that is kept, bytes", kind: "number", hint: "Of a request, and of an answer." },
  { name: "audit_reads", label: "Write into the audit log who reads what was said", kind: "switch" },
];

export function Keeping() {
  const { me } = useSession();
  const path = `/api/v1/tenants/${me?.tenant_id}`;
  const found = useAsk(["tenant", me?.tenant_id], async () => {
    const response = await raw(path);
    return { logging: ((await response.json()) as { logging: Values }).logging, etag: response.headers.get("etag") };
  });
  return (
    <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
      {found.data ? <Policy key={found.data.etag ?? JSON.stringify(found.data.logging)} logging={found.data.logging} etag={found.data.etag} path={path} done={() => void found.mutate()} /> : null}
    </Loaded>
  );
}

function Policy({ logging, etag, path, done }: { logging: Values; etag: string | null; path: string; done: () => void }) {
  const { may } = useSession();
  const [values, setValues] = useState<Values>(() => shown(FIELDS, logging));
  const [busy, run] = useAction();
  const submit = () =>
    run(async () => {
      const body = { logging: { ...logging, ...sent(FIELDS, values, logging) } };
      await raw(path, { method: "PATCH", headers: { "content-type": "application/json", ...(etag ? { "if-match": etag } : {}) }, body: JSON.stringify(body) });
      done();
    }, "In force for calls from now on.");
  return (
    <Panel title="What is kept of this tenant's calls">
      <form className="stack narrow" onSubmit={(e) => { e.preventDefault(); void submit(); }}>
        <fieldset className="bare stack" disabled={!may("tenants:update")}><Form fields={FIELDS} values={values} set={setValues} making /></fieldset>
        {may("tenants:update") ? <div><Button type="submit" look="primary" busy={busy}>Save</Button></div> : null}
      </form>
    </Panel>
  );
}
