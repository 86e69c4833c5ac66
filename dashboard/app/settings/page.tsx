"use client";

import { useState } from "react";
import { Keeping } from "@/components/keeping";
import { plain, useSchema } from "@/components/schemaform";
import type { Document } from "@/components/schemaform";
import { Badge, Empty, Field, Head, Loaded, Panel, Segment, Snippet, Table, Tabs } from "@/components/ui";
import type { Tone } from "@/components/ui";
import { PREFIX, json } from "@/lib/api";
import { useSession } from "@/lib/session";
import { useAsk } from "@/lib/use";

type Setting = { name: string; variable: string; value: string | null; default: string | null; source: string; help: string };
type Origin = { section: string; name: string; version: number; shared: boolean; updated_at: number };
type Origins = { file: string | null; lines: Record<string, number>; objects: Origin[]; settings: Setting[] };
type Line = { path: string; value: string; from: string; tone: Tone; about?: string };
type Tab = "config" | "process" | "whole" | "kept";

const SOURCES: Record<string, Tone> = { environment: "info", "command line": "info", default: "" };

export default function Settings() {
  const { may } = useSession();
  const [tab, setTab] = useState<Tab>("config");
  const config = useAsk(["config"], () => json<Record<string, unknown>>("/api/v1/config"), 10);
  const origins = useAsk(["origins"], () => json<Origins>("/api/v1/config/origins"), 10);
  const doc = useSchema();
  const error = config.error ?? origins.error;
  return (
    <>
      <Head title="Settings">
        What is in force, and where each value came from. Credentials are masked. <a href={`${PREFIX}/docs`}>All operations of the API</a>
      </Head>
      <Tabs<Tab> label="Settings" options={[["config", "Configuration"], ...(origins.data?.settings.length ? [["process", "Process"] as const] : []), ["whole", "As one document"], ...(may("tenants:view") ? [["kept", "What is kept"] as const] : [])]} value={tab} onChange={setTab} />
      <Loaded error={error} loading={!config.data || !origins.data} retry={() => { void config.mutate(); void origins.mutate(); }}>
        {tab === "config" ? <Configuration of={config.data ?? {}} origins={origins.data as Origins} doc={doc} /> : null}
        {tab === "process" ? <Process of={origins.data?.settings ?? []} /> : null}
        {tab === "whole" ? <Panel><Snippet text={JSON.stringify(config.data, null, 2)} /></Panel> : null}
        {tab === "kept" ? <Keeping /> : null}
      </Loaded>
    </>
  );
}

function Configuration({ of: config, origins, doc }: { of: Record<string, unknown>; origins: Origins; doc: Document | undefined }) {
  const [search, setSearch] = useState("");
  const [which, setWhich] = useState<"said" | "all">("said");
  const all = [...said(config, origins, doc), ...(which === "all" && doc ? left(config, doc) : [])];
  const rows = all.filter((one) => `${one.path} ${one.value} ${one.from}`.toLowerCase().includes(search.toLowerCase()));
  return (
    <>
      <div className="filters">
        <Field label="Find">{(id) => <input id={id} type="search" value={search} onChange={(e) => setSearch(e.target.value)} placeholder="a setting or a value" />}</Field>
        <Segment label="Which" options={[["said", "What was said"], ["all", "Defaults too"]]} value={which} onChange={setWhich} />
        <span className="muted small">{origins.file ? <>File: <span className="mono">{origins.file}</span></> : Object.keys(origins.lines).length ? "The configuration file" : "There is no configuration file"}; a change of it is in force within a second.</span>
      </div>
      <Panel flush>
        <Table<Line>
          label="Configuration"
          rows={rows}
          id={(r) => r.path}
          empty={<Empty title={search ? "Nothing fits" : "Nothing was said: all is as it comes"}><span>{search ? "Clear the search." : "Without a file, providers are found by the usual environment variables. Routes and guardrails that are made on these pages appear here as well."}</span></Empty>}
          columns={[
            { name: "Setting", show: (r) => <><span className="mono">{r.path}</span>{r.about ? <div className="muted small prose">{r.about}</div> : null}</> },
            { name: "Value", show: (r) => <span className="mono wrap">{r.value}</span> },
            { name: "From", show: (r) => <Badge tone={r.tone}>{r.from}</Badge> },
          ]}
        />
      </Panel>
    </>
  );
}

