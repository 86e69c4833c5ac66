"use client";

// A form from a list of its fields: the same for making and changing whatever the gateway keeps.

import { MatchFields } from "./match";
import { Field, Select } from "./ui";
import { json } from "@/lib/api";
import { useAsk } from "@/lib/use";

export type FieldOf = {
  name: string;
  label: string;
  kind: "text" | "list" | "switch" | "limits" | "budgets" | "select" | "number" | "json" | "secret" | "ref" | "permissions" | "time" | "match";
  hint?: string;
  required?: boolean;
  /** Set when it is made, and never after. */
  once?: boolean;
  options?: readonly (string | readonly [string, string])[];
  /** Where the choices of a `ref` are listed, below /api/v1. */
  of?: string | ((values: Values) => string);
  start?: unknown;
};
export type Values = Record<string, unknown>;

const WINDOWS = [["day", "each day"], ["week", "each week"], ["month", "each month"], ["total", "in total"]] as const;
const RATES = [["rps", "Requests a second"], ["rpm", "Requests a minute"], ["tpm", "Tokens a minute"], ["concurrency", "At once"]] as const;

/** What a form begins with. */
export function blank(fields: readonly FieldOf[]): Values {
  return Object.fromEntries(fields.map((f) => [f.name, f.start ?? (f.kind === "switch" ? true : f.kind === "json" ? "{}" : nothing(f))]));
}

function nothing(f: FieldOf): unknown {
  if (f.kind === "list" || f.kind === "permissions" || f.kind === "budgets") return [];
  return f.kind === "limits" || f.kind === "match" ? {} : f.kind === "switch" ? false : "";
}

/** What the form shows of a thing as the gateway has it. */
export function shown(fields: readonly FieldOf[], of: Values): Values {
  return Object.fromEntries(fields.map((f) => [f.name, f.kind === "json" ? JSON.stringify(of[f.name] ?? {}, null, 2) : (of[f.name] ?? nothing(f))]));
}

/** What is sent: empty texts are nothing, numbers are numbers. Throws for JSON that is none. */
export function sent(fields: readonly FieldOf[], values: Values, before?: Values): Values {
  const body: Values = {};
  for (const f of fields) {
    if (before && f.once) continue;
    let value = values[f.name];
    if (f.kind === "number") value = value === "" || value == null ? null : Number(value);
    if (f.kind === "json") value = JSON.parse(String(value || "{}"));
    if (f.kind === "limits") value = Object.fromEntries(Object.entries(value as Values).map(([k, v]) => [k, v === "" || v == null ? null : Number(v)]));
    if (f.kind === "budgets") value = (value as Budget[]).filter((b) => b.usd.trim());
    if ((f.kind === "text" || f.kind === "time" || f.kind === "ref" || f.kind === "select" || f.kind === "secret") && value === "") value = null;
    if (before && JSON.stringify(value ?? null) === JSON.stringify(before[f.name] ?? null)) continue;
    if (!before && value == null) continue;
    if (f.kind === "secret" && value == null) continue;
    body[f.name] = value;
  }
  return body;
}

export function Form({ fields, values, set, making }: { fields: readonly FieldOf[]; values: Values; set: (values: Values) => void; making: boolean }) {
  return (
    <>
      {fields.filter((f) => making || !f.once).map((f) => (
        <One key={f.name} field={f} all={values} value={values[f.name]} set={(value) => set({ ...values, [f.name]: value })} />
      ))}
    </>
  );
}

