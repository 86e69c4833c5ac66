"use client";

// The first minute: what is left to do until a newcomer has seen a call with its cost and its trace.

import Link from "next/link";
import { useState } from "react";
import type { ReactNode } from "react";
import { Connect } from "./connect";
import { MadeKey, NewKey } from "./keyform";
import { Button, Panel, Segment, Snippet, Status, useAction } from "./ui";
import { api, got } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { chat } from "@/lib/chat";
import { money, ms } from "@/lib/format";
import { useSession } from "@/lib/session";
import { SNIPPETS, snippet } from "@/lib/snippets";
import type { Client } from "@/lib/snippets";
import { useAsk } from "@/lib/use";

const HIDDEN = "first";
const FIRST_KEYS = new Set(["first key", "first admin key"]);

export function FirstMinute({ quiet }: { quiet: boolean }) {
  const { may } = useSession();
  const [shut, setShut] = useState(() => typeof localStorage !== "undefined" && localStorage.getItem(HIDDEN) === "done");
  const asking = !shut && !quiet;
  const logs = useAsk(asking && may("logs:view") ? ["logs", "any"] : null, () => got(api.GET("/api/v1/logs", { params: { query: { limit: 1 } } })), 2);
  const providers = useAsk(asking && may("config:view") ? ["providers"] : null, () => got(api.GET("/api/v1/config/providers", {})), 10);
  const keys = useAsk(asking && may("api_keys:view") ? ["keys", "few"] : null, () => got(api.GET("/api/v1/config/virtual-keys", { params: { query: { limit: 5 } } })), 10);
  const [dialog, setDialog] = useState<"provider" | "key" | null>(null);
  const [made, setMade] = useState<Schema["MadeKey"] | null>(null);
  const [busy, run] = useAction();
  if (!asking) return null;
  const call = logs.data?.data[0];
  const named = (providers.data?.data ?? []).filter((p) => p.name !== "sandbox");
  const own = (keys.data?.data ?? []).filter((k) => k.kind === "key" && !FIRST_KEYS.has(k.name));
  const send = () => run(async () => { await chat({ model: "sandbox/chat", messages: [{ role: "user", content: "Hello" }] }, () => {}, new AbortController().signal); await logs.mutate(); }, "Sent. It appears below within a second.");
  const steps: [done: boolean, name: string, about: ReactNode, act: ReactNode][] = [
    [!!call, "Send the first request", "The built-in sandbox answers without any provider key.", <><Button look={call ? "" : "primary"} busy={busy} onClick={() => void send()}>Send “Hello”</Button><Link className="button" href="/playground">Open the playground</Link></>],
    [named.length > 0, "Connect a provider", "Paste a key of OpenAI, Anthropic, Google or another; it is sealed, and tried at once.", may("provider_keys:create") ? <Button onClick={() => setDialog("provider")}>Paste a key</Button> : null],
    [own.length > 0, "Make a key for an application", "With limits and a budget of its own.", may("api_keys:create") ? <Button onClick={() => setDialog("key")}>Make a key</Button> : null],
    [!!call, "See what it cost and why", "Every call has a trace: which model, why, each attempt, each cent.", call ? <Link className="button" href={`/trace?id=${call.id}`}>Open the latest call</Link> : null],
  ];
  const left = steps.filter(([done]) => !done).length;
  return (
    <Panel title={left ? `First steps: ${left} left` : "First steps: all done"} flush aside={<Button look="plain" onClick={() => { localStorage.setItem(HIDDEN, "done"); setShut(true); }}>Hide</Button>}>
      <div className="firststeps">
        <ol className="checklist">
          {steps.map(([done, name, about, act]) => (
            <li key={name} className={done ? "done" : ""}>
              <span className="mark" aria-hidden="true">{done ? "✓" : ""}</span>
              <div className="grow"><strong>{name}</strong>{done ? <span className="sr"> (done)</span> : null}<div className="muted">{about}</div><div className="row">{act}</div></div>
            </li>
          ))}
        </ol>
        <div className="body stack">
          <Paste secret={made?.kind === "key" ? made.key : undefined} model={made?.models[0] ?? "sandbox/chat"} />
          {call ? <Arrived of={call} /> : <div className="note-box row"><span className="pulse" aria-hidden="true" />Waiting for the first call …</div>}
        </div>
      </div>
      {dialog === "provider" ? <Connect close={() => setDialog(null)} done={() => void providers.mutate()} /> : null}
      {dialog === "key" ? <NewKey close={() => setDialog(null)} done={(key) => { setDialog(null); setMade(key); void keys.mutate(); }} /> : null}
      <Shown made={made} />
    </Panel>
  );
}

function Shown({ made }: { made: Schema["MadeKey"] | null }) {
  const [seen, setSeen] = useState<string | null>(null);
  return <MadeKey made={made && made.id !== seen ? made : null} close={() => setSeen(made?.id ?? null)} />;
}

function Paste({ secret, model }: { secret?: string; model: string }) {
  const [client, setClient] = useState<Client>("curl");
  const origin = typeof location === "undefined" ? "" : location.origin;
  return (
    <>
      <Segment label="Client" options={SNIPPETS} value={client} onChange={setClient} />
      <Snippet text={snippet(client, origin, model, secret)} />
    </>
  );
}

/** The latest call, as it came: its cost and its time, and the way to its trace. */
function Arrived({ of: call }: { of: Schema["Log"] }) {
  return (
    <div className="note-box row" aria-live="polite">
      <Status of={call.status} />
      <strong>{call.model_used ?? call.model_requested}</strong>
      <span>{money(call.cost_usd)}</span>
      <span className="muted">{call.input_tokens} → {call.output_tokens} tokens, {ms(call.total_ms)}</span>
      <Link href={`/trace?id=${call.id}`}>Trace</Link>
    </div>
  );
}
