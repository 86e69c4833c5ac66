"use client";

import { useRouter } from "next/navigation";
import type { ReactNode } from "react";
import type { Schema } from "@/lib/api";
import { count, ms, roughly } from "@/lib/format";
import { Status, Table, Time } from "./ui";

type Log = Schema["Log"];

/** Calls in brief; where *keys* (id to name) is given, with who called. */
export function Calls({ rows, empty, keys }: { rows: Log[]; empty?: ReactNode; keys?: Map<string, string> }) {
  const router = useRouter();
  return (
    <Table
      label="Calls"
      rows={rows}
      id={(r) => r.id}
      open={(r) => router.push(`/trace?id=${r.id}`)}
      empty={empty}
      columns={[
        { name: "Time", show: (r) => <span className="nowrap"><Time at={r.at} /></span> },
        { name: "Status", show: (r) => <span className="row tight"><Status of={r.status} />{r.code ? <span className="muted small clip" title={r.error_message ?? ""}>{r.code}</span> : r.attempts > 1 ? <span className="muted small nowrap">{r.attempts} tries</span> : null}</span> },
        { name: "Model", show: (r) => <div className="clip" title={r.model_used ?? r.model_requested ?? ""}>{r.model_used ? `${r.provider_used}/${r.model_used}`.replace(/^(.+?)\/\1\//, "$1/") : (r.model_requested ?? "–")}</div> },
        { name: "Route", show: (r) => <div className="clip muted">{r.route ?? "–"}</div> },
        ...(keys?.size ? [{ name: "Key", show: (r: Log) => <div className="clip muted short">{r.key_id ? (keys.get(r.key_id) ?? r.key_id) : "–"}</div> }] : []),
        { name: "Tokens", num: true, show: (r) => `${count(r.input_tokens)} → ${count(r.output_tokens)}` },
        { name: "Cost", num: true, show: (r) => roughly(r.cost_usd) },
        { name: "First token", num: true, show: (r) => ms(r.first_token_ms) },
        { name: "Total", num: true, show: (r) => ms(r.total_ms) },
      ]}
    />
  );
}
