"use client";

import Link from "next/link";
import { useState } from "react";
import { Connect } from "@/components/connect";
import { together, useHealth } from "@/components/measured";
import type { Measured } from "@/components/measured";
import { Named } from "@/components/named";
import { Badge, Button, Confirm, Empty, Head, Loaded, Panel, Status, Table, Tabs, Time, useAction } from "@/components/ui";
import type { Tone } from "@/components/ui";
import { api, got } from "@/lib/api";
import { count, ms, percent } from "@/lib/format";
import { useSession } from "@/lib/session";
import { useAsk } from "@/lib/use";

type Look = { ok?: boolean; models?: number; error?: string | null; at?: string; latency_ms?: number };
type Provider = { name: string; kind: string; base_url: string; keys: number; last_look: Look | null };
/** What a breaker's states mean for who looks at them. */
const STATES: Record<string, [string, Tone]> = { closed: ["healthy", "good"], open: ["left alone", "bad"], "half-open": ["being tried", "warn"], benched: ["asked to wait", "warn"] };
type Deployment = { name: string; states: string[]; reason: string; measured: Measured };

type Tab = "accounts" | "configured";

export default function Page() {
  const { may } = useSession();
  const [tab, setTab] = useState<Tab>("accounts");
  const [open, setOpen] = useState<string | null>(null);
  return (
    <>
      <Head title="Providers" aside={may("provider_keys:create") ? <Button look="primary" onClick={() => { setTab("accounts"); setOpen(""); }}>Connect a provider</Button> : null}>
        Accounts that calls go to, and how each deployment does now, as the workers measure it.
      </Head>
      <Tabs<Tab> label="Providers" options={[["accounts", "Accounts"], ["configured", "Configuration"]]} value={tab} onChange={setTab} />
      {tab === "accounts" ? <Accounts open={open} setOpen={setOpen} /> : null}
      {tab === "configured" ? (
        <Named
          of={{
            path: "config/providers", section: "providers", title: "Providers", one: "provider", changing: "providers:update",
            empty: "An account at a service, or a server of your own: its models are called provider/model.",
            removal: "No new call goes there after a second; its sealed keys stay until they are removed.",
            start: { kind: "openai-compatible", base_url: "" },
            upper: ["kind", "base_url", "price", "headers", "enabled"],
            columns: [
              { name: "Kind", show: (r) => <span className="tag">{String(r.config.kind ?? "")}</span> },
              { name: "Address", show: (r) => <span className="mono clip">{String(r.config.base_url ?? "")}</span> },
            ],
          }}
        />
      ) : null}
    </>
  );
}

function Accounts({ open, setOpen }: { open: string | null; setOpen: (name: string | null) => void }) {
  const { may } = useSession();
  const providers = useAsk(["providers"], () => got(api.GET("/api/v1/config/providers", {})), 10);
  const health = useHealth();
  const deployments: Deployment[] = [...together(health.data?.data ?? [])].map(([name, one]) => ({ name, ...one })).sort((a, b) => (b.measured.samples ?? 0) - (a.measured.samples ?? 0));
  return (
    <>
      <Panel title="Accounts" flush>
        <Loaded error={providers.error} loading={providers.isLoading} retry={() => void providers.mutate()}>
          <Table<Provider>
            label="Accounts"
            rows={(providers.data?.data ?? []) as Provider[]}
            id={(p) => p.name}
            open={may("provider_keys:view") ? (p) => setOpen(p.name) : undefined}
            empty={<Empty title="No providers"><span>Connect one, or set the usual environment variable of its key.</span></Empty>}
            columns={[
              { name: "Name", show: (p) => <strong>{p.name}</strong> },
              { name: "Kind", show: (p) => <span className="tag">{p.kind}</span> },
              { name: "Address", show: (p) => <span className="mono clip">{p.base_url}</span> },
              { name: "Keys", num: true, show: (p) => (p.kind === "sandbox" ? "none needed" : String(p.keys ?? "–")) },
              { name: "Its models", show: (p) => <Seen of={p.last_look} sandbox={p.kind === "sandbox"} /> },
              { name: "Last look", show: (p) => (p.last_look?.at ? <Time at={p.last_look.at} /> : <span className="muted">–</span>) },
            ]}
          />
        </Loaded>
      </Panel>
      <Panel title="Deployments" flush>
        <Loaded error={health.error} loading={health.isLoading} retry={() => void health.mutate()}>
          <Table<Deployment>
            label="Deployments"
            rows={deployments}
            id={(d) => d.name}
            empty={<Empty title="None was called yet"><span>A deployment appears here with its first call: state, speed and errors. <Link href="/playground">Try one</Link></span></Empty>}
            columns={[
              { name: "Deployment", show: (d) => <><span className="mono">{d.name}</span>{d.reason && d.states.some((one) => one !== "closed") ? <div className="small muted prose">{d.reason}</div> : null}</> },
              { name: "State", show: (d) => <span className="row">{d.states.map((one) => <Badge key={one} tone={STATES[one]?.[1] ?? ""}>{STATES[one]?.[0] ?? one}</Badge>)}</span> },
              { name: "Calls", num: true, show: (d) => count(d.measured.samples ?? 0) },
              { name: "First token", num: true, show: (d) => (d.measured.first_token_ms ? ms(d.measured.first_token_ms) : "–") },
              { name: "p95", num: true, show: (d) => ms(d.measured.p95_ms) },
              { name: "Tokens a second", num: true, show: (d) => (d.measured.tokens_per_second ? count(Math.round(d.measured.tokens_per_second)) : "–") },
              { name: "Errors", num: true, show: (d) => percent(d.measured.error_rate ?? 0, 1) },
              { name: "Under way", num: true, show: (d) => String(d.measured.inflight ?? 0) },
              { name: "", show: (d) => <div className="row end"><ByHand name={d.name} state={health.data?.by_hand[d.name]} may={may("providers:switch")} done={() => void health.mutate()} /></div> },
            ]}
          />
        </Loaded>
      </Panel>
      {open !== null ? <Connect name={open || undefined} close={() => setOpen(null)} done={() => void providers.mutate()} /> : null}
    </>
  );
}

function Seen({ of: look, sandbox }: { of: Look | null; sandbox: boolean }) {
  if (sandbox) return <span className="muted">built in</span>;
  if (!look) return <span className="muted">not looked yet</span>;
  return <span className="row"><Status of={look.error ? "failure" : "ok"} /><span className="small muted clip" title={look.error ?? ""}>{look.error ?? (look.models != null ? `${count(look.models)} models` : "")}</span></span>;
}

function ByHand({ name, state, may, done }: { name: string; state: string | undefined; may: boolean; done: () => void }) {
  const set = async (to: "open" | null) => { await api.POST("/api/v1/providers/health", { body: { name, state: to } }); done(); };
  const [busy, run] = useAction();
  if (!may) return state ? <Status of={state} /> : null;
  return state ? <Button busy={busy} onClick={() => void run(() => set(null))}>Let it decide</Button> : <Confirm name="Switch off" title={`Switch off ${name}`} consequence="No call goes there until it is let back; routes take the next deployment." act={() => set("open")} />;
}
