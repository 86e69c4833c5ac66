"use client";

// Sums of calls by any dimension over any time, beside the time before.

import { json } from "./api";
import { useAsk } from "./use";
import type { Span } from "./use";

export type Durations = { p50: number; p90: number; p95: number; p99: number; mean: number };
export type Sums = { name: string | null; requests: number; failures: number; fallbacks: number; attempts: number; cache_hits: number; input_tokens: number; output_tokens: number; cached_tokens: number; reasoning_tokens: number; cost_usd: string; saved_usd: string; unpriced: number };
export type Point = Sums & { at: string | null; error_rate: number | null; cache_hit_rate: number | null; latency: Durations | null; first_token: Durations | null; overhead: Durations | null };
export type Change = { name: string | null; now: number; before: number; change: number; share: number | null };
export type Analysis = { since: string; until: string; by: string | null; interval: string | null; source: "sums" | "calls"; complete: boolean; total: Point; data: Point[]; more: number; series: Point[]; previous: { since: string; until: string; total: Sums; changes: Change[] } | null };
export type Interval = "minute" | "hour" | "day";
export type Asked = { by?: string; interval?: Interval; sort?: string; compare?: boolean; limit?: number; [filter: string]: string | number | boolean | undefined };

const HOURS: Record<Span, number> = { "1h": 1, "24h": 24, "7d": 168, "30d": 720 };
const STEP: Record<Interval, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };
export const FINE: Record<Span, Interval> = { "1h": "minute", "24h": "hour", "7d": "hour", "30d": "day" };
/** What calls are called that have no name of the kind that is asked for. */
export const NONE = "(none)";
export const DIMENSIONS = ["model", "provider", "route", "key", "app", "team", "user", "tag", "surface", "status", "code"] as const;

/** The time that a span means now: it ends with this minute, so that the time before it is as long. */
export function lately(span: Span): { since: string; until: string } {
  const step = span === "1h" || span === "24h" ? STEP.minute : STEP.hour;
  const end = Math.ceil(Date.now() / step) * step;
  return { since: new Date(end - HOURS[span] * 3_600_000).toISOString(), until: new Date(end).toISOString() };
}

export function useAnalytics(asked: Asked | null, over: { since: string; until: string }, seconds?: number) {
  const set = Object.entries({ ...asked, ...over }).filter(([, value]) => value !== undefined && value !== "" && value !== false);
  const query = new URLSearchParams(set.map(([name, value]) => [name, String(value)])).toString();
  return useAsk(asked ? ["analytics", query] : null, () => json<Analysis>(`/api/v1/analytics?${query}`), seconds);
}

/** The windows of an answer, with those in which nothing happened; `of` finds a name's point in each. */
export function windows(found: Analysis | undefined): { at: string[]; of: (name?: string | null) => (Point | undefined)[] } {
  if (!found?.interval) return { at: [], of: () => [] };
  const step = STEP[found.interval as Interval];
  const first = Math.floor(Date.parse(found.since) / step) * step;
  const times = Array.from({ length: Math.max(1, Math.ceil((Date.parse(found.until) - first) / step)) }, (_, n) => first + n * step);
  return {
    at: times.map((time) => new Date(time).toISOString()),
    of: (name) => {
      const known = new Map(found.series.filter((point) => name === undefined || point.name === name).map((point) => [Date.parse(point.at ?? ""), point]));
      return times.map((time) => known.get(time));
    },
  };
}
