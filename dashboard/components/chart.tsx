"use client";

// Charts as plain SVG: lines or stacked bars over time, with a hair line that tells the values, and a table for readers.

import { useEffect, useId, useMemo, useRef, useState } from "react";
import { Empty } from "./ui";

/** `bad` is drawn as what went wrong, whatever its place among the others. */
export type Series = { name: string; values: (number | null)[]; bad?: boolean };

const tone = (s: Series, n: number) => (s.bad ? "s4" : `s${n % 7}`);

const WIDE = 640;
const LABEL = 95;
const DAY = 86_400_000;
const LONG = 1.5 * DAY;
const L = 54;
const LETTER = 6.2;
const R = 8;
const T = 8;
const B = 20;

type Chart = { at: string[]; series: Series[]; kind?: "line" | "bars"; format: (n: number) => string; height?: number; label: string };

export function TimeChart(of: Chart) {
  if (of.series.some((s) => s.values.some(Boolean))) return <Drawn {...of} />;
  return <Empty title="Nothing in this time"><span>Choose a longer time, or wait for the next call.</span></Empty>;
}

function Drawn({ at: given, series, kind = "line", format, height = 170, label }: Chart) {
  const id = useId();
  const [on, setOn] = useState<number | null>(null);
  const [box, W] = useWidth();
  const at = useMemo(() => (apart(given, 0, 1) >= DAY ? given.map((one) => one.slice(0, 10)) : given), [given]);
  const stacked = kind === "bars";
  const top = useMemo(() => nice(Math.max(0, ...at.map((_, i) => (stacked ? sum(series, i) : Math.max(0, ...series.map((s) => s.values[i] ?? 0)))))), [at, series, stacked]);
  const ticks = [0, 0.5, 1].map((share) => top * share).filter((v, n, all) => n === 2 || format(v) !== format(all[n + 1] ?? v));
  const left = Math.max(L, 10 + LETTER * Math.max(...ticks.map((v) => format(v).length)));
  const x = (i: number) => left + ((W - left - R) * (stacked ? i + 0.5 : at.length > 1 ? i / (at.length - 1) : 0.5)) / (stacked ? Math.max(at.length, 1) : 1);
  const y = (v: number) => T + (height - T - B) * (1 - (top ? v / top : 0));
  const wide = Math.min(36, Math.max(1, ((W - left - R) / Math.max(at.length, 1)) * 0.78));
  return (
    <figure ref={box} aria-labelledby={id} className="stack chartbox">
      <figcaption id={id} className="sr">{label}</figcaption>
      <svg
        className="chart"
        viewBox={`0 0 ${W} ${height}`}
        aria-hidden="true"
        onPointerMove={(e) => {
          const box = e.currentTarget.getBoundingClientRect();
          const px = ((e.clientX - box.left) / box.width) * W;
          const share = (px - left) / (W - left - R);
          const i = stacked ? Math.floor(share * at.length) : Math.round(share * (at.length - 1));
          setOn(i >= 0 && i < at.length ? i : null);
        }}
        onPointerLeave={() => setOn(null)}
      >
        {ticks.map((v) => (
          <g key={v}><line className="grid" x1={left} x2={W - R} y1={y(v)} y2={y(v)} /><text x={left - 6} y={y(v) + 3.5} textAnchor="end">{format(v)}</text></g>
        ))}
        {labels(at, W).map(([i, text]) => <text key={i} x={x(i)} y={height - 5} textAnchor={i === 0 ? "start" : i === at.length - 1 ? "end" : "middle"}>{text}</text>)}
        {series.map((s, n) =>
          stacked ? (
            <g key={s.name} className={tone(s, n)}>
              {at.map((_, i) => {
                const below = sum(series.slice(0, n), i);
                const v = s.values[i] ?? 0;
                return v ? <rect key={i} className="bar" x={x(i) - wide / 2} width={wide} y={y(below + v)} height={Math.max(0, y(below) - y(below + v))} /> : null;
              })}
            </g>
          ) : (
            <g key={s.name} className={tone(s, n)}>
              {series.length === 1 && at.length > 1 ? <path className="area" d={`${path(s.values, x, y)} L ${x(at.length - 1)} ${y(0)} L ${x(0)} ${y(0)} Z`} /> : null}
              <path className="line" d={path(s.values, x, y)} />
              {s.values.map((v, i) => (v != null && s.values[i - 1] == null && s.values[i + 1] == null ? <circle key={i} className="dot" r={3} cx={x(i)} cy={y(v)} /> : null))}
            </g>
          ),
        )}
        {on !== null ? <line className="hair" x1={x(on)} x2={x(on)} y1={T} y2={height - B} /> : null}
      </svg>
      <div className="legend">
        {on !== null ? <strong>{local(at[on] ?? "", true)}</strong> : null}
        {series.map((s, n) => (
          <span key={s.name} className={tone(s, n)}><i />{s.name}{on !== null ? ` ${s.values[on] == null ? "–" : format(s.values[on] ?? 0)}` : ""}</span>
        ))}
      </div>
      <table className="sr">
        <caption>{label}</caption>
        <thead><tr><th scope="col">Time</th>{series.map((s) => <th key={s.name} scope="col">{s.name}</th>)}</tr></thead>
        <tbody>{at.map((one, i) => <tr key={one}><th scope="row">{local(one, true)}</th>{series.map((s) => <td key={s.name}>{s.values[i] == null ? "none" : format(s.values[i] ?? 0)}</td>)}</tr>)}</tbody>
      </table>
    </figure>
  );
}

