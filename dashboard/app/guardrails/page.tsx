"use client";

import { useState } from "react";
import { GuardTest } from "@/components/guardtest";
import { Named, useNamed } from "@/components/named";
import { Badge, Empty, Head, Loaded, Panel, Tabs } from "@/components/ui";
import { useSession } from "@/lib/session";

const DEFAULT_ACTION = "block";

export default function Guardrails() {
  const { may } = useSession();
  const [tab, setTab] = useState<"policies" | "playground">("policies");
  return (
    <>
      <Head title="Guardrails">What looks at the text of calls, and refuses, masks or records what it finds. Routes name those that their calls pass.</Head>
      <Tabs label="Guardrails" options={[["policies", "Policies"], ...(may("guardrails:test") ? [["playground", "Playground"] as const] : [])]} value={tab} onChange={setTab} />
      {tab === "playground" ? <Playground /> : (
        <Named
          of={{
            path: "guardrails", section: "guardrails", title: "Guardrails", one: "guardrail", changing: "guardrails:change",
            empty: "Make one that masks personal data or refuses attacks on the prompt, try it here, then name it in a route.",
            removal: "Calls are no longer looked at by it. Routes that name it must let go of it first.",
            start: { kind: "pii", on: ["input"], action: "mask" },
            upper: ["on", "action", "shadow"],
            columns: [
              { name: "Kind", show: (r) => <span className="tag">{String(r.config.kind)}</span> },
              { name: "Looks at", show: (r) => ((r.config.on as string[] | undefined) ?? ["input", "output"]).join(" and ") },
              { name: "Does", show: (r) => <span className="row"><Badge tone={r.config.shadow ? "" : "info"}>{String(r.config.action ?? DEFAULT_ACTION)}</Badge>{r.config.shadow ? <span className="muted small">only recorded</span> : null}</span> },
            ],
            extra: may("guardrails:test") ? (config) => <details><summary>Try this draft on a text</summary><div className="inset"><GuardTest guardrails={[]} config={config} /></div></details> : undefined,
          }}
        />
      )}
    </>
  );
}

function Playground() {
  const found = useNamed("guardrails");
  const [off, setOff] = useState<string[]>([]);
  const names = (found.data?.data ?? []).map((one) => one.name);
  return (
    <Panel>
      <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
        {names.length ? (
          <div className="stack">
            <fieldset className="bare">
              <legend className="small muted">Look with</legend>
              <div className="row">
                {names.map((name) => <label key={name} className="row small"><input type="checkbox" checked={!off.includes(name)} onChange={(e) => setOff(e.target.checked ? off.filter((one) => one !== name) : [...off, name])} />{name}</label>)}
              </div>
            </fieldset>
            <GuardTest guardrails={names.filter((name) => !off.includes(name))} />
          </div>
        ) : <Empty title="No guardrails yet"><span>Make one under Policies; a draft can be tried there before it is saved.</span></Empty>}
      </Loaded>
    </Panel>
  );
}
