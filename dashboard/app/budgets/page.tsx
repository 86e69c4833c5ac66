"use client";

import { Manage, NAME, ON, SWITCH } from "@/components/manage";
import { Card, Meter } from "@/components/ui";
import { json } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { count, money, percent, roughly } from "@/lib/format";
import { useAsk } from "@/lib/use";
import { useWho } from "@/lib/who";

export default function Page() {
  const who = useWho();
  return (
    <Manage
      of={{
        above: <Month />,
        path: "budgets", title: "Budgets", one: "budget", permission: "budgets",
        about: "What may be spent. Room is held before each call, so a hard budget is never passed; a soft one tells and refuses nothing.",
        empty: "Make one for a team, an app, a user, a tag, or any combination.",
        removal: "Calls are no longer bound by it. What was spent stays in the ledger.",
        fields: [
          { name: "name", label: "Name", kind: "text", required: true },
          { name: "match", label: "Which calls count", kind: "match", hint: "Those for which all of these are so; without any, all of the tenant's." },
          { name: "each", label: "For each", kind: "select", options: [["", "together"], "team", "app", "user", "key", "end_user", "model", "provider", "tag"], hint: "Every one has this much of its own." },
          { name: "usd", label: "USD", kind: "text", hint: "Or tokens below." },
          { name: "tokens", label: "Tokens", kind: "number" },
          { name: "window", label: "In each", kind: "select", options: ["day", "week", "month", ["total", "in total"]], start: "month", required: true },
          { name: "hard", label: "Hard: refuse what would pass it", kind: "switch" },
          SWITCH,
        ],
        columns: [
          NAME,
          ON,
          { name: "Counts", show: (r) => <span className="small">{Object.entries((r.match ?? {}) as Record<string, unknown>).filter(([, v]) => v && (!Array.isArray(v) || v.length)).map(([k, v]) => `${k} ${who(k, String(v))}`).join(", ") || "everything"}{r.each ? `, each ${String(r.each)}` : ""}</span> },
          { name: "Amount", num: true, show: (r) => (r.usd ? money(r.usd as string) : `${count(Number(r.tokens))} tokens`) },
          { name: "In each", show: (r) => String(r.window) },
          { name: "Used now", show: (r) => <Used id={r.id} /> },
          { name: "Kind", show: (r) => `${r.hard ? "hard" : "soft"}${r.platform ? ", set by the platform" : ""}` },
        ],
      }}
    />
  );
}

/** What all of the tenant spends in this month, and where that leads. */
function Month() {
  const found = useAsk(["spending"], () => json<Schema["Spending"]>("/api/v1/metrics/spending"), 30);
  const { current_spend: spent, monthly_budget: budget, forecast } = found.data ?? {};
  return (
    <div className="cards">
      <Card label="Spent this month" value={roughly(spent)} note={budget == null ? "no budget binds the whole tenant" : `of ${money(budget)}`} />
      <Card label="By the end of the month" value={forecast ? roughly(forecast.likely.usd) : "–"} note={forecast ? `between ${roughly(forecast.low.usd)} and ${roughly(forecast.high.usd)}` : "known after a few days of calls"} />
    </div>
  );
}

/** How much of a budget is used; of one for each, the fullest. */
function Used({ id }: { id: string }) {
  const found = useAsk(["budget", id], () => json<Schema["BudgetUsage"]>(`/api/v1/budgets/${id}/usage`), 30);
  if (!found.data) return <span className="muted">–</span>;
  const { used, share, each } = found.data;
  const said = used.usd != null ? roughly(used.usd) : `${count(used.tokens ?? 0)} tokens`;
  return (
    <div title={each.length ? `${each.length} have one of their own` : undefined}>
      <Meter share={share} label={`${percent(share, 1)} used`} />
      <span className="small muted">{said}, {percent(share, 1)}{each.length ? " of the fullest" : ""}</span>
    </div>
  );
}
