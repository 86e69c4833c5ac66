"use client";

// One model's side of the playground: what was said, what tools it wants, and what the last answer took.

import Link from "next/link";
import { useState } from "react";
import { ModelInput } from "./modelinput";
import { Thumbs } from "./opinion";
import { Button, Field, Panel } from "./ui";
import type { Told, Turn } from "@/lib/chat";
import { count, money, ms } from "@/lib/format";
import { useSession } from "@/lib/session";

export type Side = { id: number; model: string; turns: Turn[]; now: Told | null; last: Told | null; wrong: string | null };

export function side(model: string, id = Date.now()): Side {
  return { id, model, turns: [], now: null, last: null, wrong: null };
}

export function Conversation({ of: s, change, remove, results }: { of: Side; change: (more: Partial<Side>) => void; remove?: () => void; results: (given: Turn[]) => void }) {
  return (
    <Panel title={<ModelInput label="Model or route" value={s.model} onChange={(model) => change({ model })} />} aside={remove ? <Button look="plain" aria-label={`Take ${s.model} away`} onClick={remove}>✕</Button> : null}>
      <div className="chatlog" aria-live="polite">
        {s.turns.length || s.now ? null : <p className="muted">Nothing was said yet.</p>}
        {s.turns.map((turn, n) => <Said key={n} turn={turn} />)}
        {s.now ? <Coming told={s.now} /> : null}
        {s.wrong ? <div className="note-box bad" role="alert">{s.wrong}</div> : null}
        {s.last?.calls.length && !s.now && !s.wrong ? <Results calls={s.last.calls} give={results} /> : null}
        {s.last && !s.now ? <Taken told={s.last} /> : null}
      </div>
    </Panel>
  );
}

function Said({ turn }: { turn: Turn }) {
  if (turn.role === "tool") return <div className="said tool"><span className="tag">result</span> {turn.content}</div>;
  if (turn.role !== "assistant") return <div className={`said ${turn.role}`}>{turn.content}</div>;
  return (
    <>
      {turn.content ? <div className="said">{turn.content}</div> : null}
      {turn.tool_calls?.map((call) => <div key={call.id} className="said tool"><span className="tag">call</span> <span className="mono">{call.function.name}({call.function.arguments})</span></div>)}
    </>
  );
}

function Coming({ told }: { told: Told }) {
  return (
    <div className="said" aria-busy="true">
      {told.thought ? <details><summary>Thinking</summary>{told.thought}</details> : null}
      {told.text || told.calls.map((call) => `${call.name}(${call.arguments})`).join("\n") || "…"}
    </div>
  );
}

/** A model that called tools waits for what they gave: who tries it out writes that by hand. */
function Results({ calls, give }: { calls: Told["calls"]; give: (given: Turn[]) => void }) {
  const [values, setValues] = useState<Record<string, string>>({});
  return (
    <form className="stack" onSubmit={(e) => { e.preventDefault(); give(calls.map((call) => ({ role: "tool", tool_call_id: call.id, content: values[call.id] ?? "" }))); }}>
      {calls.map((call) => <Field key={call.id} label={`What ${call.name} gives`}>{(id) => <input id={id} className="code" required value={values[call.id] ?? ""} onChange={(e) => setValues({ ...values, [call.id]: e.target.value })} placeholder='{"temperature": 7}' />}</Field>)}
      <div><Button type="submit">Go on with it</Button></div>
    </form>
  );
}

function Taken({ told }: { told: Told }) {
  const { may } = useSession();
  return (
    <div className="row small muted">
      <span>{told.model}</span>
      <span>first token {ms(told.firstMs)}</span>
      <span>total {ms(told.totalMs)}</span>
      {told.usage ? <span>{count(told.usage.input)} → {count(told.usage.output)} tokens</span> : null}
      <span>{money(told.cost)}</span>
      {told.finish && told.finish !== "stop" ? <span>ended by {told.finish.replaceAll("_", " ")}</span> : null}
      {told.id ? <><Link href={`/trace?id=${told.id}`}>Trace</Link>{may("feedback:create") ? <Thumbs key={told.id} id={told.id} /> : null}</> : null}
    </div>
  );
}

/** The last answers beside each other, the best of each column marked. */
export function Comparison({ sides }: { sides: readonly Side[] }) {
  const done = sides.filter((s) => s.last && !s.now);
  if (done.length < 2) return null;
  const speed = (s: Side) => (s.last?.usage && s.last.totalMs ? (s.last.usage.output * 1000) / Math.max(1, s.last.totalMs - (s.last.firstMs ?? 0)) : null);
  const columns: [string, (s: Side) => number | null, (n: number) => string, "least" | "most"][] = [
    ["First token", (s) => s.last?.firstMs ?? null, ms, "least"],
    ["Total", (s) => s.last?.totalMs ?? null, ms, "least"],
    ["Tokens a second", speed, (n) => count(Math.round(n)), "most"],
    ["Answer tokens", (s) => s.last?.usage?.output ?? null, count, "least"],
    ["Cost", (s) => (s.last?.cost == null ? null : Number(s.last.cost)), () => "", "least"],
  ];
  const best = columns.map(([, of, , way]) => { const all = done.map(of).filter((n): n is number => n !== null); return new Set(all).size > 1 ? Math[way === "least" ? "min" : "max"](...all) : null; });
  return (
    <Panel title="Side by side" flush>
      <div className="table" role="region" aria-label="Comparison" tabIndex={0}>
        <table>
          <thead><tr><th scope="col">Model</th>{columns.map(([name]) => <th key={name} scope="col" className="num">{name}</th>)}</tr></thead>
          <tbody>
            {done.map((s) => (
              <tr key={s.id}>
                <td className="mono">{s.last?.model ?? s.model}</td>
                {columns.map(([name, of, format], n) => { const v = of(s); return <td key={name} className={`num ${v !== null && v === best[n] ? "best" : ""}`}>{v === null ? "–" : name === "Cost" ? money(s.last?.cost) : format(v)}</td>; })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
