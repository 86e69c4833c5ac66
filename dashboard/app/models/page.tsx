"use client";

import { useState } from "react";
import { Pager } from "@/components/pager";
import { Dialog, Button, Empty, Field, Head, Loaded, Panel, Select, Status, Table } from "@/components/ui";
import { api, got } from "@/lib/api";
import { count } from "@/lib/format";
import { useAsk, usePages } from "@/lib/use";

type Model = Record<string, unknown>;

export default function Models() {
  const [filter, setFilter] = useState({ search: "", capability: "", usable: "true", status: "" });
  const [open, setOpen] = useState<Model | null>(null);
  const pages = usePages();
  const found = useAsk(["models", filter, pages.after ?? ""], () =>
    got(api.GET("/api/v1/config/models", { params: { query: { limit: 100, after: pages.after, search: filter.search || undefined, usable: filter.usable === "true", status: (filter.status || undefined) as "active" | undefined, capability: filter.capability ? [filter.capability] : undefined } } })),
  );
  const set = (name: keyof typeof filter) => (e: { target: { value: string } }) => { setFilter({ ...filter, [name]: e.target.value }); pages.restart(); };
  return (
    <>
      <Head title="Models">What is known of each: prices, windows, abilities. What can be called depends on the providers that are connected.</Head>
      <div className="filters">
        <Field label="Name">{(id) => <input id={id} value={filter.search} onChange={set("search")} placeholder="part of a name" />}</Field>
        <Field label="Show">{(id) => <Select id={id} value={filter.usable} onChange={set("usable")} options={[["true", "what can be called now"], ["false", "the whole registry"]]} />}</Field>
        <Field label="Ability">{(id) => <Select id={id} value={filter.capability} onChange={set("capability")} options={[["", "any"], "chat", "tools", "vision", "json_schema", "reasoning", "embeddings"]} />}</Field>
        <Field label="Status">{(id) => <Select id={id} value={filter.status} onChange={set("status")} options={[["", "any"], "active", "testing", "deprecated"]} />}</Field>
      </div>
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Table<Model>
            label="Models"
            rows={(found.data?.data ?? []) as Model[]}
            id={(m) => String(m.id)}
            open={setOpen}
            empty={<Empty title="No model fits"><span>{filter.usable === "true" ? "Connect a provider, or show the whole registry." : "Clear a filter."}</span></Empty>}
            columns={[
              { name: "Model", show: (m) => <span className="mono">{String(m.id)}</span> },
              { name: "Status", show: (m) => <Status of={String(m.status ?? "active")} /> },
              { name: "Window", num: true, show: (m) => (m.context ? count(Number(m.context)) : "–") },
              { name: "In, USD per million", num: true, show: (m) => price(m, "input") },
              { name: "Out", num: true, show: (m) => price(m, "output") },
              { name: "Abilities", show: (m) => <span className="small muted">{((m.capabilities as string[]) ?? []).slice(0, 6).join(", ")}</span> },
            ]}
          />
          <Pager pages={pages} next={found.data?.next} />
        </Loaded>
      </Panel>
      <Dialog title={String(open?.id ?? "")} open={!!open} close={() => setOpen(null)} footer={<Button onClick={() => setOpen(null)}>Close</Button>}>
        <pre>{JSON.stringify(open, null, 2)}</pre>
      </Dialog>
    </>
  );
}

function price(model: Model, kind: string): string {
  const found = (model.price as Record<string, unknown> | null | undefined)?.[kind];
  return found == null ? "–" : String(found);
}