/** What file and API say, a line for each value that is no section. */
function said(config: Record<string, unknown>, origins: Origins, doc: Document | undefined): Line[] {
  const rows: Line[] = [];
  const api = new Map(origins.objects.map((one) => [`${one.section}.${one.name}`, one]));
  for (const [section, value] of Object.entries(config)) {
    if (!isMap(value)) {
      rows.push(line(section, value, origins, api, doc?.properties?.[section]?.description));
      continue;
    }
    for (const [name, inner] of Object.entries(value)) {
      if (api.has(`${section}.${name}`) || !isMap(inner)) rows.push(line(`${section}.${name}`, inner, origins, api));
      else for (const [field, last] of Object.entries(inner)) rows.push(line(`${section}.${name}.${field}`, last, origins, api));
    }
  }
  for (const one of origins.objects) {
    const path = `${one.section}.${one.name}`;
    if (!rows.some((row) => row.path === path)) rows.push({ path, value: "this tenant's own", from: `API, version ${one.version}`, tone: "info" });
  }
  return rows;
}

function line(path: string, value: unknown, origins: Origins, api: Map<string, Origin>, about?: string): Line {
  const made = api.get(path);
  if (made) return { path, value: text(value), from: `API, version ${made.version}`, tone: "info" };
  const at = [path, path.split(".").slice(0, 2).join("."), path.split(".")[0] ?? ""].map((one) => origins.lines[one]).find((one) => one !== undefined);
  return { path, value: text(value), from: at === undefined ? "default" : `file, line ${at}`, tone: at === undefined ? "" : "good", about };
}

/** What nobody said: the defaults of the sections that are one thing each. */
function left(config: Record<string, unknown>, doc: Document): Line[] {
  const rows: Line[] = [];
  for (const [section, node] of Object.entries(doc.properties ?? {})) {
    const what = plain(node, doc);
    if (!what.properties) {
      if (config[section] === undefined && what.type !== "object") rows.push({ path: section, value: text(node.default ?? what.default), from: "default", tone: "", about: node.description?.replaceAll("`", "") });
      continue;
    }
    for (const [name, field] of Object.entries(what.properties)) {
      if ((config[section] as Record<string, unknown> | undefined)?.[name] === undefined) rows.push({ path: `${section}.${name}`, value: text(field.default ?? plain(field, doc).default), from: "default", tone: "", about: field.description?.replaceAll("`", "") });
    }
  }
  return rows;
}

function Process({ of: settings }: { of: Setting[] }) {
  return (
    <Panel flush>
      <Table<Setting>
        label="Settings of the process"
        rows={[...settings].sort((a, b) => Number(a.source === "default") - Number(b.source === "default"))}
        id={(s) => s.name}
        columns={[
          { name: "Setting", show: (s) => <><strong>{s.name.replaceAll("_", " ")}</strong><div className="muted small prose">{s.help}</div></> },
          { name: "Value", show: (s) => <span className="mono wrap">{s.value ?? <span className="muted">not set</span>}</span> },
          { name: "From", show: (s) => <Badge tone={SOURCES[s.source] ?? ""}>{s.source === "environment" ? s.variable : s.source}</Badge> },
          { name: "Variable", show: (s) => <span className="mono muted">{s.variable}</span> },
        ]}
      />
      <p className="body muted small">These are read once, at the start: change them and start the gateway again.</p>
    </Panel>
  );
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return value === undefined || value === null ? "–" : typeof value === "string" ? value : JSON.stringify(value);
}
