"use client";

// The small parts that every page is made of.

import { createContext, useCallback, useContext, useEffect, useId, useRef, useState } from "react";
import type { ButtonHTMLAttributes, ReactNode, SelectHTMLAttributes, SyntheticEvent } from "react";
import { createPortal } from "react-dom";
import { when, whenWhole } from "@/lib/format";
import { Refused } from "@/lib/api";

export function Button({
  look = "",
  busy = false,
  children,
  ...rest
}: { look?: "" | "primary" | "danger" | "plain"; busy?: boolean } & ButtonHTMLAttributes<HTMLButtonElement>) {
  return (
    <button type="button" className={`button ${look}`} aria-busy={busy} {...rest} disabled={rest.disabled || busy}>
      {children}
      {busy ? "…" : ""}
    </button>
  );
}

export function Field({ label, hint, wrong, children }: { label: string; hint?: ReactNode; wrong?: string | null; children: (id: string) => ReactNode }) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(id)}
      {wrong ? <span className="wrong" role="alert">{wrong}</span> : hint ? <span className="hint">{hint}</span> : null}
    </div>
  );
}

export function Select({ options, ...rest }: { options: readonly (string | readonly [string, string])[] } & SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <select {...rest}>
      {options.map((one) => {
        const [value, name] = typeof one === "string" ? [one, one] : one;
        return <option key={value} value={value}>{name}</option>;
      })}
    </select>
  );
}

export function Segment<T extends string>({ label, options, value, onChange }: { label: string; options: readonly (readonly [T, string])[]; value: T; onChange: (value: T) => void }) {
  return (
    <div className="segment" role="group" aria-label={label}>
      {options.map(([key, name]) => (
        <button key={key} type="button" aria-pressed={key === value} onClick={() => onChange(key)}>{name}</button>
      ))}
    </div>
  );
}

export function Tabs<T extends string>({ label, options, value, onChange }: { label: string; options: readonly (readonly [T, ReactNode])[]; value: T; onChange: (value: T) => void }) {
  return (
    <div className="tabs" role="tablist" aria-label={label}>
      {options.map(([key, name]) => (
        <button key={key} type="button" role="tab" aria-selected={key === value} onClick={() => onChange(key)}>{name}</button>
      ))}
    </div>
  );
}

export type Tone = "good" | "warn" | "bad" | "info" | "";

export function Badge({ tone = "", children }: { tone?: Tone; children: ReactNode }) {
  return <span className={`badge ${tone}`}>{children}</span>;
}

const TONES: Record<string, Tone> = {
  success: "good", active: "good", closed: "good", ok: "good", fallback: "warn", benched: "warn", "half-open": "warn",
  block: "bad", mask: "warn", flag: "info", allow: "good", not_run: "warn", reask: "warn", reroute: "warn", firing: "bad", acknowledged: "warn", silenced: "", resolved: "good", hit: "good", miss: "",
  done: "good", running: "info", waiting: "info", failed: "bad", cancelled: "",
  off: "", expired: "", chosen: "good", kept: "info", removed: "", sunk: "warn", shut: "bad", testing: "info", deprecated: "warn", failure: "bad", open: "bad", revoked: "bad", pending: "info", withdrawn: "", ended: "", approved: "good", refused: "bad",
};

export function Status({ of }: { of: string }) {
  return <Badge tone={TONES[of] ?? ""}>{of}</Badge>;
}

export function Panel({ title, aside, flush = false, children }: { title?: ReactNode; aside?: ReactNode; flush?: boolean; children: ReactNode }) {
  return (
    <section className="panel">
      {title || aside ? <header><h2>{title}</h2><div className="row">{aside}</div></header> : null}
      {flush ? children : <div className="body">{children}</div>}
    </section>
  );
}

export function Card({ label, value, note }: { label: string; value: ReactNode; note?: ReactNode }) {
  return (
    <div className="card">
      <div className="label">{label}</div>
      <div className="value">{value}</div>
      {note ? <div className="note">{note}</div> : null}
    </div>
  );
}

export function Head({ title, children, aside }: { title: string; children?: ReactNode; aside?: ReactNode }) {
  useEffect(() => { document.title = `${title} · Headgate`; }, [title]);
  return (
    <div className="head">
      <div><h1>{title}</h1>{children ? <p>{children}</p> : null}</div>
      <div className="row">{aside}</div>
    </div>
  );
}

