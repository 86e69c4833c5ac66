"use client";

import { Manage, NAME, ON, SWITCH } from "@/components/manage";
import { count, money } from "@/lib/format";

export default function Page() {
  return (
    <Manage
      of={{
        path: "budgets", title: "Budgets", one: "budget", permission: "budgets",
        about: "What may be spent. Room is held before each call, so a hard budget is never passed; a soft one tells and refuses nothing.",
        empty: "Make one for a team, an app, a user, a tag, or any combination.",
        removal: "Calls are no longer bound by it. What was spent stays in the ledger.",
        fields: [
          { name: "name", label: "Name", kind: "text", required: true },
          { name: "match", label: "Which calls count", kind: "json", hint: 'By team, app, user, key, end_user, model, provider or tag: {"team": "ID", "tag": "batch"}. {} is all of the tenant.' },
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
          { name: "Counts", show: (r) => <span className="small">{Object.entries((r.match ?? {}) as Record<string, unknown>).filter(([, v]) => v && (!Array.isArray(v) || v.length)).map(([k, v]) => `${k} ${String(v)}`).join(", ") || "everything"}{r.each ? `, each ${String(r.each)}` : ""}</span> },
          { name: "Amount", num: true, show: (r) => (r.usd ? money(r.usd as string) : `${count(Number(r.tokens))} tokens`) },
          { name: "In each", show: (r) => String(r.window) },
          { name: "Kind", show: (r) => (r.hard ? "hard" : "soft") },
        ],
      }}
    />
  );
}
