"use client";

import Link from "next/link";
import { useState } from "react";
import { together, useHealth } from "@/components/measured";
import type { Measured } from "@/components/measured";
import { Pager } from "@/components/pager";
import { Button, Dialog, Empty, Facts, Field, Head, Loaded, Panel, Select, Snippet, Status, Table } from "@/components/ui";
import { api, got } from "@/lib/api";
import { count, ms, percent } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useAsk, usePages } from "@/lib/use";

type Model = Record<string, unknown> & { id: string };

export default function Models() {
  const { may } = useSession();
  const [filter, setFilter] = useState({ search: "", capability: "", usable: "true", status: "" });
  const [open, setOpen] = useState<Model | null>(null);
  const pages = usePages();
  const found = useAsk(["models", filter, pages.after ?? ""], () =>
    got(api.GET("/api/v1/config/models", { params: { query: { limit: 100, after: pages.after, search: filter.search || undefined, usable: filter.usable === "true", status: (filter.status || undefined) as "active" | undefined, capability: filter.capability ? [filter.capability] : undefined } } })),
  );
  const health = useHealth(may("config:view"));
  const known = together(health.data?.data ?? []);
  const set = (name: keyof typeof filter) => (e: { target: { value: string } }) => { setFilter({ ...filter, [name]: e.target.value }); pages.restart(); };
  return (
    <>
      <Head title="Models">What is known of each: prices, windows, abilities, and how it did in your own traffic. What can be called depends on the providers that are connected.</Head>
      <div className="filters">
        <Field label="Name">{(id) => <input id={id} type="search" value={filter.search} onChange={set("search")} placeholder="part of a name" />}</Field>
        <Field label="Show">{(id) => <Select id={id} value={filter.usable} onChange={set("usable")} options={[["true", "what can be called now"], ["false", "the whole registry"]]} />}</Field>
        <Field label="Ability">{(id) => <Select id={id} value={filter.capability} onChange={set("capability")} options={[["", "any"], "chat", "tools", "vision", "json_schema", "reasoning", "embedding"]} />}</Field>
        <Field label="Status">{(id) => <Select id={id} value={filter.status} onChange={set("status")} options={[["", "any"], "active", "testing", "deprecated"]} />}</Field>
      </div>
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Table<Model>
            label="Models"
            rows={(found.data?.data ?? []) as Model[]}
            id={(m) => m.id}
            open={setOpen}
            empty={<Empty title="No model fits"><span>{filter.usable === "true" ? "Connect a provider, or show the whole registry." : "Clear a filter."}</span></Empty>}
            columns={[
              { name: "Model", show: (m) => <span className="mono">{m.id}</span> },
              { name: "Status", show: (m) => <Status of={String(m.status ?? "active")} /> },
              { name: "Window", num: true, show: (m) => (m.context ? count(Number(m.context)) : "–") },
              { name: "In, $/M", num: true, show: (m) => price(m, "input") },
              { name: "Out, $/M", num: true, show: (m) => price(m, "output") },
              { name: "First token", num: true, show: (m) => speed(known.get(m.id)?.measured, "first_token_ms") },
              { name: "p95", num: true, show: (m) => speed(known.get(m.id)?.measured, "p95_ms") },
              { name: "Errors", num: true, show: (m) => errors(known.get(m.id)?.measured) },
              { name: "Abilities", show: (m) => <span className="small muted">{((m.capabilities as string[]) ?? []).filter((one) => one !== "chat").slice(0, 5).join(", ").replaceAll("_", " ")}</span> },
            ]}
          />
          <Pager pages={pages} next={found.data?.next} words={["Back", "More"]} />
        </Loaded>
      </Panel>
      <Dialog title={open?.id ?? ""} wide open={!!open} close={() => setOpen(null)} footer={<Button onClick={() => setOpen(null)}>Close</Button>}>
        {open ? <Known of={open} measured={known.get(open.id)?.measured} state={known.get(open.id)?.states.join(", ")} /> : null}
      </Dialog>
    </>
  );
}

function Known({ of: m, measured, state }: { of: Model; measured: Measured | undefined; state: string | undefined }) {
  const list = (name: string) => ((m[name] as string[]) ?? []).join(", ").replaceAll("_", " ");
  const prices = Object.entries((m.price as Record<string, unknown> | null) ?? {});
  return (
    <>
      <Facts
        rows={[
          ["Provider", String(m.provider)], ["Kind", String(m.kind)], ["Status", <Status key="s" of={String(m.status ?? "active")} />],
          ["Window", m.context ? `${count(Number(m.context))} tokens` : null], ["Longest answer", m.max_output ? `${count(Number(m.max_output))} tokens` : null],
          ["Abilities", list("capabilities")], ["Good for", list("use_cases")], ["Regions", list("regions")], ["Compliance", list("compliance")],
          ["Released", m.released as string | null], ["Knows until", m.cutoff as string | null], ["Retires", m.retires as string | null],
          ["Price, USD per million", prices.length ? prices.map(([kind, usd]) => `${kind.replaceAll("_", " ")} ${typeof usd === "string" ? usd : JSON.stringify(usd)}`).join(", ") : "unknown: under a budget it is refused"],
          ["Known from", m.source as string | null],
        ]}
      />
      <h3>In your own traffic</h3>
      {measured?.samples ? (
        <Facts rows={[["State", <Status key="s" of={state ?? "closed"} />], ["Calls seen", count(measured.samples)], ["To the first token", `${ms(measured.first_token_ms)}, p95 ${ms(measured.first_token_p95_ms)}`], ["In all", `${ms(measured.latency_ms)}, p95 ${ms(measured.p95_ms)}`], ["Tokens a second", count(measured.tokens_per_second ?? 0)], ["Errors", errors(measured)], ["Under way", String(measured.inflight ?? 0)]]} />
      ) : <p className="muted">It was not called since the gateway started. <Link href={`/playground?model=${encodeURIComponent(m.id)}`}>Try it in the playground</Link></p>}
      <Snippet text={`{"model": "${m.id}", "messages": [{"role": "user", "content": "Hello"}]}`} />
    </>
  );
}

function speed(measured: Measured | undefined, name: "first_token_ms" | "p95_ms"): string {
  return measured?.samples && measured[name] ? ms(measured[name]) : "–";
}

function errors(measured: Measured | undefined): string {
  return measured?.samples ? percent(measured.error_rate ?? 0, 1) : "–";
}

function price(model: Model, kind: string): string {
  const found = (model.price as Record<string, unknown> | null | undefined)?.[kind];
  return found == null ? "–" : String(found);
}
