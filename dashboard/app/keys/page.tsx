"use client";

import { useState } from "react";
import { ChangeKey, MadeKey, NewKey } from "@/components/keyform";
import { Pager } from "@/components/pager";
import { Button, Confirm, Empty, Field, Head, Loaded, Panel, Select, Status, Table, Time } from "@/components/ui";
import { useNames } from "@/components/form";
import { api, got, json } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { ago, count, money } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useAsk, usePages } from "@/lib/use";

type Key = Schema["Key"];
const SORTS = [["-created_at", "newest first"], ["created_at", "oldest first"], ["name", "by name"]] as const;

export default function Keys() {
  const { may } = useSession();
  const pages = usePages();
  const [search, setSearch] = useState("");
  const [sort, setSort] = useState<string>(SORTS[0][0]);
  const [making, setMaking] = useState(false);
  const [open, setOpen] = useState<string | null>(null);
  const [made, setMade] = useState<Schema["MadeKey"] | null>(null);
  const apps = useNames(may("apps:view") ? "apps" : null);
  const teams = useNames(may("teams:view") ? "teams" : null);
  const query = new URLSearchParams({ limit: "50", sort, ...(pages.after ? { after: pages.after } : {}), ...(search ? { search } : {}) });
  const keys = useAsk(["keys", query.toString()], () => json<Schema["Keys"]>(`/api/v1/config/virtual-keys?${query}`));
  const again = () => void keys.mutate();
  return (
    <>
      <Head title="Keys" aside={may("api_keys:create") ? <Button look="primary" onClick={() => setMaking(true)}>Make a key</Button> : null}>
        What applications sign in with. A key is shown once; what it may spend and call is set here.
      </Head>
      <div className="filters">
        <Field label="Find">{(id) => <input id={id} type="search" value={search} onChange={(e) => { setSearch(e.target.value); pages.restart(); }} placeholder="part of a name" />}</Field>
        <Field label="Order">{(id) => <Select id={id} value={sort} onChange={(e) => { setSort(e.target.value); pages.restart(); }} options={SORTS} />}</Field>
      </div>
      <Panel flush>
        <Loaded error={keys.error} loading={keys.isLoading} retry={again}>
          <Table<Key>
            label="Keys"
            rows={keys.data?.data ?? []}
            id={(k) => k.id}
            open={may("api_keys:update") ? (k) => (k.status === "revoked" ? undefined : setOpen(k.id)) : undefined}
            empty={<Empty title={search ? "No key has this in its name" : "No keys yet"}><span>{search ? "Clear the search to see them all." : "Make one for each application, so that each has its own limits, budget and usage."}</span></Empty>}
            columns={[
              { name: "Name", show: (k) => <><div className="clip strong">{k.name}</div><div className="mono muted">{k.prefix}…{k.last4}</div></> },
              { name: "Kind", show: (k) => (k.kind === "admin" ? <span className="tag">admin</span> : "key") },
              { name: "Status", show: (k) => <Status of={k.status} /> },
              { name: "Belongs to", show: (k) => <span className="clip short small">{[apps.get(k.app_id ?? ""), teams.get(k.team_id ?? "")].filter(Boolean).join(", ") || <span className="muted">nobody</span>}</span> },
              { name: "May call", show: (k) => <div className="clip short small" title={k.models.join(", ")}>{k.models.length ? k.models.join(", ") : "everything"}</div> },
              { name: "Limits", show: (k) => <span className="small">{limits(k) || <span className="muted">none</span>}</span> },
              { name: "Budget", show: (k) => <span className="small nowrap">{k.budgets.map((b) => `${money(b.usd)} / ${b.window}`).join(", ") || <span className="muted">none</span>}</span> },
              { name: "Last used", show: (k) => <span className="small nowrap">{k.last_used_at ? ago(k.last_used_at) : <span className="muted">never</span>}</span> },
              { name: "Good until", show: (k) => <span className="small">{k.expires_at ? <Time at={k.expires_at} /> : <span className="muted">for ever</span>}</span> },
              {
                name: "",
                show: (k) =>
                  k.status === "revoked" ? null : (
                    <div className="row end tight" onClick={(e) => e.stopPropagation()}>
                      {may("api_keys:create") ? <Confirm look="" name="Rotate" title={`Rotate ${k.name}`} consequence="A new secret is made and shown once. The present one stays good for an hour, so that applications can change over." act={async () => setMade((await got(api.POST("/api/v1/config/virtual-keys/{id}/rotate", { params: { path: { id: k.id } }, body: { overlap: 3600 } }))) ?? null)} /> : null}
                      {may("api_keys:delete") ? <Confirm name="Revoke" title={`Revoke ${k.name}`} consequence="Every call with this key is refused within a second. This cannot be undone." act={async () => { await api.DELETE("/api/v1/config/virtual-keys/{id}", { params: { path: { id: k.id } } }); again(); }} /> : null}
                    </div>
                  ),
              },
            ]}
          />
          <Pager pages={pages} next={keys.data?.next} />
        </Loaded>
      </Panel>
      {making ? <NewKey close={() => setMaking(false)} done={(key) => { setMaking(false); setMade(key); again(); }} /> : null}
      {open ? <ChangeKey id={open} close={() => setOpen(null)} done={() => { setOpen(null); again(); }} /> : null}
      <MadeKey made={made} close={() => { setMade(null); again(); }} />
    </>
  );
}

function limits(k: Key): string {
  const { rps, rpm, tpm, concurrency } = k.limits;
  return [rps && `${rps}/s`, rpm && `${count(rpm)}/min`, tpm && `${count(tpm)} tokens/min`, concurrency && `${concurrency} at once`].filter(Boolean).join(", ");
}
