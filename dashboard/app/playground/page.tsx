"use client";

import Link from "next/link";
import { useRef, useState } from "react";
import { Button, Field, Head, Panel } from "@/components/ui";
import { ModelInput } from "@/components/modelinput";
import { NOTHING, chat } from "@/lib/chat";
import type { Told, Turn } from "@/lib/chat";
import { count, money, ms } from "@/lib/format";

type Side = { id: number; model: string; turns: Turn[]; now: Told | null; last: Told | null; wrong: string | null };

export default function Playground() {
  const [sides, setSides] = useState<Side[]>([{ id: 1, model: "sandbox/chat", turns: [], now: null, last: null, wrong: null }]);
  const [system, setSystem] = useState("");
  const [text, setText] = useState("");
  const [tools, setTools] = useState("");
  const [parameters, setParameters] = useState({ temperature: "", max_tokens: "", reasoning_effort: "" });
  const stop = useRef<AbortController | null>(null);
  const busy = sides.some((s) => s.now);
  const change = (id: number, more: Partial<Side>) => setSides((all) => all.map((s) => (s.id === id ? { ...s, ...more } : s)));

  async function ask() {
    if (!text.trim() || busy) return;
    const said: Turn = { role: "user", content: text };
    setText("");
    stop.current = new AbortController();
    const signal = stop.current.signal;
    await Promise.all(
      sides.map(async (side) => {
        const turns = [...side.turns, said];
        change(side.id, { turns, now: NOTHING, wrong: null });
        try {
          const body = {
            model: side.model,
            messages: [...(system ? [{ role: "system", content: system }] : []), ...turns],
            ...numbers(parameters),
            ...(tools.trim() ? { tools: JSON.parse(tools) } : {}),
          };
          const told = await chat(body, (now) => change(side.id, { now }), signal);
          change(side.id, { now: null, last: told, turns: [...turns, { role: "assistant", content: told.text || told.tools }] });
        } catch (error) {
          const left = error instanceof DOMException && error.name === "AbortError";
          change(side.id, { now: null, wrong: left ? "Stopped." : error instanceof Error ? error.message : String(error) });
        }
      }),
    );
  }

  return (
    <>
      <Head
        title="Playground"
        aside={
          <>
            <Button disabled={sides.length >= 4} onClick={() => setSides([...sides, { id: Date.now(), model: sides[0]?.model ?? "", turns: [], now: null, last: null, wrong: null }])}>Compare another</Button>
            <Button onClick={() => setSides(sides.map((s) => ({ ...s, turns: [], last: null, wrong: null })))}>Start over</Button>
          </>
        }
      >
        Ask any model or route as an application would. Calls are real: they are held, billed and logged.
      </Head>
      <Panel>
        <div className="stack">
          <div className="grid2">
            <Field label="Temperature">{(id) => <input id={id} inputMode="decimal" value={parameters.temperature} onChange={(e) => setParameters({ ...parameters, temperature: e.target.value })} placeholder="the model's own" />}</Field>
            <Field label="Most tokens of the answer">{(id) => <input id={id} inputMode="numeric" value={parameters.max_tokens} onChange={(e) => setParameters({ ...parameters, max_tokens: e.target.value })} placeholder="the model's own" />}</Field>
            <Field label="Reasoning effort">{(id) => <input id={id} value={parameters.reasoning_effort} onChange={(e) => setParameters({ ...parameters, reasoning_effort: e.target.value })} placeholder="low, medium, high" />}</Field>
          </div>
          <details>
            <summary>System prompt and tools</summary>
            <div className="grid2">
              <Field label="System prompt">{(id) => <textarea id={id} value={system} onChange={(e) => setSystem(e.target.value)} />}</Field>
              <Field label="Tools (JSON)" hint="A list, as in a Chat Completions request.">{(id) => <textarea id={id} className="code" value={tools} onChange={(e) => setTools(e.target.value)} />}</Field>
            </div>
          </details>
        </div>
      </Panel>
      <div className="columns">
        {sides.map((side) => (
          <Panel
            key={side.id}
            title={<ModelInput label="Model or route" value={side.model} onChange={(model) => change(side.id, { model })} />}
            aside={sides.length > 1 ? <Button look="plain" aria-label="Remove" onClick={() => setSides(sides.filter((s) => s.id !== side.id))}>✕</Button> : null}
          >
            <div className="chatlog" aria-live="polite">
              {side.turns.map((turn, n) => <div key={n} className={`said ${turn.role}`}>{turn.content}</div>)}
              {side.now ? <div className="said">{side.now.thought ? <details><summary>Thinking</summary>{side.now.thought}</details> : null}{side.now.text || side.now.tools || "…"}</div> : null}
              {side.wrong ? <div className="note-box bad" role="alert">{side.wrong}</div> : null}
              {side.last && !side.now ? (
                <div className="row small muted">
                  <span>{side.last.model}</span>
                  <span>first token {ms(side.last.firstMs)}</span>
                  <span>total {ms(side.last.totalMs)}</span>
                  {side.last.usage ? <span>{count(side.last.usage.input)} → {count(side.last.usage.output)} tokens</span> : null}
                  <span>{money(side.last.cost)}</span>
                  {side.last.id ? <Link href={`/trace?id=${side.last.id}`}>Trace</Link> : null}
                </div>
              ) : null}
            </div>
          </Panel>
        ))}
      </div>
      <Panel>
        <div className="stack">
          <Field label="Message" hint="Ctrl Enter sends it.">
            {(id) => <textarea id={id} autoFocus value={text} onChange={(e) => setText(e.target.value)} onKeyDown={(e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) void ask(); }} />}
          </Field>
          <div className="row">
            <Button look="primary" disabled={!text.trim() || busy} onClick={() => void ask()}>Send</Button>
            {busy ? <Button onClick={() => stop.current?.abort()}>Stop</Button> : null}
          </div>
        </div>
      </Panel>
    </>
  );
}

function numbers(parameters: { temperature: string; max_tokens: string; reasoning_effort: string }): Record<string, unknown> {
  return {
    ...(parameters.temperature ? { temperature: Number(parameters.temperature) } : {}),
    ...(parameters.max_tokens ? { max_tokens: Number(parameters.max_tokens) } : {}),
    ...(parameters.reasoning_effort ? { reasoning_effort: parameters.reasoning_effort } : {}),
  };
}
