"use client";

import { useState } from "react";
import { Calls } from "@/components/calls";
import { Pager } from "@/components/pager";
import { Button, Empty, Field, Head, Loaded, Panel, Select } from "@/components/ui";
import { api, got } from "@/lib/api";
import { SPANS, bounds, useAsk, usePages } from "@/lib/use";
import type { Span } from "@/lib/use";

const NONE = { status: "", model: "", provider: "", key_id: "", span: "24h" as Span };

export default function Logs() {
  const [filter, setFilter] = useState(NONE);
  const [live, setLive] = useState(true);
  const pages = usePages();
  const query = {
    limit: 50,
    after: pages.after,
    since: bounds(filter.span).since,
    ...Object.fromEntries(["status", "model", "provider", "key_id"].map((name) => [name, filter[name as keyof typeof NONE] || undefined])),
  };
  const found = useAsk(["logs", filter, pages.after ?? ""], () => got(api.GET("/api/v1/logs", { params: { query } })), live && pages.number === 1 ? 2 : undefined);
  const set = (name: keyof typeof NONE) => (e: { target: { value: string } }) => {
    setFilter({ ...filter, [name]: e.target.value });
    pages.restart();
  };
  const filtered = JSON.stringify({ ...filter, span: "" }) !== JSON.stringify({ ...NONE, span: "" });
  return (
    <>
      <Head title="Logs" aside={<Button aria-pressed={live} onClick={() => setLive(!live)}>{live ? "● Live" : "○ Paused"}</Button>}>
        Every call that ended, the latest first. Open one to see what happened to it.
      </Head>
      <div className="filters">
        <Field label="Time">{(id) => <Select id={id} value={filter.span} onChange={set("span")} options={SPANS} />}</Field>
        <Field label="Status">{(id) => <Select id={id} value={filter.status} onChange={set("status")} options={[["", "any"], "success", "fallback", "failure"]} />}</Field>
        <Field label="Model">{(id) => <input id={id} value={filter.model} onChange={set("model")} placeholder="exact name" />}</Field>
        <Field label="Provider">{(id) => <input id={id} value={filter.provider} onChange={set("provider")} placeholder="exact name" />}</Field>
        <Field label="Key id">{(id) => <input id={id} value={filter.key_id} onChange={set("key_id")} />}</Field>
        {filtered ? <Button look="plain" onClick={() => { setFilter(NONE); pages.restart(); }}>Clear</Button> : null}
      </div>
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Calls rows={found.data?.data ?? []} empty={<Empty title={filtered ? "Nothing fits these filters" : "No calls in this time"}><span>{filtered ? "Clear a filter, or choose a longer time." : "Send one from the playground; it appears here within a second."}</span></Empty>} />
          <Pager pages={pages} next={found.data?.next} />
        </Loaded>
      </Panel>
    </>
  );
}
