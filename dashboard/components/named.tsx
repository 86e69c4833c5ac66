"use client";

// A page for things that are configured by name, in the file or here: a list, an editor, and every version.

import { useState } from "react";
import type { ReactNode } from "react";
import { SchemaForm, kindsOf, plain, shared, useSchema } from "./schemaform";
import type { Config, Node } from "./schemaform";
import { Source, drafted, useDraft } from "./source";
import { Button, Confirm, Dialog, Empty, Field, Loaded, Panel, Segment, Select, Table, Time, useAction } from "./ui";
import type { Column } from "./ui";
import { Versions } from "./versions";
import { json, raw } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { useSession } from "@/lib/session";
import { again, useAsk } from "@/lib/use";

export type Shown = Schema["Shown"] & { config: Config };
export type NamedThing = {
  /** Below /api/v1, and the section of the configuration file. */
  path: string;
  section: string;
  title: string;
  one: string;
  /** What changing them takes. */
  changing: string;
  /** The kinds and their fields, where they are not in the schema of the configuration. */
  kinds?: Map<string, Node>;
  empty: ReactNode;
  removal: string;
  columns: readonly Column<Shown>[];
  start: Config;
  /** It is a single text in the file. */
  text?: boolean;
  /** Fields that every kind has and that stand above the fold all the same. */
  upper?: readonly string[];
  /** What stands below the form: a way to try what it says. */
  extra?: (config: Config, name: string | null) => ReactNode;
  /** What stands below the list; `make` opens the editor of a new one with this in it. */
  below?: (make: (name: string, config: Config) => void, names: readonly string[]) => ReactNode;
};

type Draft = { name: string; config: Config };

/** What is a single text in the file, as an alias is, is given as its target. */
export function useNamed(path: string) {
  return useAsk([path], async () => {
    const { data } = await json<{ data: (Schema["Shown"] & { config: Config | string })[] }>(`/api/v1/${path}`);
    return { data: data.map((one): Shown => (typeof one.config === "string" ? { ...one, config: { target: one.config } } : { ...one, config: one.config })) };
  });
}

export function Named({ of: thing }: { of: NamedThing }) {
  const { may } = useSession();
  const [open, setOpen] = useState<Shown | Draft | null>(null);
  const found = useNamed(thing.path);
  const change = may(thing.changing);
  return (
    <>
      {change ? <div className="row"><Button look="primary" onClick={() => setOpen({ name: "", config: thing.start })}>New {thing.one}</Button></div> : null}
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Table<Shown>
            label={thing.title}
            rows={found.data?.data ?? []}
            id={(r) => `${r.shared} ${r.name}`}
            open={setOpen}
            empty={<Empty title={`No ${thing.title.toLowerCase()} yet`}><span>{thing.empty}</span></Empty>}
            columns={[
              { name: "Name", show: (r) => <strong>{r.name}</strong> },
              ...thing.columns,
              { name: "Managed by", show: (r) => <span className="tag">{r.managed_by}{r.version ? ` v${r.version}` : ""}{r.shared && r.managed_by !== "file" ? ", all tenants" : ""}{r.platform ? ", set by the platform" : ""}</span> },
              { name: "Changed", show: (r) => <Time at={r.updated_at} /> },
            ]}
          />
        </Loaded>
      </Panel>
      {thing.below?.((name, config) => setOpen({ name, config }), (found.data?.data ?? []).map((one) => one.name))}
      {open ? <Editor key={"managed_by" in open ? `${open.name} ${open.version}` : `new ${open.name}`} thing={thing} was={"managed_by" in open ? open : null} draft={open} may={change} close={() => setOpen(null)} done={() => { setOpen(null); again(found.mutate); }} /> : null}
    </>
  );
}

type View = "form" | "yaml" | "versions";

