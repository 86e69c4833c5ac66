"use client";

import Link from "next/link";
import { useRouter, useSearchParams } from "next/navigation";
import { Suspense } from "react";
import type { ReactNode } from "react";
import { Card, Copy, Empty, Facts, Head, Loaded, Panel, Status, Table, Time } from "@/components/ui";
import { useNames } from "@/components/form";
import { OpinionsOf } from "@/components/opinion";
import { PayloadView } from "@/components/payload";
import { api, got } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { count, money, ms } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useAsk } from "@/lib/use";

type Trace = Schema["Trace"];

export default function Page() {
  return <Suspense><One /></Suspense>;
}

function One() {
  const id = useSearchParams().get("id") ?? "";
  const found = useAsk(id ? ["trace", id] : null, () => got(api.GET("/api/v1/traces/{id}", { params: { path: { id }, query: { wait: 1 } } })));
  return (
    <>
      <Head title="Call" aside={id ? <><Link className="button" href={`/playground?replay=${id}`}>Replay in the playground</Link><Copy text={id} name="Copy id" /></> : null}><span className="mono">{id}</span></Head>
      {id ? (
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>{found.data ? <Whole key={found.data.id} of={found.data} /> : null}</Loaded>
      ) : (
        <Panel><Empty title="No call was named"><Link href="/logs">Choose one from the logs</Link></Empty></Panel>
      )}
    </>
  );
}

const SOURCES = { price: "", stated: ", as the provider states it", doubted: ", by price: what the provider states cannot be so" };

function Whole({ of: t }: { of: Trace }) {
  const { may } = useSession();
  const keys = useNames(may("api_keys:view") ? "config/virtual-keys" : null);
  const apps = useNames(may("apps:view") ? "apps" : null);
  const users = useNames(may("users:view") ? "users" : null);
  const named = (names: Map<string, string>, id: string | null | undefined, query: string) => id && <Link href={`/logs?${query}=${id}`} title={id}>{names.get(id) ?? id}</Link>;
  return (
    <>
      {t.part_of ? <div className="note-box">The gateway itself made this call ({t.call.surface}) for <Link className="mono" href={`/trace?id=${t.part_of}`}>{t.part_of}</Link>.</div> : null}
      <div className="cards">
        <Card label="Outcome" value={<Status of={t.outcome.status} />} note={`${t.outcome.http_status}${t.outcome.code ? ` ${t.outcome.code}` : ""}${t.outcome.finish ? `, finish: ${t.outcome.finish}` : ""}`} />
        <Card label="Cost" value={money(t.outcome.cost_usd)} note={`billed by ${t.outcome.billed}${SOURCES[t.outcome.cost_source]}; ${money(t.outcome.held_usd)} were held`} />
        <Card label="Tokens" value={`${count(t.usage.input)} → ${count(t.usage.output)}`} note={`${count(t.usage.cached)} cached, ${count(t.usage.reasoning)} reasoning`} />
        <Card label="Time" value={ms(t.timing.total_ms)} note={`first token ${ms(t.timing.first_token_ms)}; the gateway's own share ${ms(t.timing.overhead_ms)}`} />
      </div>
      {t.outcome.error_message ? <div className="note-box bad">{t.outcome.error_message}</div> : null}
      <Panel title="What happened"><Waterfall of={t} /></Panel>
      {t.parts.length ? <Parts of={t.parts} /> : null}
      {t.guardrails.length ? <Checks of={t.guardrails as unknown as Check[]} /> : null}
      {may("payloads:view") ? <PayloadView id={t.id} endUser={t.call.end_user ?? null} /> : null}
      {may("feedback:view") && t.outcome.http_status === 200 ? <OpinionsOf id={t.id} /> : null}
      <div className="columns">
        <Panel title="Why this model">
          <div className="stack">
            <p>{t.route.reason ?? "The model was asked for by its name."}</p>
            {t.route.candidates.length ? <Table
              label="Deployments considered"
              rows={t.route.candidates}
              id={(c) => JSON.stringify(c)}
              columns={[
                { name: "Deployment", show: (c) => <span className="mono">{String(c.target ?? "")}</span> },
                { name: "Verdict", show: (c) => <Status of={String(c.act ?? "")} /> },
                { name: "By", show: (c) => <span className="muted">{[c.rule, c.reason].filter(Boolean).join(": ")}</span> },
              ]}
            /> : null}
          </div>
        </Panel>
        <Panel title="Asked">
          <Facts rows={[["Time", <Time key="t" at={t.at} />], ["Model", t.call.model_requested], ["Answered by", t.route.model_used ? `${t.route.provider_used} / ${t.route.model_used}` : null], ["Route", t.route.name], ["Surface", `${t.call.surface}, ${t.call.operation}${t.call.stream ? ", streamed" : ""}`], ["Key", named(keys, t.call.key_id, "key_id")], ["User", t.call.user_id && (users.get(t.call.user_id) ?? t.call.user_id)], ["App", t.call.app_id && (apps.get(t.call.app_id) ?? t.call.app_id)], ["End user", t.call.end_user], ["Tags", t.call.tags.join(", ")], ["Address", t.call.address], ["Sent, received", `${count(t.call.bytes_in)} B, ${count(t.outcome.bytes_out)} B`], ["Left out", t.outcome.dropped.join(", ")], ["Supplied", t.outcome.defaulted.join(", ")], ["Trace id", <span key="i" className="mono">{t.trace_id}</span>]]} />
        </Panel>
      </div>
      {t.call.parameters && Object.keys(t.call.parameters).length ? <Panel title="Parameters"><pre>{JSON.stringify(t.call.parameters, null, 2)}</pre></Panel> : null}
      <Panel title="Ledger" flush>
        <Table
          label="Rows of the ledger"
          rows={t.ledger}
          id={(r) => `${r.attempt} ${r.target}`}
          empty={<Empty title="Nothing was charged" />}
          columns={[
            { name: "Attempt", num: true, show: (r) => r.attempt },
            { name: "Deployment", show: (r) => r.target },
            { name: "Tokens", num: true, show: (r) => count(r.tokens) },
            { name: "Billed", show: (r) => r.billed },
            { name: "USD", num: true, show: (r) => money(r.usd) },
          ]}
        />
      </Panel>
    </>
  );
}

