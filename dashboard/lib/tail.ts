"use client";

// Calls as they end: asked for again and again, each time after the last that was seen.

import { useEffect, useRef, useState } from "react";
import { raw } from "./api";
import type { Schema } from "./api";

const KEPT = 200;
const AGAIN = 2000;

/** The calls that ended since this began and fit *query*, the latest first; `null` stops. */
export function useTail(query: string | null): { calls: Schema["Log"][]; alive: boolean } {
  const [calls, setCalls] = useState<Schema["Log"][]>([]);
  const [alive, setAlive] = useState(true);
  const last = useRef("");
  useEffect(() => {
    setCalls([]);
    last.current = "";
    if (query === null) {
      setAlive(true);
      return;
    }
    const stop = new AbortController();
    void follow(query, last, stop.signal, (more) => setCalls((before) => [...more, ...before].slice(0, KEPT)), setAlive);
    return () => stop.abort();
  }, [query]);
  return { calls, alive };
}

async function follow(query: string, last: { current: string }, signal: AbortSignal, take: (calls: Schema["Log"][]) => void, setAlive: (alive: boolean) => void): Promise<void> {
  while (!signal.aborted) {
    try {
      const text = await (await raw(`/api/v1/logs/tail?${query}${last.current ? `&after=${last.current}` : ""}`, { signal })).text();
      setAlive(true);
      const found: Schema["Log"][] = [];
      for (const event of text.split("\n\n")) {
        const said = Object.fromEntries(event.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
        if (said.id) last.current = said.id;
        if (said.event === "call" && said.data) found.unshift(JSON.parse(said.data) as Schema["Log"]);
      }
      if (found.length) take(found);
    } catch {
      if (signal.aborted) return;
      setAlive(false);
      await new Promise((go) => setTimeout(go, AGAIN));
    }
  }
}
