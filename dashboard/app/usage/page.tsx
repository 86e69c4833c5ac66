"use client";

import { useSearchParams } from "next/navigation";
import { Suspense, useState } from "react";
import { TimeChart } from "@/components/chart";
import { useNames } from "@/components/form";
import { Delta, Movers } from "@/components/movers";
import { Button, Card, Empty, Field, Head, Loaded, Panel, Segment, Select, Table } from "@/components/ui";
import { DIMENSIONS, FINE, NONE, lately, useAnalytics, windows } from "@/lib/analytics";
import type { Interval, Point } from "@/lib/analytics";
import { count, money, moneys, ms, percent, roughly, upperFirst } from "@/lib/format";
import { useSession } from "@/lib/session";
import { SPANS } from "@/lib/use";
import type { Span } from "@/lib/use";

const SORTS = [["cost", "cost"], ["requests", "requests"], ["failures", "failures"], ["input_tokens", "prompt tokens"], ["output_tokens", "answer tokens"], ["cache_hits", "cache hits"], ["saved", "saved by caches"]] as const;
const FILTERS = [["model", "Model"], ["provider", "Provider"], ["route", "Route"], ["tag", "Tag"], ["code", "Error code"]] as const;
const OF_NAME: Record<string, readonly [path: string, permission: string]> = { key: ["config/virtual-keys", "api_keys:view"], app: ["apps", "apps:view"], team: ["teams", "teams:view"], user: ["users", "users:view"] };
const LINES = 6;
const METRIC: Record<string, (p: Point) => number> = { cost: (p) => Number(p.cost_usd), requests: (p) => p.requests, failures: (p) => p.failures, input_tokens: (p) => p.input_tokens, output_tokens: (p) => p.output_tokens, cache_hits: (p) => p.cache_hits, saved: (p) => Number(p.saved_usd) };

export default function Page() {
  return <Suspense><Usage /></Suspense>;
}

