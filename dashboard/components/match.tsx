"use client";

// Which calls a budget counts: those for which all of these are so.

import { Field } from "./ui";
import { Ref } from "./form";
import { useSession } from "@/lib/session";

const LISTED = [["team", "Team", "teams", "teams:view"], ["app", "App", "apps", "apps:view"], ["user", "User", "users", "users:view"], ["key", "Key", "config/virtual-keys", "api_keys:view"]] as const;
const TYPED = [["model", "Model", "provider/model"], ["provider", "Provider", "any"], ["end_user", "End user", "any"]] as const;

type Values = Record<string, unknown>;

export function MatchFields({ label, hint, value, set }: { label: string; hint?: string; value: Values; set: (value: Values) => void }) {
  const { may } = useSession();
  const put = (name: string, given: unknown) => set({ ...Object.fromEntries(Object.entries(value).filter(([key]) => key !== name)), ...(given ? { [name]: given } : {}) });
  const typed = (name: string) => (e: { target: { value: string } }) => put(name, e.target.value.trim());
  return (
    <fieldset className="bare">
      <legend className="small muted">{label}</legend>
      <div className="grid2">
        {LISTED.map(([name, text, of, permission]) => (
          <Field key={name} label={text}>{(id) => (may(permission) ? <Ref id={id} of={of} none="any" value={String(value[name] ?? "")} set={(to) => put(name, to)} /> : <input id={id} value={String(value[name] ?? "")} onChange={typed(name)} placeholder="id" />)}</Field>
        ))}
        {TYPED.map(([name, text, example]) => <Field key={name} label={text}>{(id) => <input id={id} value={String(value[name] ?? "")} onChange={typed(name)} placeholder={example} />}</Field>)}
        <Field label="Tags">{(id) => <input id={id} defaultValue={((value.tags as string[] | undefined) ?? []).join(", ")} onChange={(e) => { const tags = e.target.value.split(/[\s,]+/).filter(Boolean); put("tags", tags.length ? tags : null); }} placeholder="any; with commas between" />}</Field>
      </div>
      {hint ? <span className="small muted">{hint}</span> : null}
    </fieldset>
  );
}
