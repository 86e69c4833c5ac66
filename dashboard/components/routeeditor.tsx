"use client";

// A route that lives in the database: edited as a form or as YAML, tried before it is saved, with every version it had.

import { useState } from "react";
import { Button, Confirm, Dialog, Field, Loaded, Segment, useAction } from "./ui";
import { RouteMore } from "./routemore";
import { kindsIn, useSchema } from "./schemaform";
import { Source, drafted, useDraft } from "./source";
import { Versions } from "./versions";
import { ModelInput } from "./modelinput";
import { raw } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { useAsk } from "@/lib/use";

type Target = string | { model: string; [name: string]: unknown };
type Config = { targets?: Target[]; strategy?: { kind: string }[]; fallback?: string | null; [name: string]: unknown };

export function RouteEditor({ name, managed, may, close, done }: { name: string | null; managed: string; may: boolean; close: () => void; done: () => void }) {
  const found = useAsk(name ? ["route", name] : null, async () => {
    const response = await raw(`/api/v1/routes/${encodeURIComponent(name ?? "")}`);
    return { shown: (await response.json()) as Schema["Shown"], etag: response.headers.get("etag") };
  });
  if (name && (!found.data || found.isValidating)) return <Dialog title={name} open close={close} footer={<Button onClick={close}>Close</Button>}><Loaded error={found.error} loading={found.isLoading}>{null}</Loaded></Dialog>;
  return <Editor key={found.data?.etag ?? "new"} name={name} managed={managed} may={may} config={(found.data?.shown.config ?? { targets: ["sandbox/chat"] }) as Config} etag={found.data?.etag ?? null} close={close} done={() => { void found.mutate(); done(); }} />;
}

