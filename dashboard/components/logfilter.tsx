"use client";

// What the log can be asked for: the usual filters in sight, the others a click away.

import { useNames } from "./form";
import { Button, Field, Select } from "./ui";
import { useSession } from "@/lib/session";
import { SPANS } from "@/lib/use";
import type { Span } from "@/lib/use";

type Choice = string | readonly [string, string];
type One = { name: string; label: string; hint?: string; choices?: readonly Choice[]; of?: readonly [path: string, permission: string]; numeric?: boolean };

const FIRST: readonly One[] = [
  { name: "status", label: "Status", choices: [["", "any"], ["success", "success"], ["fallback", "fallback: another answered"], ["failure", "failure"]] },
  { name: "model", label: "Model", hint: "exact name" },
  { name: "provider", label: "Provider", hint: "exact name" },
  { name: "key_id", label: "Key", of: ["config/virtual-keys", "api_keys:view"] },
  { name: "contains", label: "In the record", hint: "an error's words, an id" },
];
const MORE: readonly One[] = [
  { name: "text", label: "In prompt or answer", hint: "words of what was kept" },
  { name: "tried", label: "Was asked", hint: "provider or provider/model" },
  { name: "outcome", label: "Error, of an attempt too", hint: "upstream_connect_error" },
  { name: "billed", label: "Cost rests on", choices: [["", "any"], "usage", "estimated", "uncertain"] },
  { name: "route", label: "Route", hint: "exact name" },
  { name: "model_requested", label: "Asked for", hint: "as it was named" },
  { name: "code", label: "Error code", hint: "rate_limit_exceeded" },
  { name: "app_id", label: "App", of: ["apps", "apps:view"] },
  { name: "team_id", label: "Team", of: ["teams", "teams:view"] },
  { name: "user_id", label: "User", of: ["users", "users:view"] },
  { name: "end_user", label: "End user", hint: "exact" },
  { name: "tags", label: "Tags", hint: "all of these, with commas" },
  { name: "surface", label: "Surface", hint: "openai" },
  { name: "guard", label: "Guardrail did", choices: [["", "any"], "block", "reroute", "reask", "mask", "flag", ["not_run", "not run"], "allow"] },
  { name: "cache", label: "Cache", choices: [["", "any"], "hit", "miss", "stored", "refused", "bypass"] },
  { name: "min_cost", label: "Cost of at least, USD", numeric: true },
  { name: "min_ms", label: "Took at least, ms", numeric: true },
];
export const FILTERS = [...FIRST, ...MORE].map((one) => one.name);
export type Filter = Record<string, string>;

export function LogFilter({ filter, set, span, setSpan }: { filter: Filter; set: (filter: Filter) => void; span: Span; setSpan: (span: Span) => void }) {
  const hidden = MORE.filter((one) => filter[one.name]).length;
  const input = (one: One) => <Input key={one.name} of={one} value={filter[one.name] ?? ""} set={(value) => set({ ...filter, [one.name]: value })} />;
  return (
    <>
      <div className="filters">
        <Field label="Time">{(id) => <Select id={id} value={span} onChange={(e) => setSpan(e.target.value as Span)} options={SPANS} />}</Field>
        {FIRST.map(input)}
        {Object.values(filter).some(Boolean) ? <Button look="plain" onClick={() => set({})}>Clear</Button> : null}
      </div>
      <details open={hidden > 0 || undefined}>
        <summary>More filters{hidden ? ` (${hidden} set)` : ""}</summary>
        <div className="filters inset">{MORE.map(input)}</div>
      </details>
    </>
  );
}

function Input({ of: one, value, set }: { of: One; value: string; set: (value: string) => void }) {
  const { may } = useSession();
  const names = useNames(one.of && may(one.of[1]) ? one.of[0] : null);
  const choices: readonly Choice[] | undefined = names.size ? [["", "any"], ...names, ...(value && !names.has(value) ? [[value, value] as const] : [])] : one.choices;
  return (
    <Field label={one.label}>
      {(id) => choices
        ? <Select id={id} value={value} onChange={(e) => set(e.target.value)} options={choices} />
        : <input id={id} value={value} inputMode={one.numeric ? "decimal" : undefined} onChange={(e) => set(e.target.value)} placeholder={one.hint ?? "any"} />}
    </Field>
  );
}
