"use client";

// What a route asks of its calls besides where they go: guardrails, a cache, and whatever else the configuration knows.

import { Field, Select } from "./ui";
import { SchemaForm, kindsIn, plain, useSchema } from "./schemaform";
import type { Config, Document } from "./schemaform";
import { json } from "@/lib/api";
import { useSession } from "@/lib/session";
import { useAsk } from "@/lib/use";

const ABOVE = ["targets", "strategy", "fallback", "guardrails", "cache"] as const;

function useNamesOf(path: string, permission: string): string[] {
  const { may } = useSession();
  return (useAsk(may(permission) ? [path] : null, () => json<{ data: { name: string }[] }>(`/api/v1/${path}`)).data?.data ?? []).map((one) => one.name);
}

export function RouteMore({ config, set }: { config: Config; set: (config: Config) => void }) {
  const doc = useSchema();
  const chosen = Array.isArray(config.guardrails) ? (config.guardrails as string[]) : [];
  const guardrails = [...new Set([...useNamesOf("guardrails", "guardrails:view"), ...chosen])];
  const caches = useNamesOf("caches", "caches:view");
  const cache = typeof config.cache === "string" ? config.cache : "";
  const put = (name: string, value: unknown) => set(Object.fromEntries(Object.entries({ ...config, [name]: value }).filter(([, one]) => one !== undefined)));
  return (
    <>
      {doc ? <Strategies of={Array.isArray(config.strategy) ? (config.strategy as Config[]) : []} doc={doc} set={(strategy) => put("strategy", strategy)} /> : null}
      {guardrails.length ? (
        <fieldset className="bare">
          <legend className="small muted">Guardrails that look at its calls</legend>
          <div className="checks">
            {guardrails.map((name) => <label key={name} className="row small"><input type="checkbox" checked={chosen.includes(name)} onChange={(e) => { const now = e.target.checked ? [...chosen, name] : chosen.filter((one) => one !== name); put("guardrails", now.length ? now : undefined); }} />{name}</label>)}
          </div>
        </fieldset>
      ) : null}
      {caches.length ? <Field label="Cache" hint="Where answers are kept, to be given again.">{(id) => <Select id={id} value={cache} onChange={(e) => put("cache", e.target.value || undefined)} options={[["", "none"], ...caches, ...(cache && !caches.includes(cache) ? [cache] : [])]} />}</Field> : null}
      {doc ? <SchemaForm node={plain({ $ref: "#/$defs/RouteConfig" }, doc)} doc={doc} value={config} set={set} hidden={ABOVE} first={() => false} /> : null}
    </>
  );
}

/** The settings of the strategies that were chosen, each by its own schema. */
function Strategies({ of: strategies, doc, set }: { of: Config[]; doc: Document; set: (strategies: Config[]) => void }) {
  const kinds = kindsIn(doc.$defs.RouteConfig?.properties?.strategy?.items, doc);
  return (
    <>
      {strategies.map((one, n) => {
        const node = kinds.get(String(one.kind));
        if (!node || Object.keys(node.properties ?? {}).length < 2) return null;
        return (
          <details key={`${n} ${String(one.kind)}`} open={Object.keys(one).length > 1 || undefined}>
            <summary>Settings of {String(one.kind)}</summary>
            <div className="stack inset"><SchemaForm node={node} doc={doc} value={one} set={(to) => set(strategies.map((other, i) => (i === n ? to : other)))} /></div>
          </details>
        );
      })}
    </>
  );
}
