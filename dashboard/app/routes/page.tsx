"use client";

import { useState } from "react";
import { Badge, Button, Empty, Field, Head, Loaded, Panel, Status, Table, Tabs, useAction } from "@/components/ui";
import { Named } from "@/components/named";
import { RouteEditor } from "@/components/routeeditor";
import { ModelInput } from "@/components/modelinput";
import { api, got } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { money } from "@/lib/format";
import { useSession } from "@/lib/session";
import { again, useAsk } from "@/lib/use";

type Tab = "routes" | "aliases" | "use-cases";

export default function Page() {
  const [tab, setTab] = useState<Tab>("routes");
  return (
    <>
      <Head title="Routes">A route is a name that applications ask for; its policy decides which deployment answers.</Head>
      <Tabs<Tab> label="Routes" options={[["routes", "Routes"], ["aliases", "Aliases"], ["use-cases", "Use cases"]]} value={tab} onChange={setTab} />
      {tab === "routes" ? <Routes /> : null}
      {tab === "aliases" ? (
        <Named
          of={{
            path: "aliases", section: "aliases", title: "Aliases", one: "alias", changing: "routes:change",
            empty: "A second name of a route or of a provider/model, so that applications need not change when it does.",
            removal: "Who asks for this name is told that there is no such model.",
            start: { target: "" },
            text: true,
            columns: [{ name: "Stands for", show: (r) => <span className="mono">{String(r.config.target ?? "")}</span> }],
          }}
        />
      ) : null}
      {tab === "use-cases" ? (
        <Named
          of={{
            path: "use-cases", section: "use_cases", title: "Use cases", one: "use case", changing: "routes:change",
            empty: "What applications ask for as use-case/NAME where they leave the choice of the model to the gateway. The usual ones are there without being listed.",
            removal: "The one that comes with the gateway is back, where there is one of this name.",
            start: { targets: [] },
            upper: ["targets", "requires", "prefer"],
            columns: [
              { name: "Deployments", show: (r) => <span className="small">{((r.config.targets as string[] | undefined) ?? []).join(", ") || "whatever can do it"}</span> },
              { name: "Prefers", show: (r) => String(r.config.prefer ?? "cheap") },
            ],
          }}
        />
      ) : null}
    </>
  );
}

function Routes() {
  const { may } = useSession();
  const [open, setOpen] = useState<{ name: string | null; managed: string } | null>(null);
  const routes = useAsk(["routes"], () => got(api.GET("/api/v1/routes", {})), 10);
  return (
    <>
      {may("routes:change") ? <div className="row"><Button look="primary" onClick={() => setOpen({ name: null, managed: "database" })}>New route</Button></div> : null}
      <Panel title="In force" flush>
        <Loaded error={routes.error} loading={routes.isLoading} retry={() => void routes.mutate()}>
          <Table
            label="Routes"
            rows={routes.data?.data ?? []}
            id={(r) => `${r.kind} ${r.name}`}
            open={(r) => (r.kind === "route" ? setOpen({ name: r.name, managed: r.managed_by }) : undefined)}
            empty={<Empty title="No routes yet"><span>Without any, models are called as provider/model. Make one here or in headgate.yaml; it is in force within a second.</span></Empty>}
            columns={[
              { name: "Name", show: (r) => <strong>{r.name}</strong> },
              { name: "Kind", show: (r) => r.kind },
              { name: "Deployments", show: (r) => <span className="small">{r.targets.map((t) => String(t.target)).join(", ")}</span> },
              { name: "Strategy", show: (r) => <span className="small">{r.strategy.map((s) => String(s.kind)).join(", then ") || "in order"}</span> },
              { name: "Fallback", show: (r) => r.fallback ?? "–" },
              { name: "Managed by", show: (r) => <span className="tag">{r.managed_by}{r.version ? ` v${r.version}` : ""}{r.platform ? ", set by the platform" : ""}</span> },
            ]}
          />
        </Loaded>
      </Panel>
      <Explain />
      {open ? <RouteEditor name={open.name} managed={open.managed} may={may("routes:change")} close={() => setOpen(null)} done={() => again(routes.mutate)} /> : null}
    </>
  );
}

function Explain() {
  const [model, setModel] = useState("sandbox/chat");
  const [prompt, setPrompt] = useState("");
  const [told, setTold] = useState<Schema["Explained"] | null>(null);
  const [busy, run] = useAction();
  return (
    <Panel title="What would become of a call">
      <div className="stack">
        <div className="grid2">
          <Field label="Model or route">{() => <ModelInput label="Model or route" value={model} onChange={setModel} />}</Field>
          <Field label="Prompt" hint="Where the route looks at it.">{(id) => <input id={id} value={prompt} onChange={(e) => setPrompt(e.target.value)} />}</Field>
        </div>
        <div><Button look="primary" busy={busy} onClick={() => void run(async () => setTold((await got(api.POST("/api/v1/routes/explain", { body: { model, body: prompt ? { messages: [{ role: "user", content: prompt }] } : {} } as never }))) ?? null))}>Explain</Button> <span className="muted small">Nobody is called, nothing is held.</span></div>
        {told ? (
          <>
            <p>{told.refused ? <Badge tone="bad">{told.refused}</Badge> : told.reason}</p>
            <Table
              label="Candidates"
              rows={told.candidates}
              id={(c) => String(c.target)}
              columns={[
                { name: "Deployment", show: (c) => <span className="mono">{String(c.target)}</span> },
                { name: "Verdict", show: (c) => <Status of={String(c.act)} /> },
                { name: "By", show: (c) => <span className="muted">{[c.rule, c.reason].filter(Boolean).join(": ")}</span> },
                { name: "Score", num: true, show: (c) => (c.score == null ? "–" : Number(c.score).toPrecision(3)) },
                { name: "Held at most", num: true, show: (c) => money(c.hold_usd as string | null | undefined) },
              ]}
            />
          </>
        ) : null}
      </div>
    </Panel>
  );
}