/** What is known of one thing, name by name; what is not known is left out. */
export function Facts({ rows }: { rows: readonly (readonly [string, ReactNode])[] }) {
  return <dl className="kv">{rows.filter(([, value]) => value).map(([name, value]) => <div key={name} className="pair"><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

/** How much of an amount is used: a bar that a reader hears as a number. */
export function Meter({ share, label }: { share: number; label: string }) {
  const tone = share >= 1 ? "s4" : share >= 0.8 ? "s2" : "s0";
  return <svg viewBox="0 0 100 6" preserveAspectRatio="none" className={`chart meter ${tone}`} role="meter" aria-label={label} aria-valuenow={Math.round(share * 100)} aria-valuemin={0} aria-valuemax={100}><rect className="track" width="100" height="6" rx="2" /><rect className="bar" width={Math.min(100, share * 100)} height="6" rx="2" /></svg>;
}

export function Time({ at }: { at: string | null | undefined }) {
  return <time dateTime={at ?? undefined} title={whenWhole(at)}>{when(at)}</time>;
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return <div className="empty"><strong>{title}</strong>{children}</div>;
}

/** What a page shows while it waits, and when the gateway refuses. */
export function Loaded({ error, loading, retry, children }: { error?: unknown; loading: boolean; retry?: () => void; children: ReactNode }) {
  if (error) return <Trouble error={error} retry={retry} />;
  if (!loading) return <>{children}</>;
  return <div className="body stack" aria-busy="true" aria-label="Loading">{[1, 2, 3].map((n) => <div key={n} className="skeleton" />)}</div>;
}

export function Trouble({ error, retry }: { error: unknown; retry?: () => void }) {
  const message = error instanceof Error ? error.message : String(error);
  return (
    <div className="body">
      <div className="note-box bad" role="alert">
        <div>{message}</div>
        <div className="row small">
          {error instanceof Refused && error.requestId ? <span className="mono">request {error.requestId}</span> : null}
          {retry ? <Button look="plain" onClick={retry}>Try again</Button> : null}
        </div>
      </div>
    </div>
  );
}

export type Column<T> = { name: string; num?: boolean; show: (row: T) => ReactNode };

export function Table<T>({ rows, columns, id, open, label, empty, chosen }: { rows: readonly T[]; columns: readonly Column<T>[]; id: (row: T) => string; open?: (row: T) => void; label: string; empty?: ReactNode; chosen?: string | null }) {
  if (!rows.length && empty) return <>{empty}</>;
  return (
    <div className="table" tabIndex={0} role="region" aria-label={label}>
      <table role="table">
        <thead role="rowgroup"><tr role="row">{columns.map((c) => <th key={c.name} role="columnheader" scope="col" className={c.num ? "num" : ""}>{c.name}</th>)}</tr></thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr
              key={id(row)}
              role="row"
              className={`${open ? "link" : ""} ${chosen === id(row) ? "on" : ""}`}
              tabIndex={open ? 0 : undefined}
              onClick={open ? () => open(row) : undefined}
              onKeyDown={open ? (e) => { if (e.key === "Enter" && e.target === e.currentTarget) open(row); } : undefined}
            >
              {columns.map((c) => <td key={c.name} role="cell" data-label={c.name} className={c.num ? "num" : ""}>{c.show(row)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Dialog({ title, open, close, children, footer, submit, wide = false }: { title: string; open: boolean; close: () => void; children: ReactNode; footer: ReactNode; submit?: () => void; wide?: boolean }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (open && dialog && !dialog.open) dialog.showModal();
    if (!open && dialog?.open) dialog.close();
  }, [open]);
  if (typeof document === "undefined") return null;
  const own = (e: SyntheticEvent) => { if (e.target === e.currentTarget) close(); };
  // At the end of the page: of a form within another the browser tells nobody that it was sent.
  return createPortal(
    <dialog ref={ref} className={wide ? "wide" : undefined} aria-label={title} onClose={own} onCancel={own}>
      {open ? (
        <form method="dialog" onSubmit={(e) => { e.preventDefault(); e.stopPropagation(); submit?.(); }}>
          <header><span>{title}</span><Button look="plain" onClick={close} aria-label="Close">✕</Button></header>
          <div className="body">{children}</div>
          <footer>{footer}</footer>
        </form>
      ) : null}
    </dialog>,
    document.body,
  );
}

export function Copy({ text, name = "Copy" }: { text: string; name?: string }) {
  const [done, setDone] = useState(false);
  return (
    <Button
      onClick={async () => {
        await navigator.clipboard?.writeText(text).catch(() => {});
        setDone(true);
        setTimeout(() => setDone(false), 1500);
      }}
    >
      {done ? "Copied" : name}
    </Button>
  );
}

export function Snippet({ text }: { text: string }) {
  return <div className="snippet"><Copy text={text} /><pre>{text}</pre></div>;
}

type Toast = { id: number; text: string; bad: boolean };
const Toasts = createContext<(text: string, bad?: boolean) => void>(() => {});

export function ToastHost({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const say = useCallback((text: string, bad = false) => {
    const id = Date.now() + Math.random();
    setToasts((all) => [...all.slice(-3), { id, text, bad }]);
    setTimeout(() => setToasts((all) => all.filter((one) => one.id !== id)), bad ? 9000 : 4000);
  }, []);
  return (
    <Toasts.Provider value={say}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {toasts.map((one) => <div key={one.id} className={`toast ${one.bad ? "bad" : ""}`}>{one.text}</div>)}
      </div>
    </Toasts.Provider>
  );
}

/** Runs an action with its progress, and tells how it ended. */
export function useAction(): [busy: boolean, run: (work: () => Promise<unknown>, done?: string) => Promise<boolean>] {
  const say = useContext(Toasts);
  const [busy, setBusy] = useState(false);
  const run = useCallback(
    async (work: () => Promise<unknown>, done?: string) => {
      setBusy(true);
      try {
        await work();
        if (done) say(done);
        return true;
      } catch (error) {
        say(error instanceof Error ? error.message : String(error), true);
        return false;
      } finally {
        setBusy(false);
      }
    },
    [say],
  );
  return [busy, run];
}

/** A button for what cannot be undone: it asks once, naming the consequence. */
export function Confirm({ name, title, consequence, act, look = "danger" }: { name: string; title: string; consequence: string; act: () => Promise<unknown>; look?: "danger" | "" }) {
  const [open, setOpen] = useState(false);
  const [busy, run] = useAction();
  return (
    <>
      <Button look={look} onClick={(e) => { e.stopPropagation(); setOpen(true); }}>{name}</Button>
      <Dialog
        title={title}
        open={open}
        close={() => setOpen(false)}
        submit={async () => { if (await run(act, `${name}: done.`)) setOpen(false); }}
        footer={<><Button onClick={() => setOpen(false)}>Keep it</Button><Button type="submit" look="danger" busy={busy}>{name}</Button></>}
      >
        <p>{consequence}</p>
      </Dialog>
    </>
  );
}
