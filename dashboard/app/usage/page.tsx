"use client";

import { useState } from "react";
import { TimeChart } from "@/components/chart";
import { Button, Empty, Head, Loaded, Panel, Segment, Select, Table } from "@/components/ui";
import { api, got } from "@/lib/api";
import { count, money, percent, roughly } from "@/lib/format";
import { SPANS, bounds, filled, useAsk } from "@/lib/use";
import type { Span } from "@/lib/use";

const BY = [["model", "Model"], ["provider", "Provider"], ["key", "Key"], ["day", "Day"], ["hour", "Hour"]] as const;
type By = (typeof BY)[number][0];

export default function UsagePage() {
  const [span, setSpan] = useState<Span>("7d");
  const [by, setBy] = useState<By>("model");
  const over = span === "1h" || span === "24h" ? "hour" : "day";
  const ask = (dimension: By) => () => got(api.GET("/api/v1/metrics/usage", { params: { query: { by: dimension, ...bounds(span) } } }));
  const time = useAsk(["usage", over, span], ask(over), 30);
  const found = useAsk(["usage", by, span], ask(by), 30);
  const rows = [...(found.data?.data ?? [])].sort((a, b) => (by === "day" || by === "hour" ? (a.name ?? "").localeCompare(b.name ?? "") : Number(b.cost_usd) - Number(a.cost_usd) || b.requests - a.requests));
  const total = found.data?.total;
  const { at, rows: series } = filled(time.data?.data, over, span);
  return (
    <>
      <Head title="Usage and cost" aside={<><Segment label="Time span" options={SPANS} value={span} onChange={setSpan} /><Button onClick={() => download(by, rows)} disabled={!rows.length}>Export CSV</Button></>}>
        Sums of the ledger, to the last unit. Unpriced calls are in no cost.
      </Head>
      <div className="columns">
        <Panel title="Cost"><Loaded error={time.error} loading={time.isLoading}><TimeChart label="Cost over time" kind="bars" at={at} format={(n) => roughly(String(n))} series={[{ name: "USD", values: series.map((r) => Number(r?.cost_usd ?? 0)) }]} /></Loaded></Panel>
        <Panel title="Tokens"><Loaded error={time.error} loading={time.isLoading}><TimeChart label="Tokens over time" kind="bars" at={at} format={count} series={[{ name: "prompt", values: series.map((r) => r?.input_tokens ?? 0) }, { name: "answer", values: series.map((r) => r?.output_tokens ?? 0) }]} /></Loaded></Panel>
      </div>
      <Panel flush title={<>By <Select aria-label="Dimension" value={by} onChange={(e) => setBy(e.target.value as By)} options={BY} /></>}>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Table
            label={`Usage by ${by}`}
            rows={rows}
            id={(r) => r.name ?? ""}
            empty={<Empty title="Nothing was used in this time" />}
            columns={[
              { name: by, show: (r) => <span className="clip">{r.name ?? "none"}</span> },
              { name: "Requests", num: true, show: (r) => count(r.requests) },
              { name: "Failed", num: true, show: (r) => <>{count(r.failures)} <span className="muted">{percent(r.failures, r.requests)}</span></> },
              { name: "Prompt tokens", num: true, show: (r) => count(r.input_tokens) },
              { name: "of it cached", num: true, show: (r) => count(r.cached_tokens) },
              { name: "Answer tokens", num: true, show: (r) => count(r.output_tokens) },
              { name: "of it reasoning", num: true, show: (r) => count(r.reasoning_tokens) },
              { name: "Unpriced", num: true, show: (r) => count(r.unpriced) },
              { name: "Cost", num: true, show: (r) => money(r.cost_usd) },
              { name: "Share", num: true, show: (r) => percent(Number(r.cost_usd), Number(total?.cost_usd ?? 0)) },
            ]}
          />
          {total ? <div className="body row"><strong>Total</strong><span>{count(total.requests)} requests</span><span>{count(total.input_tokens)} → {count(total.output_tokens)} tokens</span><strong>{money(total.cost_usd)}</strong></div> : null}
        </Loaded>
      </Panel>
    </>
  );
}

/** A spreadsheet takes what begins with = + - @ for a formula: such a name is quoted with an apostrophe. */
function cell(value: unknown): string {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function download(by: string, rows: Record<string, unknown>[]): void {
  const names = Object.keys(rows[0] ?? {});
  const text = [names, ...rows.map((r) => names.map((n) => r[n]))].map((line) => line.map(cell).join(",")).join("\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `usage-by-${by}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}
