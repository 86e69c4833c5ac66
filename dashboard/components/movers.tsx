"use client";

// What changed most beside the time before.

import { Empty, Table } from "./ui";
import { NONE } from "@/lib/analytics";
import type { Change } from "@/lib/analytics";

export function Delta({ now, before, less = false }: { now: number; before: number; less?: boolean }) {
  if (!before) return <span className="muted">{now ? "new" : "as before"}</span>;
  const share = (now - before) / before;
  if (Math.abs(share) < 0.005) return <span className="muted">as before</span>;
  const good = less ? share < 0 : null;
  return <span className={good === null ? "muted" : good ? "up" : "down"}>{share > 0 ? "▲" : "▼"} {Math.abs(share) >= 10 ? "×" + Math.round(now / before) : `${Math.abs(100 * share).toFixed(Math.abs(share) < 0.1 ? 1 : 0)} %`}</span>;
}

export function Movers({ changes, names, format, label }: { changes: readonly Change[]; names?: Map<string, string>; format: (n: number) => string; label: string }) {
  return (
    <Table<Change>
      label={label}
      rows={changes.filter((one) => one.name !== null && one.change !== 0).slice(0, 6)}
      id={(one) => one.name ?? ""}
      empty={<Empty title="Nothing moved"><span>As much as in the time before.</span></Empty>}
      columns={[
        { name: "What", show: (one) => <span className="clip">{names?.get(one.name ?? "") ?? (one.name || NONE)}</span> },
        { name: "Before", num: true, show: (one) => <span className="muted">{format(one.before)}</span> },
        { name: "Now", num: true, show: (one) => format(one.now) },
        { name: "Change", num: true, show: (one) => <Delta now={one.now} before={one.before} /> },
      ]}
    />
  );
}
