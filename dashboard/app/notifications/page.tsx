"use client";

import Link from "next/link";
import { useState } from "react";
import { Pager } from "@/components/pager";
import { Badge, Button, Empty, Head, Loaded, Panel, Segment, Table, Time, useAction } from "@/components/ui";
import { api, got } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { pageOf } from "@/lib/pages";
import { useAsk, usePages } from "@/lib/use";

type Notification = Schema["Notification"];
const WHICH = [["unread", "Unread"], ["all", "All"]] as const;

export default function Notifications() {
  const [which, setWhich] = useState<"unread" | "all">("all");
  const pages = usePages();
  const found = useAsk(["notifications", which, pages.after ?? ""], () => got(api.GET("/api/v1/notifications", { params: { query: { unread: which === "unread", limit: 50, before: pages.after } } })), 20);
  const [busy, run] = useAction();
  const rows = found.data?.data ?? [];
  const read = (some: Notification[]) =>
    run(async () => {
      for (const one of some) await api.POST("/api/v1/notifications/{id}/read", { params: { path: { id: one.id } } });
      await found.mutate();
    });
  const unread = rows.filter((one) => !one.read_at);
  return (
    <>
      <Head title="Notifications" aside={<><Segment label="Which" options={WHICH} value={which} onChange={(to) => { setWhich(to); pages.restart(); }} /><Button busy={busy} disabled={!unread.length} onClick={() => void read(unread)}>Mark these as read</Button></>}>
        What became of what you asked for, and what waits for you to decide.
      </Head>
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Table<Notification>
            label="Notifications"
            rows={rows}
            id={(n) => n.id}
            empty={<Empty title={which === "unread" ? "Nothing unread" : "Nothing yet"}><span>Requests for more, their answers, and budgets that run low are told here.</span></Empty>}
            columns={[
              { name: "When", show: (n) => <Time at={n.created_at} /> },
              { name: "What", show: (n) => <Badge tone={n.read_at ? "" : "info"}>{(n.event.split(":")[0] ?? "").replaceAll(/[_.]/g, " ")}</Badge> },
              { name: "Told", show: (n) => <span className={n.read_at ? "muted" : ""}>{n.text}</span> },
              { name: "", show: (n) => <div className="row end">{pageOf(n.link) ? <Link href={pageOf(n.link) ?? "/"}>Open</Link> : null}{n.read_at ? null : <Button busy={busy} onClick={() => void read([n])}>Read</Button>}</div> },
            ]}
          />
          <Pager pages={pages} next={found.data?.next} />
        </Loaded>
      </Panel>
    </>
  );
}
