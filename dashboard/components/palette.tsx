"use client";

// The command palette: any page, a call by its id, models, routes and keys by name, and what can be done from anywhere.

import { useRouter } from "next/navigation";
import { useDeferredValue, useEffect, useRef, useState } from "react";
import { json } from "@/lib/api";
import type { PageLink } from "@/lib/pages";
import { useSession } from "@/lib/session";
import { switchTheme } from "@/lib/theme";
import { useAsk } from "@/lib/use";

type Found = { name: string; note: string; go: string | (() => void) };
type Named = { id: string; name?: string };
const ENOUGH = 2;

export function Palette({ pages, close }: { pages: PageLink[]; close: () => void }) {
  const router = useRouter();
  const { leave } = useSession();
  const ref = useRef<HTMLDialogElement>(null);
  const [words, setWords] = useState("");
  const [at, setAt] = useState(0);
  useEffect(() => ref.current?.showModal(), []);
  const said = words.trim();
  const things = useThings(useDeferredValue(said));
  const actions: Found[] = [
    { name: "Light or dark", note: "Theme", go: switchTheme },
    { name: "Sign out", note: "Session", go: () => void leave() },
  ];
  const fits = (text: string) => text.toLowerCase().includes(said.toLowerCase());
  const found: Found[] = [
    ...(/^[0-9a-f-]{32,36}$/i.test(said) ? [{ name: `Call ${said}`, note: "Trace", go: `/trace?id=${said}` }] : []),
    ...pages.filter((p) => fits(`${p.name} ${p.words ?? ""} ${p.group}`)).map((p) => ({ name: p.name, note: p.group, go: p.path })),
    ...things,
    ...actions.filter((one) => said && fits(`${one.name} ${one.note}`)),
  ];
  const go = (n: number) => {
    const one = found[n];
    if (!one) return;
    close();
    if (typeof one.go === "string") router.push(one.go);
    else one.go();
  };
  return (
    <dialog ref={ref} className="palette" aria-label="Go to" onClose={close}>
      <input
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls="palette"
        aria-activedescendant={found.length ? `to-${at}` : undefined}
        aria-label="Go to a page, or to a call by its id"
        placeholder="A page, a model, a route, a key, or a call's id"
        value={words}
        onChange={(e) => { setWords(e.target.value); setAt(0); }}
        onKeyDown={(e) => {
          if (e.key === "ArrowDown") { e.preventDefault(); setAt(Math.min(at + 1, found.length - 1)); }
          if (e.key === "ArrowUp") { e.preventDefault(); setAt(Math.max(at - 1, 0)); }
          if (e.key === "Enter") go(at);
        }}
      />
      {found.length ? (
        <ul id="palette" role="listbox" aria-label="Pages">
          {found.map((one, n) => (
            <li key={`${one.note} ${one.name}`} id={`to-${n}`} role="option" aria-selected={n === at} onMouseEnter={() => setAt(n)} onClick={() => go(n)}>
              <span className="clip">{one.name}</span><span className="muted">{one.note}</span>
            </li>
          ))}
        </ul>
      ) : <p className="body muted">Nothing is called that.</p>}
    </dialog>
  );
}

/** What has *said* in its name. */
function useThings(said: string): Found[] {
  const { may } = useSession();
  const word = encodeURIComponent(said);
  const ask = (permission: string, path: string) => (said.length >= ENOUGH && may(permission) ? path : null);
  const models = useList(ask("config:view", `/api/v1/config/models?usable=true&limit=5&search=${word}`));
  const keys = useList(ask("api_keys:view", `/api/v1/config/virtual-keys?limit=5&search=${word}`));
  const routes = useList(ask("routes:view", "/api/v1/routes"));
  return [
    ...routes.filter((one) => one.name?.includes(said)).slice(0, 5).map((one) => ({ name: one.name ?? "", note: "Calls of this route", go: `/logs?route=${encodeURIComponent(one.name ?? "")}` })),
    ...models.map((one) => ({ name: one.id, note: "Playground", go: `/playground?model=${encodeURIComponent(one.id)}` })),
    ...keys.map((one) => ({ name: one.name ?? one.id, note: "Calls of this key", go: `/logs?key_id=${one.id}` })),
  ];
}

function useList(path: string | null): Named[] {
  return useAsk(path ? [path] : null, () => json<{ data: Named[] }>(path ?? "")).data?.data ?? [];
}
