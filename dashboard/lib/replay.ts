// A finished call as the playground can ask it again: what was said, where the logging policy kept it.

import { Refused, json } from "./api";
import type { Schema } from "./api";
import type { Turn } from "./chat";

export type Kept = { text: string; document: unknown; raw: string | null; cut: boolean; size: number; base64: boolean; found: Record<string, number>; marks: { path: string; start: number; end: number; kind: string }[]; tool_calls: { id: string; name: string; arguments: string }[] };
export type Payload = { id: string; at: string; level: string; operation: string; dialect: string; request: Kept; answer: Kept };
export type Replay = { model: string; parameters: Record<string, unknown>; system: string; turns: Turn[]; tools: string; note: string };

/** What was said in a call; null where nothing of it is kept. */
export async function payloadOf(id: string): Promise<Payload | null> {
  try {
    return await json<Payload>(`/api/v1/logs/${encodeURIComponent(id)}/payload`);
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}

export async function replayed(id: string): Promise<Replay> {
  const trace = await json<Schema["Trace"]>(`/api/v1/traces/${encodeURIComponent(id)}`);
  const payload = await payloadOf(id).catch(() => null);
  const body = isMap(payload?.request.document) ? payload.request.document : null;
  const model = trace.call.model_requested ?? "sandbox/chat";
  const parameters = { ...(trace.call.parameters ?? {}), ...(body ?? {}) };
  const said = body ? conversation(body) : null;
  if (!said) return { model, parameters, system: "", turns: [], tools: "", note: `The model and the parameters are those of call ${id}. Its text is not kept: write the message yourself.` };
  return { model, parameters, ...said, tools: Array.isArray(body?.tools) && payload?.dialect === "openai-chat" ? JSON.stringify(body.tools, null, 2) : "", note: `This is what call ${id} asked${payload?.level === "redacted" ? ", with what was masked in it" : ""}. Send it again as it is, change it, or compare another model.` };
}

/** Messages in OpenAI's or Anthropic's form, or the input of a response, as turns of the playground. */
function conversation(body: Record<string, unknown>): { system: string; turns: Turn[] } | null {
  const listed = Array.isArray(body.messages) ? body.messages : Array.isArray(body.input) ? body.input : null;
  if (!listed) {
    const text = typeof body.input === "string" ? body.input : typeof body.prompt === "string" ? body.prompt : null;
    return text === null ? null : { system: plain(body.instructions), turns: [{ role: "user", content: text }] };
  }
  const system = [plain(body.system ?? body.instructions)];
  const turns: Turn[] = [];
  for (const one of listed.filter(isMap)) {
    const content = plain(one.content);
    if (one.role === "system" || one.role === "developer") system.push(content);
    else if (one.role === "tool") turns.push({ role: "tool", tool_call_id: String(one.tool_call_id ?? ""), content });
    else if (one.role === "assistant") turns.push({ role: "assistant", content: content || null, ...(Array.isArray(one.tool_calls) ? { tool_calls: one.tool_calls as never } : {}) });
    else turns.push({ role: "user", content });
  }
  return { system: system.filter(Boolean).join("\n"), turns };
}

/** The text of a content, whatever parts it is made of. */
function plain(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part) => (typeof part === "string" ? part : isMap(part) && typeof part.text === "string" ? part.text : "")).filter(Boolean).join("\n");
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
