"use client";

// A form from the schema of the configuration: a kind or a setting that the gateway learns has its field here by itself.

import { useState } from "react";
import type { ReactNode } from "react";
import { Field, Select } from "./ui";
import { json } from "@/lib/api";
import { useAsk } from "@/lib/use";

export type Node = { $ref?: string; type?: string; const?: unknown; enum?: unknown[]; anyOf?: Node[]; items?: Node; properties?: Record<string, Node>; additionalProperties?: Node | boolean; required?: string[]; default?: unknown; description?: string; minimum?: number; maximum?: number; pattern?: string };
export type Document = Node & { $defs: Record<string, Node> };
export type Config = Record<string, unknown>;

export function useSchema(): Document | undefined {
  return useAsk(["config schema"], () => json<Document>("/api/v1/config/schema")).data;
}

/** What a node comes to: references followed, `null` and `${VARIABLE}` passed over. */
export function plain(node: Node | undefined, doc: Document): Node {
  if (!node) return {};
  if (node.$ref) return { ...plain(doc.$defs[node.$ref.split("/").pop() ?? ""], doc), ...(node.description ? { description: node.description } : {}) };
  if (!node.anyOf) return node;
  const ways = node.anyOf.filter((one) => one.type !== "null" && !one.pattern?.startsWith("\\$"));
  const first = ways.find((one) => one.enum || one.type !== "object") ?? ways[0];
  return { ...plain(first, doc), description: node.description, default: node.default };
}

/** The kinds of a section whose entries name one, with the fields of each. */
export function kindsOf(section: string, doc: Document): Map<string, Node> {
  const entries = doc.properties?.[section]?.additionalProperties;
  return kindsIn(typeof entries === "object" ? entries : undefined, doc);
}

/** The kinds that an entry can be of. */
export function kindsIn(entry: Node | undefined, doc: Document): Map<string, Node> {
  const ways = entry ? (entry.anyOf ?? [entry]) : [];
  const found = ways.map((one) => plain(one, doc)).filter((one) => typeof one.properties?.kind?.const === "string");
  return new Map(found.map((one) => [String(one.properties?.kind?.const), one]));
}

/** Names of the fields that every one of these has. */
export function shared(of: Iterable<Node>): Set<string> {
  const all = [...of].map((one) => Object.keys(one.properties ?? {}));
  return new Set((all[0] ?? []).filter((name) => all.every((names) => names.includes(name))));
}

export function SchemaForm({ node, doc, value, set, first, hidden = [], label }: { node: Node; doc: Document; value: Config; set: (value: Config) => void; first?: (name: string) => boolean; hidden?: readonly string[]; label?: string }) {
  const names = Object.keys(node.properties ?? {}).filter((name) => !hidden.includes(name) && node.properties?.[name]?.const === undefined);
  const put = (name: string) => (given: unknown) => {
    const rest = Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
    set(given === undefined ? rest : { ...rest, [name]: given });
  };
  const one = (name: string) => <One key={name} name={name} node={node.properties?.[name] ?? {}} doc={doc} value={value[name]} set={put(name)} required={node.required?.includes(name)} />;
  const upper = names.filter((name) => !first || first(name) || node.required?.includes(name));
  const more = names.filter((name) => !upper.includes(name));
  const told = more.filter((name) => value[name] !== undefined);
  return (
    <>
      {upper.map(one)}
      {more.length ? <details open={told.length > 0 || undefined}><summary>{label ?? "More settings"}</summary><div className="stack inset">{more.map(one)}</div></details> : null}
    </>
  );
}

function One({ name, node, doc, value, set, required }: { name: string; node: Node; doc: Document; value: unknown; set: (value: unknown) => void; required?: boolean }) {
  const what = plain(node, doc);
  const preset = node.default ?? what.default;
  const hint = said(what.description);
  const title = name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
  if (what.type === "boolean" || what.enum?.includes(true)) {
    return <label className="row"><input type="checkbox" checked={Boolean(value ?? preset)} onChange={(e) => set(e.target.checked === Boolean(preset) ? undefined : e.target.checked)} />{title}<span className="muted small">{hint}</span></label>;
  }
  const items = what.type === "array" ? plain(what.items, doc) : {};
  if (items.enum) return <Many title={title} hint={hint} options={items.enum.map(String)} value={(value ?? preset ?? []) as string[]} set={set} />;
  return (
    <Field label={title} hint={hint}>
      {(id) => {
        if (what.enum) return <Select id={id} value={String(value ?? preset ?? "")} onChange={(e) => set(e.target.value === String(preset ?? "") ? undefined : e.target.value)} options={[...(preset == null ? [["", "–"] as const] : []), ...what.enum.map((one) => [String(one ?? ""), String(one ?? "") || "–"] as const)]} />;
        if (what.type === "number" || what.type === "integer") return <Decimal id={id} required={required} placeholder={preset == null ? "" : String(preset)} value={value} set={set} />;
        if (what.type === "string") return <input id={id} required={required} placeholder={preset == null ? "" : String(preset)} value={String(value ?? "")} onChange={(e) => set(e.target.value || undefined)} />;
        if (items.type === "string") return <textarea id={id} className="code short" placeholder="one in each line" defaultValue={((value ?? []) as string[]).join("\n")} onChange={(e) => set(lines(e.target.value))} />;
        return <Json id={id} value={value} set={set} />;
      }}
    </Field>
  );
}

function Many({ title, hint, options, value, set }: { title: string; hint?: ReactNode; options: string[]; value: string[]; set: (value: unknown) => void }) {
  return (
    <fieldset className="bare">
      <legend className="small muted">{title}</legend>
      <div className="checks">
        {options.map((name) => (
          <label key={name} className="row small"><input type="checkbox" checked={value.includes(name)} onChange={(e) => { const now = e.target.checked ? [...value, name] : value.filter((one) => one !== name); set(now.length ? now : undefined); }} />{name}</label>
        ))}
      </div>
      {hint ? <span className="small muted">{hint}</span> : null}
    </fieldset>
  );
}

function Json({ id, value, set }: { id: string; value: unknown; set: (value: unknown) => void }) {
  return (
    <textarea
      id={id}
      className="code short"
      placeholder="JSON"
      defaultValue={value === undefined ? "" : JSON.stringify(value, null, 2)}
      onChange={(e) => {
        e.target.setCustomValidity("");
        if (!e.target.value.trim()) { set(undefined); return; }
        try { set(JSON.parse(e.target.value)); } catch { e.target.setCustomValidity("This is no JSON."); }
      }}
    />
  );
}

/** A number as it is typed: `0.` and `0.0` are on the way to one. */
function Decimal({ id, required, placeholder, value, set }: { id: string; required?: boolean; placeholder: string; value: unknown; set: (value: unknown) => void }) {
  const [text, setText] = useState(String(value ?? ""));
  const take = (typed: string) => {
    setText(typed);
    const number = Number(typed);
    set(typed.trim() === "" ? undefined : Number.isNaN(number) ? typed : number);
  };
  return <input id={id} required={required} inputMode="decimal" placeholder={placeholder} value={text} onChange={(e) => take(e.target.value)} />;
}

function lines(text: string): string[] | undefined {
  const found = text.split("\n").map((line) => line.trim()).filter(Boolean);
  return found.length ? found : undefined;
}

/** A description in plain words: its marks of code are left out. */
function said(text: string | undefined): string | undefined {
  return text?.replaceAll("`", "");
}
