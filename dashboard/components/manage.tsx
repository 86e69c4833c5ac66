"use client";

// One page for each kind of thing that the gateway keeps: a list with search, making, changing, switching, removing.

import { useState } from "react";
import type { ReactNode } from "react";
import { Form, blank, sent, shown } from "./form";
import type { FieldOf, Values } from "./form";
import { Pager } from "./pager";
import { Button, Confirm, Dialog, Empty, Field, Head, Loaded, Panel, Snippet, Status, Table, Time, useAction } from "./ui";
import type { Column } from "./ui";
import { json, raw } from "@/lib/api";
import { useSession } from "@/lib/session";
import { useAsk, usePages } from "@/lib/use";

export type Row = Values & { id: string };
export type Thing = {
  /** Below /api/v1. */
  path: string;
  title: string;
  one: string;
  about?: ReactNode;
  /** What stands between the heading and the list. */
  above?: ReactNode;
  /** `budgets` for `budgets:create` and the like. */
  permission: string;
  /** The verbs, where they are not create, update and delete. */
  verbs?: { create?: string; update?: string; delete?: string };
  fields: readonly FieldOf[];
  columns: readonly Column<Row>[];
  empty: ReactNode;
  removal: string;
  search?: boolean;
  query?: string;
  /** A field of the answer to making one that is shown once. */
  secret?: string;
  actions?: (row: Row, again: () => void) => ReactNode;
  make?: (body: Values) => Values;
  bare?: boolean;
};

export function Manage({ of: thing }: { of: Thing }) {
  const { may } = useSession();
  const can = (verb: "create" | "update" | "delete") => may(`${thing.permission}:${thing.verbs?.[verb] ?? verb}`) && thing.verbs?.[verb] !== "";
  const pages = usePages();
  const [search, setSearch] = useState("");
  const [open, setOpen] = useState<{ row: Row | null; etag: string | null } | null>(null);
  const [secret, setSecret] = useState<string | null>(null);
  const query = new URLSearchParams({ limit: "50", ...(pages.after ? { after: pages.after } : {}), ...(search ? { search } : {}), ...Object.fromEntries(new URLSearchParams(thing.query ?? "")) });
  const found = useAsk([thing.path, search, pages.after ?? "", thing.query ?? ""], () => json<{ data: Row[]; next: string | null }>(`/api/v1/${thing.path}?${query}`));
  const again = () => void found.mutate();
  const edit = async (row: Row) => {
    const response = await raw(`/api/v1/${thing.path}/${encodeURIComponent(row.id)}`);
    setOpen({ row: await response.json(), etag: response.headers.get("etag") });
  };
  const [, run] = useAction();
  const make = can("create") ? <Button look="primary" onClick={() => setOpen({ row: null, etag: null })}>New {thing.one}</Button> : null;
  return (
    <>
      {thing.bare ? null : <Head title={thing.title} aside={make}>{thing.about}</Head>}
      {thing.above}
      {thing.search === false && !thing.bare ? null : (
        <div className="filters">
          {thing.search === false ? null : <Field label="Find">{(id) => <input id={id} type="search" value={search} onChange={(e) => { setSearch(e.target.value); pages.restart(); }} placeholder="part of a name" />}</Field>}
          {thing.bare ? make : null}
        </div>
      )}
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={again}>
          <Table<Row>
            label={thing.title}
            rows={found.data?.data ?? []}
            id={(r) => r.id}
            open={can("update") ? (r) => void run(() => edit(r)) : undefined}
            empty={<Empty title={search ? "Nothing fits" : `No ${thing.title.toLowerCase()} yet`}>{search ? null : <span>{thing.empty}</span>}</Empty>}
            columns={[
              ...thing.columns,
              {
                name: "",
                show: (r) => (
                  <div className="row end" onClick={(e) => e.stopPropagation()}>
                    {thing.actions?.(r, again)}
                    {can("delete") ? <Confirm name="Remove" title={`Remove ${String(r.name ?? r.id)}`} consequence={thing.removal} act={async () => { await raw(`/api/v1/${thing.path}/${encodeURIComponent(r.id)}`, { method: "DELETE" }); again(); }} /> : null}
                  </div>
                ),
              },
            ]}
          />
          <Pager pages={pages} next={found.data?.next} />
        </Loaded>
      </Panel>
      {open ? <Editor thing={thing} row={open.row} etag={open.etag} close={() => setOpen(null)} done={(made) => { setOpen(null); if (thing.secret && typeof made[thing.secret] === "string") setSecret(made[thing.secret] as string); again(); }} /> : null}
      <Dialog title={`The secret of the ${thing.one}`} open={secret !== null} close={() => setSecret(null)} footer={<Button look="primary" onClick={() => setSecret(null)}>I have it</Button>}>
        <p>Copy it now: only its digest is kept, so it cannot be shown again.</p>
        <Snippet text={secret ?? ""} />
      </Dialog>
    </>
  );
}

