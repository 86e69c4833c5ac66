"use client";

import { useCallback, useState } from "react";
import useSWR from "swr";

/** Asks the gateway, keeps the answer by *key*, and asks again every *seconds* where that is given. `null` waits. */
export function useAsk<T>(key: unknown[] | null, ask: () => Promise<T>, seconds?: number) {
  return useSWR<T>(key && JSON.stringify(key), ask, {
    refreshInterval: seconds ? seconds * 1000 : 0,
    revalidateOnFocus: false,
    keepPreviousData: true,
    shouldRetryOnError: false,
  });
}

/** Milliseconds after which the workers go by what was changed. */
export const IN_FORCE = 1500;

/** Asks again after a change: at once, and when it is in force. */
export function again(mutate: () => unknown): void {
  void mutate();
  setTimeout(() => void mutate(), IN_FORCE);
}

/** Pages of a list that the gateway cuts: `next` of one is `after` of the following one. */
export function usePages() {
  const [trail, setTrail] = useState<string[]>([]);
  const restart = useCallback(() => setTrail([]), []);
  return {
    after: trail[trail.length - 1],
    number: trail.length + 1,
    forward: (next: string) => setTrail([...trail, next]),
    back: () => setTrail(trail.slice(0, -1)),
    restart,
  };
}

export const SPANS = [
  ["1h", "1 hour"],
  ["24h", "24 hours"],
  ["7d", "7 days"],
  ["30d", "30 days"],
] as const;
export type Span = (typeof SPANS)[number][0];
const HOURS: Record<Span, number> = { "1h": 1, "24h": 24, "7d": 168, "30d": 720 };

/** The instants that a span reaches from and to, at whole hours, as usage is kept. */
export function bounds(span: Span): { since: string; until: string } {
  const end = new Date();
  end.setMinutes(60, 0, 0);
  return { since: new Date(end.getTime() - HOURS[span] * 3_600_000).toISOString(), until: end.toISOString() };
}

/** Rows of sums by hour or day, with one for each that had none: a gap in the traffic is shown as what it is. */
export function filled<T extends { name: string | null }>(rows: T[] | undefined, over: "hour" | "day", span: Span): { at: string[]; rows: (T | undefined)[] } {
  const step = over === "day" ? 86_400_000 : 3_600_000;
  const { since, until } = bounds(span);
  const name = (time: number) => new Date(time).toISOString().slice(0, over === "day" ? 10 : 16) + (over === "day" ? "" : "Z");
  const first = Math.floor(Date.parse(since) / step) * step;
  const at = Array.from({ length: Math.ceil((Date.parse(until) - first) / step) }, (_, n) => name(first + n * step));
  const found = new Map((rows ?? []).map((row) => [row.name, row]));
  return { at, rows: at.map((one) => found.get(one)) };
}