function One({ field: f, all, value, set }: { field: FieldOf; all: Values; value: unknown; set: (value: unknown) => void }) {
  if (f.kind === "switch") {
    return <label className="row"><input type="checkbox" checked={!!value} onChange={(e) => set(e.target.checked)} />{f.label}{f.hint ? <span className="muted small">{f.hint}</span> : null}</label>;
  }
  if (f.kind === "limits") {
    const limits = (value ?? {}) as Values;
    return (
      <fieldset className="bare">
        <legend className="small muted">{f.label}</legend>
        <div className="grid2">
          {RATES.map(([name, text]) => (
            <Field key={name} label={text}>{(id) => <input id={id} inputMode="decimal" placeholder="no limit" value={String(limits[name] ?? "")} onChange={(e) => set({ ...limits, [name]: e.target.value })} />}</Field>
          ))}
        </div>
      </fieldset>
    );
  }
  if (f.kind === "budgets") return <Budgets label={f.label} hint={f.hint} value={(value as Budget[]) ?? []} set={set} />;
  if (f.kind === "match") return <MatchFields label={f.label} hint={f.hint} value={(value ?? {}) as Values} set={set} />;
  if (f.kind === "permissions") return <Permissions label={f.label} value={value as string[]} set={set} />;
  return (
    <Field label={f.label} hint={f.hint}>
      {(id) => {
        const text = Array.isArray(value) ? value.join(", ") : String(value ?? "");
        if (f.kind === "select") return <Select id={id} value={text} required={f.required} onChange={(e) => set(e.target.value)} options={f.options ?? []} />;
        if (f.kind === "ref") return <Ref id={id} of={typeof f.of === "function" ? f.of(all) : (f.of ?? "")} value={text} set={set} required={f.required} />;
        if (f.kind === "json") return <textarea id={id} className="code" value={text} onChange={(e) => set(e.target.value)} />;
        if (f.kind === "time") return <input id={id} type="datetime-local" value={text ? local(text) : ""} onChange={(e) => set(e.target.value ? new Date(e.target.value).toISOString() : "")} />;
        if (f.kind === "list") return <List id={id} value={(value as string[]) ?? []} set={set} />;
        return <input id={id} required={f.required} type={f.kind === "secret" ? "password" : "text"} autoComplete="off" inputMode={f.kind === "number" ? "decimal" : undefined} value={text} onChange={(e) => set(e.target.value)} />;
      }}
    </Field>
  );
}

function List({ id, value, set }: { id: string; value: string[]; set: (value: string[]) => void }) {
  return <input id={id} className="code" defaultValue={value.join(", ")} onChange={(e) => set(e.target.value.split(/[\s,]+/).filter(Boolean))} placeholder="with commas between" />;
}

type Budget = { usd: string; window: string };

/** One amount for each window: a key may have one of each. */
function Budgets({ label, hint, value, set }: { label: string; hint?: string; value: Budget[]; set: (value: Budget[]) => void }) {
  return (
    <fieldset className="bare">
      <legend className="small muted">{label}</legend>
      <div className="grid2">
        {WINDOWS.map(([window, text]) => (
          <Field key={window} label={`USD ${text}`}>
            {(id) => <input id={id} inputMode="decimal" placeholder="no budget" value={value.find((b) => b.window === window)?.usd ?? ""} onChange={(e) => set([...value.filter((b) => b.window !== window), { usd: e.target.value, window }])} />}
          </Field>
        ))}
      </div>
      {hint ? <span className="hint small muted">{hint}</span> : null}
    </fieldset>
  );
}

/** An instant as an input of local time has it. */
function local(at: string): string {
  const then = new Date(at);
  return new Date(then.getTime() - then.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

type Named = { id: string; name?: string; email?: string };

export function useNames(path: string | null): Map<string, string> {
  const found = useAsk(path ? ["names", path] : null, () => json<{ data: Named[] }>(`/api/v1/${path}${path?.includes("?") ? "&" : "?"}limit=200`));
  return new Map((found.data?.data ?? []).map((one) => [one.id, one.name || one.email || one.id]));
}

/** A choice of what is listed below a path; *none* is what no choice is called. */
export function Ref({ id, of, value, set, required, none = "none" }: { id: string; of: string; value: string; set: (value: string) => void; required?: boolean; none?: string }) {
  const names = useNames(of);
  const options: [string, string][] = [["", required ? "choose one" : none], ...names];
  if (value && !names.has(value)) options.push([value, value]);
  return <Select id={id} required={required} value={value} onChange={(e) => set(e.target.value)} options={options} />;
}

function Permissions({ label, value, set }: { label: string; value: string[]; set: (value: string[]) => void }) {
  const all = useAsk(["permissions"], () => json<{ permissions?: Record<string, string>; data?: { name: string; text: string }[] }>("/api/v1/permissions"));
  const list = all.data?.data?.map((one) => [one.name, one.text] as const) ?? Object.entries(all.data?.permissions ?? {});
  return (
    <fieldset className="bare">
      <legend className="small muted">{label}</legend>
      <div className="checks">
        {list.map(([name, text]) => (
          <label key={name} title={text} className="row small">
            <input type="checkbox" checked={value.includes(name)} onChange={(e) => set(e.target.checked ? [...value, name] : value.filter((one) => one !== name))} />
            <span className="mono">{name}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