/** What the gateway itself asked models for this call. */
function Parts({ of: parts }: { of: Trace["parts"] }) {
  const router = useRouter();
  return (
    <Panel title="Made for this call" aside={<span className="muted small">Each is a call of its own; what it cost comes on top.</span>} flush>
      <Table
        label="Made for this call"
        rows={parts}
        id={(p) => p.id}
        open={(p) => router.push(`/trace?id=${p.id}`)}
        columns={[
          { name: "As", show: (p) => <span className="tag">{p.surface}</span> },
          { name: "Model", show: (p) => <span className="mono">{p.model ?? "–"}</span> },
          { name: "Outcome", show: (p) => <Status of={p.status} /> },
          { name: "Cost", num: true, show: (p) => money(p.cost_usd) },
          { name: "Time", num: true, show: (p) => ms(p.total_ms) },
        ]}
      />
    </Panel>
  );
}

type Check = { guardrail: string; kind: string; on: string; act: string; shadow?: boolean; found?: Record<string, number>; score?: number; reason?: string; ms?: number };

function Checks({ of: checks }: { of: Check[] }) {
  return (
    <Panel title="Guardrails" flush>
      <Table<Check>
        label="Guardrails"
        rows={checks}
        id={(c) => JSON.stringify(c)}
        columns={[
          { name: "Guardrail", show: (c) => <strong>{c.guardrail}</strong> },
          { name: "Kind", show: (c) => <span className="tag">{c.kind}</span> },
          { name: "Looked at", show: (c) => c.on },
          { name: "Did", show: (c) => <span className="row"><Status of={c.act} />{c.shadow ? <span className="muted small">only recorded</span> : null}</span> },
          { name: "Why", show: (c) => <span className="muted">{c.reason || Object.entries(c.found ?? {}).map(([type, n]) => `${n} ${type}`).join(", ") || "found nothing"}{c.score === undefined ? "" : `, score ${c.score.toFixed(3)}`}</span> },
          { name: "Took", num: true, show: (c) => ms(c.ms) },
        ]}
      />
    </Panel>
  );
}

/** Each attempt as a bar over the time of the whole call: waiting for headers, for the first token, and the answer. */
function Waterfall({ of: t }: { of: Trace }) {
  const total = Math.max(t.timing.total_ms, 0.001);
  const x = (v: number | null | undefined) => (100 * Math.min(v ?? 0, total)) / total;
  return (
    <div className="waterfall">
      {t.attempts.map((a) => {
        const end = a.ended_ms ?? total;
        const head = a.headers_ms ?? end;
        const first = a.first_ms ?? head;
        return (
          <div key={a.number} className="attempt">
            <div><div className="clip">{a.number}. {a.provider}/{a.model}</div><div className="muted small">{a.outcome}{a.status ? ` (${a.status})` : ""}{a.error ? `: ${a.error}` : ""}</div></div>
            <svg viewBox="0 0 100 14" preserveAspectRatio="none" className="chart" role="img" aria-label={`from ${ms(a.started_ms)} to ${ms(end)}`}>
              <rect x="0" y="6" width="100" height="2" className="track" />
              <g className="s6"><rect className="bar" x={x(a.started_ms)} width={Math.max(0.4, x(head) - x(a.started_ms))} y="2" height="10" /></g>
              <g className="s2"><rect className="bar" x={x(head)} width={Math.max(0, x(first) - x(head))} y="2" height="10" /></g>
              <g className={a.outcome === "success" || a.outcome === "ok" ? "s0" : "s4"}><rect className="bar" x={x(first)} width={Math.max(0, x(end) - x(first))} y="2" height="10" /></g>
            </svg>
            <div className="num small">{ms(end - a.started_ms)}</div>
          </div>
        );
      })}
      {t.attempts.length ? null : <p className="muted">No deployment was called.</p>}
      <div className="legend wide"><span className="s6"><i />to the headers</span><span className="s2"><i />to the first token</span><span className="s0"><i />the answer</span></div>
    </div>
  );
}
