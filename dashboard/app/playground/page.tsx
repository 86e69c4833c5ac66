"use client";

import { useSearchParams } from "next/navigation";
import { Suspense, useEffect, useRef, useState } from "react";
import { Comparison, Conversation, side } from "@/components/conversation";
import type { Side } from "@/components/conversation";
import { Button, Field, Head, Panel, Select, useAction } from "@/components/ui";
import { NOTHING, answered, chat } from "@/lib/chat";
import type { Turn } from "@/lib/chat";
import { replayed } from "@/lib/replay";

const MOST_SIDES = 4;
const BLANK = { temperature: "", top_p: "", max_tokens: "", reasoning_effort: "", seed: "", stop: "" };
const EFFORTS = [["", "the model's own"], "none", "minimal", "low", "medium", "high"] as const;
const EXAMPLE = JSON.stringify([{ type: "function", function: { name: "get_weather", description: "The weather of a place now", parameters: { type: "object", properties: { place: { type: "string" } }, required: ["place"] } } }], null, 2);
const STARTS = ["Explain in two sentences what an AI gateway does.", "What is the weather in Oslo? Use a tool.", "Write a haiku about rivers."];

export default function Page() {
  return <Suspense><Playground /></Suspense>;
}

function Playground() {
  const asked = useSearchParams();
  const [sides, setSides] = useState<Side[]>(() => [side(asked.get("model") ?? "sandbox/chat", 1)]);
  const [system, setSystem] = useState("");
  const [text, setText] = useState("");
  const [tools, setTools] = useState("");
  const [format, setFormat] = useState("");
  const [parameters, setParameters] = useState(BLANK);
  const [note, setNote] = useState<string | null>(null);
  const [, run] = useAction();
  const stop = useRef<AbortController | null>(null);
  const busy = sides.some((s) => s.now);
  const change = (id: number, more: Partial<Side>) => setSides((all) => all.map((s) => (s.id === id ? { ...s, ...more } : s)));

  const replay = asked.get("replay");
  useEffect(() => {
    if (!replay) return;
    void run(async () => {
      const found = await replayed(replay);
      const body = found.parameters;
      setSides([{ ...side(found.model, 1), turns: found.turns.slice(0, -1) }]);
      setSystem(found.system);
      const last = found.turns[found.turns.length - 1];
      setText(last && last.role === "user" ? last.content : "");
      setTools(found.tools);
      setParameters({ ...BLANK, ...Object.fromEntries(Object.keys(BLANK).filter((name) => body[name] != null).map((name) => [name, String(body[name])])) });
      setNote(found.note);
    });
  }, [replay, run]);

  async function go(s: Side, turns: Turn[], signal: AbortSignal) {
    change(s.id, { turns, now: NOTHING, wrong: null });
    try {
      const body = {
        model: s.model,
        messages: [...(system ? [{ role: "system", content: system }] : []), ...turns],
        ...chosen(parameters),
        ...(tools.trim() ? { tools: JSON.parse(tools) } : {}),
        ...(format.trim() ? { response_format: { type: "json_schema", json_schema: { name: "answer", schema: JSON.parse(format) } } } : {}),
      };
      const told = await chat(body, (now) => change(s.id, { now }), signal);
      change(s.id, { now: null, last: told, turns: [...turns, answered(told)] });
    } catch (error) {
      const left = error instanceof DOMException && error.name === "AbortError";
      change(s.id, { now: null, wrong: left ? "Stopped." : error instanceof Error ? error.message : String(error) });
    }
  }

  async function ask() {
    if (!text.trim() || busy) return;
    const said: Turn = { role: "user", content: text };
    setText("");
    stop.current = new AbortController();
    const signal = stop.current.signal;
    await Promise.all(sides.map((s) => go(s, [...s.turns, said], signal)));
  }

  const give = (s: Side) => (results: Turn[]) => {
    stop.current = new AbortController();
    void go(s, [...s.turns, ...results], stop.current.signal);
  };
  const set = (name: keyof typeof BLANK) => (e: { target: { value: string } }) => setParameters({ ...parameters, [name]: e.target.value });
  const chosenCount = Object.values(parameters).filter(Boolean).length + [system, tools, format].filter((one) => one.trim()).length;

  return (
    <>
      <Head
        title="Playground"
        aside={
          <>
            <Button disabled={sides.length >= MOST_SIDES} onClick={() => setSides([...sides, { ...side(sides[0]?.model ?? ""), turns: [] }])}>Compare another</Button>
            <Button onClick={() => { setSides(sides.map((s) => ({ ...side(s.model, s.id) }))); setNote(null); }}>Start over</Button>
          </>
        }
      >
        Ask any model or route as an application would. Calls are real: they are held, billed and logged.
      </Head>
      {note ? <div className="note-box">{note}</div> : null}
      <div className="columns">
        {sides.map((s) => <Conversation key={s.id} of={s} change={(more) => change(s.id, more)} remove={sides.length > 1 ? () => setSides(sides.filter((one) => one.id !== s.id)) : undefined} results={give(s)} />)}
      </div>
      <Comparison sides={sides} />
      <Panel>
        <div className="stack">
          <Field label="Message" hint="Ctrl Enter sends it.">
            {(id) => <textarea id={id} autoFocus value={text} onChange={(e) => setText(e.target.value)} onKeyDown={(e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) void ask(); }} />}
          </Field>
          <div className="row">
            <Button look="primary" disabled={!text.trim() || busy} onClick={() => void ask()}>Send</Button>
            {busy ? <Button onClick={() => stop.current?.abort()}>Stop</Button> : null}
            {sides.every((s) => !s.turns.length) && !text ? STARTS.map((one) => <Button key={one} look="plain" onClick={() => { setText(one); if (one.includes("tool")) setTools(EXAMPLE); }}>{one}</Button>) : null}
          </div>
          <details>
            <summary>Parameters, system prompt and tools{chosenCount ? ` (${chosenCount} set)` : ""}</summary>
            <div className="stack inset">
              <div className="grid3">
                <Field label="Temperature">{(id) => <input id={id} inputMode="decimal" value={parameters.temperature} onChange={set("temperature")} placeholder="the model's own" />}</Field>
                <Field label="Top p">{(id) => <input id={id} inputMode="decimal" value={parameters.top_p} onChange={set("top_p")} placeholder="the model's own" />}</Field>
                <Field label="Most tokens of the answer">{(id) => <input id={id} inputMode="numeric" value={parameters.max_tokens} onChange={set("max_tokens")} placeholder="the model's own" />}</Field>
                <Field label="Reasoning effort">{(id) => <Select id={id} value={parameters.reasoning_effort} onChange={set("reasoning_effort")} options={EFFORTS} />}</Field>
                <Field label="Seed">{(id) => <input id={id} inputMode="numeric" value={parameters.seed} onChange={set("seed")} placeholder="none" />}</Field>
                <Field label="Stop at">{(id) => <input id={id} value={parameters.stop} onChange={set("stop")} placeholder="nothing" />}</Field>
              </div>
              <div className="grid3">
                <Field label="System prompt">{(id) => <textarea id={id} value={system} onChange={(e) => setSystem(e.target.value)} />}</Field>
                <Field label="Tools (JSON)" hint={<>A list, as in a Chat Completions request. {tools ? null : <Button look="plain" onClick={() => setTools(EXAMPLE)}>An example</Button>}</>}>{(id) => <textarea id={id} className="code" value={tools} onChange={(e) => setTools(e.target.value)} />}</Field>
                <Field label="Answer as JSON of this schema" hint="Empty is free text.">{(id) => <textarea id={id} className="code" value={format} onChange={(e) => setFormat(e.target.value)} placeholder='{"type": "object", ...}' />}</Field>
              </div>
            </div>
          </details>
        </div>
      </Panel>
    </>
  );
}

/** What was chosen, as the request has it: numbers as numbers. */
function chosen(parameters: typeof BLANK): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parameters)
      .filter(([, value]) => value.trim())
      .map(([name, value]) => [name, name === "reasoning_effort" || name === "stop" ? value : Number(value)]),
  );
}