function Editor({ thing, row, etag, close, done }: { thing: Thing; row: Row | null; etag: string | null; close: () => void; done: (made: Values) => void }) {
  const [values, setValues] = useState<Values>(() => (row ? shown(thing.fields, row) : blank(thing.fields)));
  const [busy, run] = useAction();
  const submit = () =>
    run(async () => {
      const body = sent(thing.fields, values, row ?? undefined);
      const response = await raw(`/api/v1/${thing.path}${row ? `/${encodeURIComponent(row.id)}` : ""}`, {
        method: row ? "PATCH" : "POST",
        headers: { "content-type": "application/json", ...(row && etag ? { "if-match": etag } : {}) },
        body: JSON.stringify(thing.make && !row ? thing.make(body) : body),
      });
      done(await response.json());
    }, row ? "Changed. It is in force within a second." : "Made.");
  return (
    <Dialog title={row ? `Change ${String(row.name ?? thing.one)}` : `New ${thing.one}`} open close={close} submit={submit} footer={<><Button onClick={close}>Cancel</Button><Button type="submit" look="primary" busy={busy}>{row ? "Save" : "Make it"}</Button></>}>
      <Form fields={thing.fields} values={values} set={setValues} making={!row} />
    </Dialog>
  );
}

/** Columns that many kinds share. */
export const NAME: Column<Row> = { name: "Name", show: (r) => <strong>{String(r.name ?? r.email ?? r.id)}</strong> };
export const ON: Column<Row> = { name: "State", show: (r) => <Status of={r.is_active ? "active" : "off"} /> };
export const MADE: Column<Row> = { name: "Made", show: (r) => <Time at={r.created_at as string} /> };
export const LIMITS: Column<Row> = {
  name: "Limits",
  show: (r) => {
    const l = (r.limits ?? {}) as Values;
    const said = [l.rps && `${l.rps}/s`, l.rpm && `${l.rpm}/min`, l.tpm && `${l.tpm} tokens/min`, l.concurrency && `${l.concurrency} at once`].filter(Boolean).join(", ");
    return <span className={said ? "small" : "small muted nowrap"}>{said || "none of its own"}</span>;
  },
};
export const MODELS: Column<Row> = { name: "May call", show: (r) => <span className="small clip">{((r.models as string[]) ?? []).join(", ") || "what is above it"}</span> };
export const ALLOWED: readonly FieldOf[] = [
  { name: "limits", label: "Limits", kind: "limits" },
  { name: "models", label: "Models and routes it may call", kind: "list", hint: "Routes, aliases, provider/model or provider/*; empty is what the level above allows." },
  { name: "providers", label: "Providers it may use", kind: "list", hint: "Empty is what the level above allows." },
];
export const SWITCH: FieldOf = { name: "is_active", label: "Switched on", kind: "switch", hint: "Off, its calls are refused within a second." };
