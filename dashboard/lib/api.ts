// The one way to the gateway: typed by its OpenAPI document, with errors that say what to do.

import createClient from "openapi-fetch";
import type { components, paths } from "./openapi";

export const PREFIX = process.env.NEXT_PUBLIC_PREFIX ?? "";
export type Schema = components["schemas"];

/** What the gateway refused, in its own words. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code: string,
    readonly param: string | null,
    readonly requestId: string | null,
  ) {
    super(message);
  }
}

let csrf: string | null = null;
let key: string | null = null;
let signedOut: () => void = () => {};

/** Takes the token that changes made by cookie must carry. */
export function setCsrf(token: string | null): void {
  csrf = token;
}

/** Takes an admin key that stands for a session: kept by this tab alone, and gone with it. */
export function setKey(given: string | null): void {
  key = given;
  if (given) sessionStorage.setItem("key", given);
  else sessionStorage.removeItem("key");
}

/** What the page itself calls models with, where an admin key is signed in. */
export function ownKey(): string | null {
  return key;
}

/** Notes that there may be a session's cookie from now on: pages cannot see it. */
export function remember(): void {
  localStorage.setItem("session", "1");
}

/** Finds again what this tab was signed in with; false where there is nothing to try. */
export function recall(): boolean {
  key = sessionStorage.getItem("key");
  return key !== null || localStorage.getItem("session") === "1";
}

/** Forgets that anybody was signed in. */
export function forget(): void {
  setKey(null);
  localStorage.removeItem("session");
}

/** Says what to do once the session is over. */
export function onSignedOut(act: () => void): void {
  signedOut = act;
}

async function send(request: Request): Promise<Response> {
  if (key) request.headers.set("authorization", `Bearer ${key}`);
  if (csrf && request.method !== "GET") request.headers.set("x-csrf-token", csrf);
  let response: Response;
  try {
    response = await fetch(request);
  } catch {
    throw new Refused(0, "The gateway does not answer. Is it running?", "unreachable", null, null);
  }
  if (response.ok) return response;
  const text = await response.text();
  let error: { message?: string; code?: string; param?: string | null } = {};
  try {
    error = JSON.parse(text).error ?? {};
  } catch {
    error = { message: text.slice(0, 300) };
  }
  if (response.status === 401) signedOut();
  throw new Refused(
    response.status,
    error.message || `The gateway answered with status ${response.status}.`,
    error.code ?? "unknown",
    error.param ?? null,
    response.headers.get("x-request-id"),
  );
}

export const api = createClient<paths>({ baseUrl: PREFIX, credentials: "same-origin", fetch: send });

/** Unwraps an answer of `api`: errors were thrown before. */
export async function got<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

/** Asks for a path of which the document tells no type, such as a stream. */
export async function raw(path: string, init: RequestInit = {}): Promise<Response> {
  return send(new Request(new URL(PREFIX + path, location.href), { credentials: "same-origin", ...init }));
}

export async function json<T>(path: string, method = "GET", body?: unknown): Promise<T> {
  const response = await raw(path, {
    method,
    headers: body === undefined ? {} : { "content-type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return response.status === 204 ? (undefined as T) : response.json();
}