function Usage() {
  const asked = useSearchParams();
  const { may } = useSession();
  const [span, setSpan] = useState<Span | "own">("24h");
  const [own, setOwn] = useState({ since: "", until: "" });
  const [by, setBy] = useState(DIMENSIONS.find((one) => one === asked.get("by")) ?? "model");
  const [sort, setSort] = useState<string>("cost");
  const [filter, setFilter] = useState<Record<string, string>>({});
  const over = span === "own" ? chosen(own) : lately(span);
  const interval: Interval = span === "own" ? fine(over) : FINE[span];
  const found = useAnalytics({ by, interval, sort, compare: true, limit: 100, ...filter }, over, 30);
  const named = OF_NAME[by];
  const names = useNames(named && may(named[1]) ? named[0] : null);
  const name = (of: string | null) => names.get(of ?? "") ?? (of || NONE);
  const rows = found.data?.data ?? [];
  const total = found.data?.total;
  const cost = moneys(rows.map((r) => r.cost_usd));
  const before = found.data?.previous;
  const was = new Map((before?.changes ?? []).map((one) => [one.name, one]));
  const { at, of } = windows(found.data);
  const metric = METRIC[sort] ?? (() => 0);
  const amount = sort === "cost" || sort === "saved" ? (n: number) => roughly(String(n)) : count;
  const upper = rows.slice(0, LINES).filter((row) => metric(row));
  return (
    <>
      <Head title="Usage and cost" aside={<><Segment label="Time span" options={[...SPANS, ["own", "Other"]] as const} value={span} onChange={setSpan} /><Button onClick={() => download(by, rows, name)} disabled={!rows.length}>Export CSV</Button></>}>
        Sums of every call, to the last unit, beside as long a time before. Rows add up to what stands above them, but for tags: a call may have several. Unpriced calls are in no cost.
      </Head>
      <div className="filters">
        {span === "own" ? (["since", "until"] as const).map((end) => <Field key={end} label={end === "since" ? "From" : "Until"}>{(id) => <input id={id} type="datetime-local" value={own[end]} onChange={(e) => setOwn({ ...own, [end]: e.target.value })} />}</Field>) : null}
        <Field label="By">{(id) => <Select id={id} value={by} onChange={(e) => setBy(e.target.value as "model")} options={DIMENSIONS} />}</Field>
        <Field label="Most">{(id) => <Select id={id} value={sort} onChange={(e) => setSort(e.target.value)} options={SORTS} />}</Field>
        {FILTERS.filter(([key]) => key !== by).map(([key, label]) => <Field key={key} label={label}>{(id) => <input id={id} value={filter[key] ?? ""} onChange={(e) => setFilter({ ...filter, [key]: e.target.value.trim() })} placeholder="any" />}</Field>)}
      </div>
      <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
        <div className="cards">
          <Card label="Cost" value={<span title={money(total?.cost_usd)}>{roughly(total?.cost_usd)}</span>} note={before && total ? <>{money(total.cost_usd)} exactly; {roughly(before.total.cost_usd)} before, <Delta now={Number(total.cost_usd)} before={Number(before.total.cost_usd)} /></> : ""} />
          <Card label="Requests" value={count(total?.requests ?? 0)} note={before && total ? <>{count(before.total.requests)} before, <Delta now={total.requests} before={before.total.requests} /></> : ""} />
          <Card label="Tokens" value={`${count(total?.input_tokens ?? 0)} → ${count(total?.output_tokens ?? 0)}`} note={total ? `${percent(total.cached_tokens, total.input_tokens)} of the prompts read from providers' caches` : ""} />
          <Card label="Saved by caches" value={money(total?.saved_usd)} note={total ? `${count(total.cache_hits)} answers` : ""} />
        </div>
        <div className="columns">
          <Panel title={`${upperFirst(SORTS.find(([key]) => key === sort)?.[1] ?? sort)} over time, by ${by}`}>
            {upper.length ? <TimeChart label={`${sort} over time by ${by}`} kind="bars" at={at} format={amount} series={upper.map((row) => ({ name: name(row.name), values: of(row.name).map((p) => (p ? metric(p) : 0)) }))} /> : <Empty title="Nothing in this time" />}
          </Panel>
          <Panel title="What moved most" flush><Movers label="What moved most" changes={before?.changes ?? []} names={names} format={amount} /></Panel>
        </div>
        {found.data && !found.data.complete ? <div className="note-box warn">No sums are kept for this question: not every call of so long a time is counted. Ask of a shorter time, or with fewer filters.</div> : null}
        <Panel flush>
          <Table<Point>
            label={`Usage by ${by}`}
            rows={rows}
            id={(r) => r.name ?? ""}
            empty={<Empty title="Nothing was used in this time"><span>Choose a longer time, or clear a filter.</span></Empty>}
            columns={[
              { name: by, show: (r) => <span className="clip" title={name(r.name)}>{name(r.name)}</span> },
              { name: "Requests", num: true, show: (r) => count(r.requests) },
              { name: "Failed", num: true, show: (r) => <>{count(r.failures)} <span className="muted">{percent(r.failures, r.requests)}</span></> },
              { name: "Prompt tokens", num: true, show: (r) => count(r.input_tokens) },
              { name: "Answer tokens", num: true, show: (r) => count(r.output_tokens) },
              { name: "Median", num: true, show: (r) => ms(r.latency?.p50) },
              { name: "95 % within", num: true, show: (r) => ms(r.latency?.p95) },
              { name: "Cost", num: true, show: (r) => cost(r.cost_usd) },
              { name: "Share", num: true, show: (r) => percent(Number(r.cost_usd), Number(total?.cost_usd ?? 0)) },
              { name: "Change", num: true, show: (r) => { const one = was.get(r.name); return one ? <Delta now={one.now} before={one.before} /> : "–"; } },
            ]}
          />
          {found.data?.more ? <p className="body muted small">{count(found.data.more)} more are in the sums above and not in this list.</p> : null}
        </Panel>
      </Loaded>
    </>
  );
}

/** The time that was typed in; where one end is missing, the last day. */
function chosen(own: { since: string; until: string }): { since: string; until: string } {
  const usual = lately("24h");
  const since = own.since ? new Date(own.since).toISOString() : usual.since;
  const until = own.until ? new Date(own.until).toISOString() : usual.until;
  return since < until ? { since, until } : usual;
}

function fine(over: { since: string; until: string }): Interval {
  const hours = (Date.parse(over.until) - Date.parse(over.since)) / 3_600_000;
  return hours <= 3 ? "minute" : hours <= 24 * 14 ? "hour" : "day";
}

/** A spreadsheet takes what begins with = + - @ for a formula: such a name is quoted with an apostrophe. */
function cell(value: unknown): string {
  const text = String(value ?? "");
  const safe = /^[=+\-@\t]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function download(by: string, rows: readonly Point[], name: (of: string | null) => string): void {
  const columns = ["requests", "failures", "fallbacks", "attempts", "cache_hits", "input_tokens", "output_tokens", "cached_tokens", "reasoning_tokens", "cost_usd", "saved_usd", "unpriced"] as const;
  const lines = rows.map((r) => [r.name, name(r.name), ...columns.map((column) => r[column])]);
  const text = [[by, "name", ...columns], ...lines].map((line) => line.map(cell).join(",")).join("\n");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = `usage-by-${by}.csv`;
  link.click();
  URL.revokeObjectURL(link.href);
}