function Editor({ name, managed, may, config, etag, close, done }: { name: string | null; managed: string; may: boolean; config: Config; etag: string | null; close: () => void; done: () => void }) {
  const [as, setAs] = useState<"form" | "yaml" | "versions">("form");
  const [called, setCalled] = useState(name ?? "");
  const [draft, setDraft] = useDraft(ordered(config));
  const [note, setNote] = useState("");
  const [tried, setTried] = useState<string | null>(null);
  const [busy, run] = useAction();
  const doc = useSchema();
  const kinds = doc ? [...kindsIn(doc.$defs.RouteConfig?.properties?.strategy?.items, doc).keys()] : [];
  const fixed = managed === "file" || !may;
  const now = draft.config as Config;
  // What was typed as YAML need not be a list.
  const targets = list<Target>(now.targets);
  const strategy = list<{ kind: string }>(now.strategy).map((one) => ({ ...one, kind: String(one.kind).replaceAll("-", "_") }));
  const change = (to: typeof draft) => { setDraft(to); setTried(null); };
  const set = (more: Config) => change(drafted(strip({ ...now, ...more })));
  const send = (dry: boolean) =>
    raw(`/api/v1/routes${name ? `/${encodeURIComponent(name)}` : ""}`, {
      method: name ? "PUT" : "POST",
      headers: { "content-type": "application/json", ...(name && etag && !dry ? { "if-match": etag } : {}) },
      body: JSON.stringify({ ...(name ? {} : { name: called }), config: now, note, dry_run: dry }),
    });
  return (
    <Dialog
      title={name ? `Route ${name}` : "New route"}
      open
      close={close}
      submit={() => run(async () => { await send(false); done(); close(); }, "In force within a second.")}
      footer={
        <>
          {name && !fixed ? <Confirm name="Remove" title={`Remove ${name}`} consequence="Who asks for it is told that there is no such model." act={async () => { await raw(`/api/v1/routes/${encodeURIComponent(name)}`, { method: "DELETE" }); done(); close(); }} /> : null}
          <span className="grow" />
          <Button onClick={close}>Close</Button>
          {fixed || as === "versions" ? null : <><Button busy={busy} disabled={!!draft.wrong} onClick={() => void run(async () => { await send(true); setTried("It is valid, and could be saved."); })}>Try</Button><Button type="submit" look="primary" busy={busy} disabled={!!draft.wrong}>Save</Button></>}
        </>
      }
    >
      {managed === "file" ? <div className="note-box warn">This route stands in the configuration file, which is taken up within a second of being changed. <span className="mono">headgate config adopt {name}</span> moves it here.</div> : null}
      <Segment label="View" options={[["form", "Form"], ["yaml", "YAML"], ...(name && managed !== "file" ? [["versions", "Versions"] as const] : [])] as const} value={as} onChange={setAs} />
      {as === "form" && draft.wrong ? <p className="muted">What the YAML view has cannot be read: mend it there.</p> : as === "form" ? (
        <fieldset className="bare stack" disabled={fixed}>
          {name ? null : <Field label="Name" hint="What applications ask for.">{(id) => <input id={id} required value={called} onChange={(e) => setCalled(e.target.value)} placeholder="fast" />}</Field>}
          <div className="field">
            <span className="label">Deployments, tried from the top</span>
            {targets.map((target, n) => (
              <div key={n} className="row">
                <div className="grow"><ModelInput label={`Deployment ${n + 1}`} value={typeof target === "string" ? target : target.model} onChange={(model) => set({ targets: targets.map((one, i) => (i === n ? (typeof one === "string" ? model : { ...one, model }) : one)) })} /></div>
                <Button look="plain" aria-label="Up" disabled={n === 0} onClick={() => set({ targets: moved(targets, n) })}>↑</Button>
                <Button look="plain" aria-label="Remove" onClick={() => set({ targets: targets.filter((_, i) => i !== n) })}>✕</Button>
              </div>
            ))}
            <div><Button onClick={() => set({ targets: [...targets, ""] })}>Add a deployment</Button></div>
          </div>
          <div className="field">
            <span className="label">Strategies, the first counts most; without any, the order above</span>
            <div className="checks">
              {kinds.map((kind) => (
                <label key={kind} className="row small">
                  <input type="checkbox" checked={strategy.some((s) => s.kind === kind)} onChange={(e) => set({ strategy: e.target.checked ? [...strategy, { kind }] : strategy.filter((s) => s.kind !== kind) })} />{kind.replaceAll("_", " ")}
                </label>
              ))}
            </div>
          </div>
          <Field label="Fallback" hint="Another route, where all of these fail.">{(id) => <input id={id} value={now.fallback ?? ""} onChange={(e) => set({ fallback: e.target.value || null })} />}</Field>
          <RouteMore config={now} set={(to) => change(drafted(strip(to)))} />
        </fieldset>
      ) : as === "yaml" ? (
        <Source draft={draft} set={change} section="routes" name={called} fixed={fixed} />
      ) : (
        <Versions path={`routes/${encodeURIComponent(name ?? "")}`} done={() => { done(); close(); }} />
      )}
      {fixed || as === "versions" ? null : <Field label="Note" hint="Why, for who reads the versions later.">{(id) => <input id={id} value={note} onChange={(e) => setNote(e.target.value)} />}</Field>}
      {tried ? <div className="note-box" role="status">{tried}</div> : null}
    </Dialog>
  );
}

/** As people write it: where calls go comes first. */
function ordered(config: Config): Config {
  const { targets, strategy, fallback, ...rest } = config;
  return Object.fromEntries(Object.entries({ targets, strategy, fallback, ...rest }).filter(([, v]) => v !== undefined)) as Config;
}

function strip(config: Config): Config {
  return Object.fromEntries(Object.entries(config).filter(([, v]) => v != null && (!Array.isArray(v) || v.length))) as Config;
}

function moved(targets: Target[], n: number): Target[] {
  const all = [...targets];
  const one = all.splice(n, 1);
  all.splice(n - 1, 0, ...one);
  return all;
}

function list<T>(found: unknown): T[] {
  return Array.isArray(found) ? (found as T[]) : [];
}
