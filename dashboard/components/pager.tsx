"use client";

import { Button } from "./ui";
import type { usePages } from "@/lib/use";

export function Pager({ pages, next }: { pages: ReturnType<typeof usePages>; next: string | null | undefined }) {
  if (pages.number === 1 && !next) return null;
  return (
    <div className="row body">
      <Button disabled={pages.number === 1} onClick={pages.back}>Newer</Button>
      <span className="muted small">Page {pages.number}</span>
      <Button disabled={!next} onClick={() => next && pages.forward(next)}>Older</Button>
    </div>
  );
}
