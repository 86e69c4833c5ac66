"use client";

import Link from "next/link";
import { useState } from "react";
import { Calls } from "@/components/calls";
import { Bars, TimeChart } from "@/components/chart";
import { FirstMinute } from "@/components/first";
import { Card, Head, Loaded, Panel, Segment } from "@/components/ui";
import { api, got } from "@/lib/api";
import { count, percent, roughly } from "@/lib/format";
import { useSession } from "@/lib/session";
import { SPANS, bounds, filled, useAsk } from "@/lib/use";
import type { Span } from "@/lib/use";

export default function Overview() {
  const [span, setSpan] = useState<Span>("24h");
  const over = span === "30d" || span === "7d" ? "day" : "hour";
  const usage = (by: "hour" | "day" | "model" | "key" | "provider") => () => got(api.GET("/api/v1/metrics/usage", { params: { query: { by, ...bounds(span) } } }));
  const time = useAsk(["usage", over, span], usage(over), 15);
  const models = useAsk(["usage", "model", span], usage("model"), 15);
  const keys = useAsk(["usage", "key", span], usage("key"), 15);
  const { may } = useSession();
  const sees = may("logs:view");
  const calls = useAsk(sees ? ["logs", "latest"] : null, () => got(api.GET("/api/v1/logs", { params: { query: { limit: 8 } } })), 5);
  const total = time.data?.total;
  const { at, rows } = filled(time.data?.data, over, span);
  return (
    <>
      <Head title="Overview" aside={<Segment label="Time span" options={SPANS} value={span} onChange={setSpan} />} />
      {sees ? <FirstMinute quiet={(total?.requests ?? 0) > 20} /> : null}
      <div className="cards">
        <Card label="Requests" value={total ? count(total.requests) : "–"} note={total ? `${count(total.failures)} failed (${percent(total.failures, total.requests)})` : ""} />
        <Card label="Cost" value={total ? roughly(total.cost_usd) : "–"} note={total?.unpriced ? `${count(total.unpriced)} calls without a known price` : "exact, from the ledger"} />
        <Card label="Prompt tokens" value={total ? count(total.input_tokens) : "–"} note={total ? `${percent(total.cached_tokens, total.input_tokens)} read from the provider's cache` : ""} />
        <Card label="Answer tokens" value={total ? count(total.output_tokens) : "–"} note={total ? `${percent(total.reasoning_tokens, total.output_tokens)} of them reasoning` : ""} />
      </div>
      <div className="columns">
        <Panel title="Requests">
          <Loaded {...state(time)}><TimeChart label="Requests over time" kind="bars" at={at} format={count} series={[{ name: "answered", values: rows.map((r) => (r ? r.requests - r.failures : 0)) }, { name: "failed", bad: true, values: rows.map((r) => r?.failures ?? 0) }].filter((s, n) => n === 0 || s.values.some(Boolean))} /></Loaded>
        </Panel>
        <Panel title="Cost">
          <Loaded {...state(time)}><TimeChart label="Cost over time" kind="bars" at={at} format={(n) => roughly(String(n))} series={[{ name: "USD", values: rows.map((r) => Number(r?.cost_usd ?? 0)) }]} /></Loaded>
        </Panel>
        <Panel title="Models by cost" aside={<Link href="/usage">All usage</Link>}>
          <Loaded {...state(models)}><Bars label="Models by cost" format={(n) => roughly(String(n))} rows={top(models.data?.data)} /></Loaded>
        </Panel>
        <Panel title="Keys by cost">
          <Loaded {...state(keys)}><Bars label="Keys by cost" format={(n) => roughly(String(n))} rows={top(keys.data?.data)} /></Loaded>
        </Panel>
      </div>
      {sees ? (
        <Panel title="Latest calls" flush aside={<Link href="/logs">All calls</Link>}>
          <Loaded {...state(calls)}><Calls rows={calls.data?.data ?? []} empty={<div className="empty"><strong>No calls yet</strong><span>The first one appears here as it ends.</span></div>} /></Loaded>
        </Panel>
      ) : null}
    </>
  );
}

function state(asked: { error?: unknown; isLoading: boolean; mutate: () => unknown }) {
  return { error: asked.error, loading: asked.isLoading, retry: () => void asked.mutate() };
}

function top(rows: { name: string | null; cost_usd: string; requests: number }[] | undefined) {
  return (rows ?? [])
    .map((r) => ({ name: r.name ?? "none", value: Number(r.cost_usd), note: `${count(r.requests)} calls` }))
    .sort((a, b) => b.value - a.value)
    .slice(0, 8);
}
