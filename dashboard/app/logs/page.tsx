"use client";

import { useSearchParams } from "next/navigation";
import { Suspense, useEffect, useState } from "react";
import { Calls } from "@/components/calls";
import { useNames } from "@/components/form";
import { Pager } from "@/components/pager";
import { Button, Empty, Field, Head, Loaded, Panel, Select } from "@/components/ui";
import { json } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { useSession } from "@/lib/session";
import { useTail } from "@/lib/tail";
import { SPANS, bounds, useAsk, usePages } from "@/lib/use";
import type { Span } from "@/lib/use";

const NONE = { status: "", model: "", provider: "", key_id: "", min_cost: "" };
type Filter = typeof NONE;
const NAMES = Object.keys(NONE) as (keyof Filter)[];

export default function Page() {
  return <Suspense><Logs /></Suspense>;
}

function Logs() {
  const asked = useSearchParams();
  const { may } = useSession();
  const [filter, setFilter] = useState<Filter>(() => Object.fromEntries(NAMES.map((name) => [name, asked.get(name) ?? ""])) as Filter);
  const [span, setSpan] = useState<Span>((asked.get("span") as Span | null) ?? "24h");
  const [live, setLive] = useState(true);
  const pages = usePages();
  const keys = useNames(may("api_keys:view") ? "config/virtual-keys" : null);
  const wanted = new URLSearchParams(NAMES.filter((name) => filter[name].trim()).map((name) => [name, filter[name].trim()]));
  const said = wanted.toString();
  const query = new URLSearchParams([["limit", "50"], ["since", bounds(span).since], ...wanted, ...(pages.after ? [["after", pages.after]] : [])]);
  const found = useAsk(["logs", query.toString()], () => json<Schema["Logs"]>(`/api/v1/logs?${query}`));
  const tail = useTail(live && pages.number === 1 ? said : null);
  const filtered = wanted.size > 0;
  useEffect(() => history.replaceState(null, "", said ? `?${said}` : location.pathname), [said]);
  const set = (name: keyof Filter) => (e: { target: { value: string } }) => {
    setFilter({ ...filter, [name]: e.target.value });
    pages.restart();
  };
  const listed = found.data?.data ?? [];
  const fresh = pages.number === 1 ? tail.calls : [];
  const seen = new Set(fresh.map((one) => one.id));
  const rows = [...fresh, ...listed.filter((one) => !seen.has(one.id))];
  return (
    <>
      <Head title="Logs" aside={<Button aria-pressed={live} onClick={() => { setLive(!live); if (live) void found.mutate(); }}>{live ? <><span className={tail.alive ? "pulse" : "pulse off"} aria-hidden="true" />{tail.alive ? "Live" : "Lost, trying again"}</> : "Paused"}</Button>}>
        Every call that ended, the latest first. Open one to see what happened to it.
      </Head>
      <div className="filters">
        <Field label="Time">{(id) => <Select id={id} value={span} onChange={(e) => { setSpan(e.target.value as Span); pages.restart(); }} options={SPANS} />}</Field>
        <Field label="Status">{(id) => <Select id={id} value={filter.status} onChange={set("status")} options={[["", "any"], ["success", "success"], ["fallback", "fallback: another answered"], ["failure", "failure"]]} />}</Field>
        <Field label="Model">{(id) => <input id={id} value={filter.model} onChange={set("model")} placeholder="exact name" />}</Field>
        <Field label="Provider">{(id) => <input id={id} value={filter.provider} onChange={set("provider")} placeholder="exact name" />}</Field>
        {keys.size ? <Field label="Key">{(id) => <Select id={id} value={filter.key_id} onChange={set("key_id")} options={[["", "any"], ...keys, ...(filter.key_id && !keys.has(filter.key_id) ? [[filter.key_id, filter.key_id] as const] : [])]} />}</Field> : <Field label="Key id">{(id) => <input id={id} value={filter.key_id} onChange={set("key_id")} />}</Field>}
        <Field label="Cost of at least, USD">{(id) => <input id={id} inputMode="decimal" value={filter.min_cost} onChange={set("min_cost")} placeholder="any" />}</Field>
        {filtered ? <Button look="plain" onClick={() => { setFilter(NONE); pages.restart(); }}>Clear</Button> : null}
      </div>
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Calls rows={rows} keys={keys} empty={<Empty title={filtered ? "Nothing fits these filters" : "No calls in this time"}><span>{filtered ? "Clear a filter, or choose a longer time." : "Send one from the playground; it appears here within a second."}</span></Empty>} />
          <Pager pages={pages} next={found.data?.next} />
        </Loaded>
      </Panel>
    </>
  );
}
