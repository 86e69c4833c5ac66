"use client";

// What was measured of deployments, as the workers know it: shared by models and providers.

import type { Schema } from "@/lib/api";
import { api, got } from "@/lib/api";
import { useAsk } from "@/lib/use";

export type Measured = { samples?: number; latency_ms?: number; p95_ms?: number; first_token_ms?: number; first_token_p95_ms?: number; tokens_per_second?: number; error_rate?: number; inflight?: number };

export function useHealth(allowed = true) {
  return useAsk(allowed ? ["health"] : null, () => got(api.GET("/api/v1/providers/health", {})), 5);
}

/** One line for each deployment: several workers each know their part, weighed here by how many calls they saw. */
export function together(standings: readonly Schema["Standing"][]): Map<string, { states: string[]; reason: string; measured: Measured }> {
  const found = new Map<string, Schema["Standing"][]>();
  for (const one of standings) found.set(one.name, [...(found.get(one.name) ?? []), one]);
  return new Map([...found].map(([name, all]) => [name, { states: [...new Set(all.map((one) => one.state))], reason: all.map((one) => one.reason).find(Boolean) ?? "", measured: merged(all.map((one) => (one.measured ?? {}) as Measured)) }]));
}

function merged(all: Measured[]): Measured {
  const samples = all.reduce((sum, one) => sum + (one.samples ?? 0), 0);
  const mean = (name: keyof Measured) => (samples ? all.reduce((sum, one) => sum + (one[name] ?? 0) * (one.samples ?? 0), 0) / samples : undefined);
  return { samples, latency_ms: mean("latency_ms"), p95_ms: mean("p95_ms"), first_token_ms: mean("first_token_ms"), first_token_p95_ms: mean("first_token_p95_ms"), tokens_per_second: mean("tokens_per_second"), error_rate: mean("error_rate"), inflight: all.reduce((sum, one) => sum + (one.inflight ?? 0), 0) };
}
