// A streamed chat through the gateway, as any client would ask for it.

import { PREFIX, Refused, json, ownKey } from "./api";

export type ToolCall = { id: string; name: string; arguments: string };
export type Turn =
  | { role: "system" | "user"; content: string }
  | { role: "assistant"; content: string | null; tool_calls?: { id: string; type: "function"; function: { name: string; arguments: string } }[] }
  | { role: "tool"; tool_call_id: string; content: string };
export type Told = { text: string; thought: string; calls: ToolCall[]; finish: string | null; id: string | null; model: string | null; cost: string | null; usage: { input: number; output: number } | null; firstMs: number | null; totalMs: number | null };
export const NOTHING: Told = { text: "", thought: "", calls: [], finish: null, id: null, model: null, cost: null, usage: null, firstMs: null, totalMs: null };

let token: { value: string; until: number } | null = null;

/** A token of a few minutes with which the page itself may call models, in the name of who is signed in. */
async function credential(): Promise<string> {
  const key = ownKey();
  if (key) return key;
  if (token && token.until > Date.now() + 30_000) return token.value;
  const found = await json<{ access_token: string; expires_in: number }>("/api/v1/auth/refresh", "POST", {});
  token = { value: found.access_token, until: Date.now() + found.expires_in * 1000 };
  return token.value;
}

export function forgetCredential(): void {
  token = null;
}

export async function chat(body: Record<string, unknown>, seen: (told: Told) => void, signal: AbortSignal): Promise<Told> {
  const began = performance.now();
  const response = await fetch(`${PREFIX}/v1/chat/completions`, {
    method: "POST",
    signal,
    headers: { authorization: `Bearer ${await credential()}`, "content-type": "application/json", "x-headgate-stream-info": "1" },
    body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
  });
  const told: Told = { ...NOTHING, calls: [], id: response.headers.get("x-request-id"), model: response.headers.get("x-headgate-model") };
  if (!response.ok || !response.body) {
    const error = (await response.json().catch(() => ({}))).error ?? {};
    throw new Refused(response.status, error.message ?? `Status ${response.status}`, error.code ?? "unknown", error.param ?? null, told.id);
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    held += value ?? "";
    const events = held.split(/\r?\n\r?\n/);
    held = done ? "" : (events.pop() ?? "");
    for (const event of events) take(event, told, began);
    told.totalMs = performance.now() - began;
    seen({ ...told });
    if (done) return told;
  }
}

function take(event: string, told: Told, began: number): void {
  for (const line of event.split(/\r?\n/)) {
    if (line.startsWith(": headgate ")) {
      const info = JSON.parse(line.slice(11));
      told.cost = info.cost ?? told.cost;
    } else if (line.startsWith("data:") && line.slice(5).trim() !== "[DONE]") {
      const chunk = JSON.parse(line.slice(5));
      if (chunk.error) throw new Refused(502, chunk.error.message, chunk.error.code, null, told.id);
      const choice = chunk.choices?.[0];
      const delta = choice?.delta ?? {};
      if (told.firstMs == null && (delta.content || delta.reasoning || delta.tool_calls)) told.firstMs = performance.now() - began;
      told.text += delta.content ?? "";
      told.thought += delta.reasoning ?? "";
      for (const piece of delta.tool_calls ?? []) called(told.calls, piece);
      told.finish = choice?.finish_reason ?? told.finish;
      if (chunk.usage) told.usage = { input: chunk.usage.prompt_tokens, output: chunk.usage.completion_tokens };
    }
  }
}

type Piece = { index?: number; id?: string; function?: { name?: string; arguments?: string } };

/** Puts a piece of a tool's call to what came of it before. */
function called(calls: ToolCall[], piece: Piece): void {
  const at = piece.index ?? calls.length;
  const call = (calls[at] ??= { id: "", name: "", arguments: "" });
  call.id ||= piece.id ?? "";
  call.name += piece.function?.name ?? "";
  call.arguments += piece.function?.arguments ?? "";
}

/** The turn that an answer is in the conversation from then on. */
export function answered(told: Told): Turn {
  const calls = told.calls.map(({ id, name, arguments: given }) => ({ id, type: "function" as const, function: { name, arguments: given } }));
  return { role: "assistant", content: told.text || null, ...(calls.length ? { tool_calls: calls } : {}) };
}
