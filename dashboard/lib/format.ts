// Numbers and instants for people: money exact, times local, everything short enough for a table.

const WHOLE = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

export function count(n: number): string {
  return Math.abs(n) < 100_000 ? WHOLE.format(n) : SHORT.format(n);
}

/** An amount in USD, a decimal text as the API gives it: never through a float, so nothing is rounded. */
export function money(usd: string | null | undefined): string {
  if (usd == null) return "–";
  const sign = usd.startsWith("-") ? "-" : "";
  const [whole = "0", rest = ""] = usd.replace("-", "").split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const cut = rest.replace(/0+$/, "");
  return `${sign}$${grouped}.${cut.padEnd(2, "0")}`;
}

/** The same in a column of *all* these: their points stand below each other. */
export function moneys(all: readonly (string | null | undefined)[]): (usd: string | null | undefined) => string {
  const places = (text: string) => text.split(".")[1]?.length ?? 0;
  const most = Math.max(2, ...all.map((one) => places(money(one))));
  return (usd) => { const text = money(usd); return places(text) ? text + "\u2007".repeat(most - places(text)) : text; };
}

/** The same where there is little room: to the cent, or to the first figures of a small amount. */
export function roughly(usd: string | null | undefined): string {
  if (usd == null) return "–";
  const n = Number(usd);
  if (n === 0) return "$0";
  if (Math.abs(n) >= 1) return `$${n.toLocaleString(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  return `$${n.toPrecision(2).replace(/e.*/, "")}`.replace(/\.?0+$/, "") === "$0" ? `$${n.toFixed(9)}` : `$${trim(n)}`;
}

function trim(n: number): string {
  const places = Math.min(9, Math.max(2, 1 - Math.floor(Math.log10(Math.abs(n)))));
  return n.toFixed(places);
}

export function ms(value: number | null | undefined): string {
  if (value == null) return "–";
  if (value === 0) return "0 ms";
  if (value < 1) return `${value.toFixed(2)} ms`;
  if (value < 1000) return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
  return `${(value / 1000).toFixed(value < 10_000 ? 2 : 1)} s`;
}

export function upperFirst(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** How much data that is. */
export function bytes(n: number): string {
  const unit = n < 1024 * 1024 ? 1 : 2;
  const amount = n / 1024 ** unit;
  return `${amount < 10 ? amount.toFixed(1) : WHOLE.format(amount)} ${unit === 1 ? "KiB" : "MiB"}`;
}

/** A length of time that somebody has set, in seconds. */
export function span(seconds: number): string {
  for (const [size, name] of [[86_400, "d"], [3600, "h"], [60, "min"]] as const) if (seconds >= size && seconds % size === 0) return `${seconds / size} ${name}`;
  return `${seconds} s`;
}

export function percent(part: number, whole: number): string {
  if (!whole) return "–";
  const share = (100 * part) / whole;
  return `${share > 0 && share < 10 ? share.toFixed(1) : Math.round(share)} %`;
}

export function when(at: string | null | undefined): string {
  if (!at) return "–";
  const then = new Date(at);
  const today = new Date().toDateString() === then.toDateString();
  return today
    ? then.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" })
    : then.toLocaleString(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
}

export function whenWhole(at: string | null | undefined): string {
  return at ? new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" }) : "";
}

export function ago(at: string): string {
  const seconds = Math.max(0, (Date.now() - new Date(at).getTime()) / 1000);
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}
