"use client";

// Every version that a thing of the database had: how two differ, and bringing one back.

import { useState } from "react";
import { Button, Confirm, Empty, Loaded, Table, Time, useAction } from "./ui";
import { json } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { useAsk } from "@/lib/use";

/** *path* is that of the thing, below /api/v1. */
export function Versions({ path, done }: { path: string; done: () => void }) {
  const base = `/api/v1/${path}`;
  const found = useAsk(["versions", path], () => json<Schema["VersionList"]>(`${base}/versions?limit=200`));
  const [diff, setDiff] = useState<Schema["Diff"] | null>(null);
  const [, run] = useAction();
  const rows = found.data?.data ?? [];
  const latest = Math.max(0, ...rows.map((v) => v.version));
  return (
    <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
      <Table<Schema["VersionShown"]>
        label="Versions"
        rows={rows}
        id={(v) => String(v.version)}
        empty={<Empty title="No versions" />}
        columns={[
          { name: "Version", num: true, show: (v) => v.version },
          { name: "Made", show: (v) => <Time at={v.created_at} /> },
          { name: "Note", show: (v) => v.note || <span className="muted">{v.author_kind} {v.author_id.slice(0, 8)}</span> },
          {
            name: "",
            show: (v) => v.version === latest ? <span className="tag">in force</span> : (
              <div className="row end">
                <Button onClick={() => void run(async () => setDiff(await json(`${base}/diff?before=${v.version}&after=${latest}`)))}>Compare</Button>
                <Confirm look="" name="Roll back" title={`Back to version ${v.version}`} consequence="It becomes the newest version and is in force within a second; the present one stays in the list." act={async () => { await json(`${base}/rollback`, "POST", { version: v.version, note: `back to version ${v.version}` }); done(); }} />
              </div>
            ),
          },
        ]}
      />
      {diff ? (
        <div className="diff" aria-live="polite">
          <strong>From version {diff.before} to {diff.after}</strong>
          {(diff.changes ?? []).map((c) => (
            <div key={c.path}>
              <div className="mono">{c.path}</div>
              {c.before === undefined || c.before === null ? null : <div className="mono cut">− {JSON.stringify(c.before)}</div>}
              {c.after === undefined || c.after === null ? null : <div className="mono put">+ {JSON.stringify(c.after)}</div>}
            </div>
          ))}
          {diff.changes?.length ? null : <div className="muted">They say the same.</div>}
        </div>
      ) : null}
    </Loaded>
  );
}