function Editor({ thing, was, draft, may, close, done }: { thing: NamedThing; was: Shown | null; draft: Draft; may: boolean; close: () => void; done: () => void }) {
  const fixed = was?.managed_by === "file" || !may;
  // What was found and nobody configured is neither removed nor has versions; saving it makes one of its name.
  const found = was?.managed_by === "found";
  const [view, setView] = useState<View>("form");
  const [name, setName] = useState(draft.name);
  const [edited, setEdited] = useDraft(draft.config);
  const [note, setNote] = useState("");
  const [tried, setTried] = useState(false);
  const [busy, run] = useAction();
  const change = (to: typeof edited) => { setEdited(to); setTried(false); };
  const config = edited.wrong ? null : edited.config;
  const path = `${thing.path}/${encodeURIComponent(name)}`;
  const send = (dry: boolean) =>
    raw(`/api/v1/${was ? path : thing.path}`, {
      method: was ? "PUT" : "POST",
      headers: { "content-type": "application/json", ...(was?.etag && !dry ? { "if-match": was.etag } : {}) },
      body: JSON.stringify({ ...(was ? {} : { name }), config, note, dry_run: dry }),
    });
  const views = [["form", "Form"], ...(thing.text ? [] : [["yaml", "YAML"] as const]), ...(was && was.managed_by !== "file" && !found ? [["versions", "Versions"] as const] : [])] as const;
  return (
    <Dialog
      title={was ? `${was.name}` : `New ${thing.one}`}
      wide
      open
      close={close}
      submit={fixed ? undefined : () => run(async () => { await send(false); done(); }, "In force within a second.")}
      footer={
        <>
          {was && !fixed && !found ? <Confirm name="Remove" title={`Remove ${was.name}`} consequence={thing.removal} act={async () => { await raw(`/api/v1/${path}`, { method: "DELETE" }); done(); }} /> : null}
          <span className="grow" />
          <Button onClick={close}>Close</Button>
          {fixed || view === "versions" ? null : <><Button busy={busy} disabled={!config} onClick={() => void run(async () => { await send(true); setTried(true); })}>Check</Button><Button type="submit" look="primary" busy={busy} disabled={!config}>Save</Button></>}
        </>
      }
    >
      {was?.managed_by === "file" ? <div className="note-box warn">This stands in the configuration file, which is taken up within a second of being changed. <span className="mono">headgate config adopt {was.name}</span> moves it here.</div> : null}
      <Segment label="View" options={views} value={view} onChange={(to) => setView(to as View)} />
      {view === "versions" ? <Versions path={path} done={done} /> : null}
      {view === "form" ? (
        <>
          {was ? null : <Field label="Name">{(id) => <input id={id} required value={name} onChange={(e) => setName(e.target.value)} autoFocus />}</Field>}
          {config ? <fieldset className="bare stack" disabled={fixed}><Fields thing={thing} config={config} set={(to) => change(drafted(to))} /></fieldset> : <p className="muted">What the YAML view has cannot be read: mend it there.</p>}
        </>
      ) : null}
      {view === "yaml" ? <Source draft={edited} set={change} section={thing.section} name={name} fixed={fixed} /> : null}
      {fixed || view === "versions" ? null : <Field label="Note" hint="Why, for who reads the versions later.">{(id) => <input id={id} value={note} onChange={(e) => setNote(e.target.value)} />}</Field>}
      {tried ? <div className="note-box" role="status">It is valid, and could be saved.</div> : null}
      {config && view !== "versions" ? thing.extra?.(config, was?.name ?? null) : null}
    </Dialog>
  );
}

function Fields({ thing, config, set }: { thing: NamedThing; config: Config; set: (config: Config) => void }) {
  const doc = useSchema();
  if (!doc) return <Loaded loading>{null}</Loaded>;
  const kinds = thing.kinds ?? kindsOf(thing.section, doc);
  if (!kinds.size) {
    const entry = doc.properties?.[thing.section]?.additionalProperties;
    const node = plain(typeof entry === "object" ? entry : undefined, doc);
    if (node.type === "string") return <Field label="Stands for" hint={node.description ?? "A route, or provider/model."}>{(id) => <input id={id} required className="code" value={String(config.target ?? "")} onChange={(e) => set({ target: e.target.value })} />}</Field>;
    return <SchemaForm node={node} doc={doc} value={config} set={set} first={thing.upper ? (name) => thing.upper?.includes(name) ?? false : undefined} />;
  }
  const kind = String(config.kind ?? "");
  const node = kinds.get(kind);
  const common = shared(kinds.values());
  return (
    <>
      <Field label="Kind" hint={node?.description?.replaceAll("`", "")}>
        {(id) => <Select id={id} value={kind} onChange={(e) => set({ ...Object.fromEntries(Object.entries(config).filter(([name]) => common.has(name))), kind: e.target.value })} options={[...(node ? [] : [[kind, kind || "choose one"] as const]), ...kinds.keys()]} />}
      </Field>
      {node ? <SchemaForm key={kind} node={node} doc={doc} value={config} set={set} first={(name) => !common.has(name) || (thing.upper?.includes(name) ?? false)} /> : null}
    </>
  );
}
