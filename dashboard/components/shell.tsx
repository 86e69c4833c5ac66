"use client";

// The frame of every page: navigation, the command palette, the theme, and the door.

import Link from "next/link";
import { usePathname } from "next/navigation";
import { useEffect, useMemo, useState } from "react";
import type { ReactNode } from "react";
import { json } from "@/lib/api";
import { PAGES } from "@/lib/pages";
import { useSession } from "@/lib/session";
import { dark, switchTheme } from "@/lib/theme";
import { useAsk } from "@/lib/use";
import { Palette } from "./palette";
import { SignIn } from "./signin";
import { Button } from "./ui";

export function Shell({ children }: { children: ReactNode }) {
  const { me, known, may, leave } = useSession();
  const path = usePathname();
  const [open, setOpen] = useState(false);
  const [palette, setPalette] = useState(false);
  const pages = useMemo(() => PAGES.filter((p) => p.permission === null || may(p.permission)), [may]);
  useEffect(() => {
    setOpen(false);
    document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest" });
  }, [path, me]);
  useEffect(() => {
    const listen = (e: KeyboardEvent) => {
      if (e.key === "k" && (e.metaKey || e.ctrlKey)) { e.preventDefault(); setPalette(true); }
    };
    addEventListener("keydown", listen);
    return () => removeEventListener("keydown", listen);
  }, []);
  if (!known) return <div className="signin" aria-busy="true"><span className="brand"><Mark />Headgate</span></div>;
  if (!me) return <SignIn />;
  const groups = [...new Set(pages.map((p) => p.group))];
  return (
    <div className="shell">
      <aside className="side" data-open={open}>
        <Link href="/" className="brand"><Mark />Headgate</Link>
        <nav aria-label="Pages">
          {groups.map((group) => (
            <div className="group" key={group}>
              {group ? <div className="title">{group}</div> : null}
              {pages.filter((p) => p.group === group).map((p) => <Link key={p.path} href={p.path} prefetch={false} aria-current={here(path, p.path) ? "page" : undefined}>{p.name}{p.path === "/notifications" ? <Unread /> : null}</Link>)}
            </div>
          ))}
        </nav>
        <div className="foot">
          <span title={me.id}>{me.name}</span>
          <div className="row"><Theme /><Button look="plain" onClick={leave}>Sign out</Button></div>
          <span><kbd>Ctrl K</kbd> goes anywhere</span>
        </div>
      </aside>
      <main className="main">
        <div className="burger"><Button onClick={() => setOpen(!open)} aria-expanded={open}>☰ Menu</Button></div>
        {children}
      </main>
      {palette ? <Palette pages={pages} close={() => setPalette(false)} /> : null}
    </div>
  );
}

/** How much there is to know that was not read yet. */
function Unread() {
  const found = useAsk(["unread"], () => json<{ data: unknown[]; has_more: boolean }>("/api/v1/notifications?unread=true&limit=50"), 60);
  const many = found.data?.data.length ?? 0;
  return many ? <span className="pill" aria-label={`${many} unread`}>{many}{found.data?.has_more ? "+" : ""}</span> : null;
}

function here(path: string, page: string): boolean {
  const bare = path.replace(/\/$/, "") || "/";
  return bare === page || (page === "/logs" && bare === "/trace");
}

export function Mark() {
  return (
    <svg viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" aria-hidden="true">
      <path d="M3 3v14M17 3v14M3 8h14M7 8v9M10 8v9M13 8v9" />
    </svg>
  );
}

function Theme() {
  const [on, setOn] = useState(false);
  useEffect(() => {
    const look = () => setOn(dark());
    look();
    addEventListener("theme", look);
    return () => removeEventListener("theme", look);
  }, []);
  return <Button look="plain" aria-label={on ? "Light theme" : "Dark theme"} onClick={switchTheme}>{on ? "Light" : "Dark"}</Button>;
}
