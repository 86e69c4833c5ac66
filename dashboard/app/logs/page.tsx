"use client";

import { useSearchParams } from "next/navigation";
import { Suspense, useDeferredValue, useEffect, useState } from "react";
import { Calls } from "@/components/calls";
import { useNames } from "@/components/form";
import { FILTERS, LogFilter } from "@/components/logfilter";
import type { Filter } from "@/components/logfilter";
import { Pager } from "@/components/pager";
import { Button, Empty, Head, Loaded, Panel, Time } from "@/components/ui";
import { json } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { useSession } from "@/lib/session";
import { useTail } from "@/lib/tail";
import { bounds, useAsk, usePages } from "@/lib/use";
import type { Span } from "@/lib/use";

const LONG_ENOUGH = 3;
/** Seconds after which the list is asked for again while it is live: other machines' calls, and what is searched for in texts, come by it alone. */
const AGAIN = 5;

export default function Page() {
  return <Suspense><Logs /></Suspense>;
}

function Logs() {
  const asked = useSearchParams();
  const { may } = useSession();
  const [filter, setFilter] = useState<Filter>(() => Object.fromEntries(FILTERS.map((name) => [name, asked.get(name) ?? ""])));
  const [span, setSpan] = useState<Span>((asked.get("span") as Span | null) ?? "24h");
  const [between, setBetween] = useState(() => (asked.get("since") ? { since: asked.get("since") ?? "", until: asked.get("until") } : null));
  const [live, setLive] = useState(!between?.until);
  const pages = usePages();
  const keys = useNames(may("api_keys:view") ? "config/virtual-keys" : null);
  const said = useDeferredValue(query(filter));
  const time = between ? `since=${encodeURIComponent(between.since)}${between.until ? `&until=${encodeURIComponent(between.until)}` : ""}` : `since=${bounds(span).since}`;
  const page = `/api/v1/logs?limit=50&${time}${said && `&${said}`}${pages.after ? `&after=${pages.after}` : ""}`;
  const first = live && pages.number === 1;
  const found = useAsk(["logs", page], () => json<Schema["Logs"]>(page), first ? AGAIN : undefined);
  const tail = useTail(first && !filter.contains?.trim() && !filter.text?.trim() ? said : null);
  useEffect(() => history.replaceState(null, "", said ? `?${said}` : location.pathname), [said]);
  const fresh = pages.number === 1 ? tail.calls : [];
  const seen = new Set(fresh.map((one) => one.id));
  const rows = [...fresh, ...(found.data?.data ?? []).filter((one) => !seen.has(one.id))];
  return (
    <>
      <Head title="Logs" aside={<Button aria-pressed={live} onClick={() => { setLive(!live); if (live) void found.mutate(); }}>{live ? <><span className={tail.alive ? "pulse" : "pulse off"} aria-hidden="true" />{tail.alive ? "Live" : "Lost, trying again"}</> : "Paused"}</Button>}>
        Every call that ended, the latest first. Open one to see what happened to it.
      </Head>
      <LogFilter filter={filter} set={(to) => { setFilter(to); pages.restart(); }} span={span} setSpan={(to) => { setSpan(to); pages.restart(); }} />
      {between ? <div className="row"><span className="tag">From <Time at={between.since} />{between.until ? <> until <Time at={between.until} /></> : null}</span><Button look="plain" onClick={() => { setBetween(null); setLive(true); pages.restart(); }}>Any time</Button></div> : null}
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Calls rows={rows} keys={keys} empty={<Nothing filtered={!!said} more={!!found.data?.next} />} />
          <Pager pages={pages} next={found.data?.next} />
        </Loaded>
      </Panel>
    </>
  );
}

function Nothing({ filtered, more }: { filtered: boolean; more: boolean }) {
  if (more) return <Empty title="Nothing in this part of the log"><span>It was searched in part: go on with the older ones.</span></Empty>;
  return <Empty title={filtered ? "Nothing fits these filters" : "No calls in this time"}><span>{filtered ? "Clear a filter, or choose a longer time." : "Send one from the playground; it appears here within a second."}</span></Empty>;
}

/** The filters as the gateway takes them; what is too short to search for is left out. */
function query(filter: Filter): string {
  const set = Object.entries(filter).map(([name, value]) => [name, value.trim()] as const);
  return new URLSearchParams(set.filter(([name, value]) => value && !(name === "contains" && value.length < LONG_ENOUGH)).map(([name, value]) => [name, value])).toString();
}
