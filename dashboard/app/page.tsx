"use client";

import Link from "next/link";
import { useState } from "react";
import { Calls } from "@/components/calls";
import { Bars, TimeChart } from "@/components/chart";
import { FirstMinute } from "@/components/first";
import { useNames } from "@/components/form";
import { Delta, Movers } from "@/components/movers";
import { Card, Empty, Head, Loaded, Panel, Segment } from "@/components/ui";
import { FINE, NONE, lately, useAnalytics, windows } from "@/lib/analytics";
import type { Point } from "@/lib/analytics";
import { api, got } from "@/lib/api";
import { count, ms, percent, roughly } from "@/lib/format";
import { useSession } from "@/lib/session";
import { SPANS, useAsk } from "@/lib/use";
import type { Span } from "@/lib/use";

const FEW = 20;
const usd = (n: number) => roughly(String(n));

export default function Overview() {
  const { may } = useSession();
  const [span, setSpan] = useState<Span>("24h");
  const over = lately(span);
  const sees = may("logs:view");
  const time = useAnalytics({ interval: FINE[span], compare: true }, over, 15);
  const models = useAnalytics({ by: "model", sort: "cost", compare: true, limit: 8 }, over, 30);
  const keys = useAnalytics({ by: "key", sort: "cost", limit: 8 }, over, 30);
  const names = useNames(may("api_keys:view") ? "config/virtual-keys" : null);
  const calls = useAsk(sees ? ["logs", "latest"] : null, () => got(api.GET("/api/v1/logs", { params: { query: { limit: 8 } } })), 5);
  const total = time.data?.total;
  const before = time.data?.previous?.total;
  const { at, of } = windows(time.data);
  const rows = of();
  const values = (pick: (point: Point) => number | null | undefined) => rows.map((point) => (point ? (pick(point) ?? null) : 0));
  const spread = (pick: (point: Point) => number | undefined) => rows.map((point) => (point ? (pick(point) ?? null) : null));
  return (
    <>
      <Head title="Overview" aside={<Segment label="Time span" options={SPANS} value={span} onChange={setSpan} />} />
      {sees ? <FirstMinute quiet={(total?.requests ?? 0) > FEW} /> : null}
      <div className="cards">
        <Card label="Requests" value={total ? count(total.requests) : "–"} note={total && before ? <Delta now={total.requests} before={before.requests} /> : ""} />
        <Card label="Failed" value={total ? percent(total.failures, total.requests) : "–"} note={total ? `${count(total.failures)} calls, ${count(total.fallbacks)} saved by another deployment` : ""} />
        <Card label="Cost" value={total ? roughly(total.cost_usd) : "–"} note={total && before ? <><Delta now={Number(total.cost_usd)} before={Number(before.cost_usd)} />{total.unpriced ? `, ${count(total.unpriced)} unpriced` : ""}</> : ""} />
        <Card label="Tokens" value={total ? count(total.input_tokens + total.output_tokens) : "–"} note={total ? `${count(total.input_tokens)} → ${count(total.output_tokens)}` : ""} />
        <Card label="Answered in, median" value={ms(total?.latency?.p50)} note={total?.latency ? `95 % within ${ms(total.latency.p95)}; the gateway took ${ms(total.overhead?.p50)}` : ""} />
        <Card label="From the cache" value={total ? percent(total.cache_hits, total.requests) : "–"} note={total?.cache_hits ? `${roughly(total.saved_usd)} saved` : "no answer came from a cache"} />
      </div>
      <div className="columns">
        <Panel title="Requests">
          <Loaded {...state(time)}><TimeChart label="Requests over time" kind="bars" at={at} format={count} series={[{ name: "answered", values: values((p) => p.requests - p.failures) }, { name: "failed", bad: true, values: values((p) => p.failures) }].filter((s, n) => n === 0 || s.values.some(Boolean))} /></Loaded>
        </Panel>
        <Panel title="Cost">
          <Loaded {...state(time)}><TimeChart label="Cost over time" kind="bars" at={at} format={usd} series={[{ name: "USD", values: values((p) => Number(p.cost_usd)) }]} /></Loaded>
        </Panel>
        <Panel title="Time to the last byte">
          <Loaded {...state(time)}><TimeChart label="Latency over time" at={at} format={ms} series={[{ name: "median", values: spread((p) => p.latency?.p50) }, { name: "95 % within", values: spread((p) => p.latency?.p95) }]} /></Loaded>
        </Panel>
        <Panel title="Tokens">
          <Loaded {...state(time)}><TimeChart label="Tokens over time" kind="bars" at={at} format={count} series={[{ name: "prompt", values: values((p) => p.input_tokens) }, { name: "answer", values: values((p) => p.output_tokens) }]} /></Loaded>
        </Panel>
        <Panel title="Models by cost" aside={<Link href="/usage">All usage</Link>}>
          <Loaded {...state(models)}>{models.data?.data.length ? <Bars label="Models by cost" format={usd} rows={top(models.data.data)} /> : <Empty title="Nothing was called in this time" />}</Loaded>
        </Panel>
        <Panel title="Keys by cost" aside={<Link href="/usage?by=key">By key</Link>}>
          <Loaded {...state(keys)}>{keys.data?.data.length ? <Bars label="Keys by cost" format={usd} rows={top(keys.data.data, names)} /> : <Empty title="No key was used in this time" />}</Loaded>
        </Panel>
      </div>
      <Panel title="What moved most, by model" flush>
        <Loaded {...state(models)}><Movers label="What moved most" changes={models.data?.previous?.changes ?? []} format={usd} /></Loaded>
      </Panel>
      {sees ? (
        <Panel title="Latest calls" flush aside={<Link href="/logs">All calls</Link>}>
          <Loaded {...state(calls)}><Calls rows={calls.data?.data ?? []} empty={<Empty title="No calls yet"><span>The first one appears here as it ends.</span></Empty>} /></Loaded>
        </Panel>
      ) : null}
    </>
  );
}

function state(asked: { error?: unknown; isLoading: boolean; mutate: () => unknown }) {
  return { error: asked.error, loading: asked.isLoading, retry: () => void asked.mutate() };
}

function top(rows: readonly Point[], names?: Map<string, string>) {
  return rows.map((r) => ({ name: names?.get(r.name ?? "") ?? (r.name || NONE), value: Number(r.cost_usd), note: `${count(r.requests)} calls` })).slice(0, 8);
}
