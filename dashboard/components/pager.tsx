"use client";

import { Button } from "./ui";
import type { usePages } from "@/lib/use";

export function Pager({ pages, next, words = ["Newer", "Older"] }: { pages: ReturnType<typeof usePages>; next: string | null | undefined; words?: readonly [string, string] }) {
  if (pages.number === 1 && !next) return null;
  return (
    <div className="row body">
      <Button disabled={pages.number === 1} onClick={pages.back}>{words[0]}</Button>
      <span className="muted small">Page {pages.number}</span>
      <Button disabled={!next} onClick={() => next && pages.forward(next)}>{words[1]}</Button>
    </div>
  );
}
