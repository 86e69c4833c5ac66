"use client";

// The first minute: what is left to do until a newcomer has seen a call with its cost and its trace.

import Link from "next/link";
import { useState } from "react";
import { Button, Panel, Segment, Snippet } from "./ui";
import { api, got } from "@/lib/api";
import { useSession } from "@/lib/session";
import { SNIPPETS, snippet } from "@/lib/snippets";
import type { Client } from "@/lib/snippets";
import { useAsk } from "@/lib/use";

export function FirstMinute({ quiet }: { quiet: boolean }) {
  const { may } = useSession();
  const [client, setClient] = useState<Client>("curl");
  const [shut, setShut] = useState(() => typeof localStorage !== "undefined" && localStorage.getItem("first") === "done");
  const logs = useAsk(["logs", "any"], () => got(api.GET("/api/v1/logs", { params: { query: { limit: 1 } } })), 4);
  const providers = useAsk(may("config:view") ? ["providers"] : null, () => got(api.GET("/api/v1/config/providers", {})));
  const keys = useAsk(may("api_keys:view") ? ["keys", "few"] : null, () => got(api.GET("/api/v1/config/virtual-keys", { params: { query: { limit: 5 } } })), 10);
  const call = logs.data?.data[0];
  const named = (providers.data?.data ?? []).filter((p) => p.name !== "sandbox");
  const made = (keys.data?.data ?? []).filter((k) => k.kind === "key" && k.name !== "first key");
  if (shut || (quiet && call)) return null;
  const origin = typeof location === "undefined" ? "" : location.origin;
  const steps: [boolean, string, React.ReactNode][] = [
    [!!call, "Send the first request", <>The built-in sandbox answers without any provider key: <Link key="p" href="/playground">open the playground</Link>, or run the command below.</>],
    [named.length > 0, "Connect a provider", <>Paste a key of OpenAI, Anthropic, Google or another on the <Link key="v" href="/providers">providers page</Link>, or set its usual environment variable.</>],
    [made.length > 0, "Make a key for an application", <>With its own limits and budget, on the <Link key="k" href="/keys">keys page</Link>.</>],
    [!!call, "See what it cost and why", call ? <Link key="t" href={`/trace?id=${call.id}`}>Open the latest call</Link> : <>Every call has a trace: which model, why, each attempt, each cent.</>],
  ];
  return (
    <Panel title="First steps" flush aside={<Button look="plain" onClick={() => { localStorage.setItem("first", "done"); setShut(true); }}>Hide</Button>}>
      <ol className="checklist">
        {steps.map(([done, name, text]) => (
          <li key={name} className={done ? "done" : ""}>
            <span className="mark" aria-hidden="true">{done ? "✓" : ""}</span>
            <div><strong>{name}</strong>{done ? <span className="sr"> (done)</span> : null}<div className="muted">{text}</div></div>
          </li>
        ))}
      </ol>
      <div className="body stack">
        <Segment label="Client" options={SNIPPETS} value={client} onChange={setClient} />
        <Snippet text={snippet(client, origin, "sandbox/chat")} />
      </div>
    </Panel>
  );
}