/** The width that there is, so that one unit of a drawing is one pixel and its words stay legible. */
function useWidth(): [React.RefObject<HTMLElement | null>, number] {
  const box = useRef<HTMLElement>(null);
  const [wide, setWide] = useState(WIDE);
  useEffect(() => {
    if (!box.current) return;
    const watch = new ResizeObserver(([seen]) => seen && setWide(Math.max(200, Math.round(seen.contentRect.width))));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  return [box, wide];
}

/** Parts of a whole, the largest first: names, bars and figures, which is a table and a chart at once. */
export function Bars({ rows, format, label }: { rows: { name: string; value: number; note?: string }[]; format: (n: number) => string; label: string }) {
  const most = Math.max(...rows.map((r) => r.value), 0) || 1;
  return (
    <table aria-label={label}>
      <tbody>
        {rows.map((r) => (
          <tr key={r.name}>
            <th scope="row" className="barname"><span className="clip" title={r.name}>{r.name}</span></th>
            <td className="barcell"><svg viewBox="0 0 100 8" preserveAspectRatio="none" className="chart s0" aria-hidden="true"><rect className="bar" width={(100 * r.value) / most} height="8" rx="1" /></svg></td>
            <td className="num">{format(r.value)}</td>
            {r.note ? <td className="num muted">{r.note}</td> : null}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function apart(at: string[], a: number, b: number): number {
  return Date.parse(at[b] ?? "") - Date.parse(at[a] ?? "") || 0;
}

function sum(series: Series[], i: number): number {
  return series.reduce((all, s) => all + (s.values[i] ?? 0), 0);
}

function nice(v: number): number {
  if (v <= 0) return 1;
  const unit = 10 ** Math.floor(Math.log10(v));
  return unit * ([1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((m) => m * unit >= v) ?? 10);
}

function path(values: (number | null)[], x: (i: number) => number, y: (v: number) => number): string {
  let d = "";
  let pen = false;
  values.forEach((v, i) => {
    if (v == null) { pen = false; return; }
    d += `${pen ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)} `;
    pen = true;
  });
  return d || "M0 0";
}

function local(at: string, whole: boolean): string {
  const day = at.length === 10;
  const then = new Date(day ? `${at}T00:00:00Z` : at);
  if (Number.isNaN(then.getTime())) return at;
  if (day) return then.toLocaleDateString(undefined, { month: "short", day: "numeric", timeZone: "UTC" });
  return then.toLocaleString(undefined, whole ? { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" } : { hour: "2-digit", minute: "2-digit" });
}

function labels(at: string[], wide: number): [number, string][] {
  if (!at.length) return [];
  const long = apart(at, 0, at.length - 1) > LONG;
  const step = Math.max(1, Math.ceil(at.length / Math.max(2, Math.floor(wide / LABEL))));
  return at.map((one, i): [number, string] => [i, long && one.length > 10 ? new Date(one).toLocaleDateString(undefined, { month: "short", day: "numeric" }) : local(one, false)]).filter(([i]) => i % step === 0);
}
