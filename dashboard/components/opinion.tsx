"use client";

// What people think of one answer, and saying what one thinks of it oneself.

import { useState } from "react";
import { Button, Dialog, Field, Panel, Time, useAction } from "./ui";
import { json, raw } from "@/lib/api";
import { useSession } from "@/lib/session";
import { useAsk } from "@/lib/use";
import { useWho } from "@/lib/who";

export type Feedback = { id: string; request_id: string; rater: string; score: number | null; thumbs: "up" | "down" | null; comment: string | null; correction: string | null; route: string | null; model: string | null; prompt: string | null; at: string; updated_at: string };
type Said = { thumbs?: "up" | "down" | null; comment?: string | null; correction?: string | null };

export function Thumb({ of: thumbs }: { of: string | null }) {
  return thumbs === "up" ? <span className="up" role="img" aria-label="good">▲</span> : thumbs === "down" ? <span className="down" role="img" aria-label="bad">▼</span> : null;
}

/** Who said it, by name: for whom an application speaks, or who spoke for himself. */
export function useRater(): (rater: string) => string {
  const who = useWho();
  return (rater) => {
    const [kind = "", id = "", ...by] = rater.split(":");
    return by.join(":") || (who(kind, id) === id ? `${kind} ${id.slice(0, 8)}` : who(kind, id));
  };
}

/** Two buttons that say at once what one thinks; a word about it can follow. */
export function Thumbs({ id, said, done }: { id: string; said?: "up" | "down" | null; done?: () => void }) {
  const [now, setNow] = useState(said ?? null);
  const [busy, run] = useAction();
  const say = (thumbs: "up" | "down") =>
    run(async () => {
      const to = now === thumbs ? null : thumbs;
      await json("/api/v1/feedback", "POST", { request_id: id, thumbs: to });
      setNow(to);
      done?.();
    });
  return (
    <span className="row tight" role="group" aria-label="What you think of this answer">
      <Button look="plain" busy={busy} aria-pressed={now === "up"} aria-label="A good answer" className={`button plain ${now === "up" ? "up" : ""}`} onClick={() => void say("up")}>▲</Button>
      <Button look="plain" busy={busy} aria-pressed={now === "down"} aria-label="A bad answer" className={`button plain ${now === "down" ? "down" : ""}`} onClick={() => void say("down")}>▼</Button>
    </span>
  );
}

export function OpinionsOf({ id }: { id: string }) {
  const { me, may } = useSession();
  const [saying, setSaying] = useState(false);
  const found = useAsk(["feedback of", id], () => json<{ data: Feedback[] }>(`/api/v1/feedback?request_id=${encodeURIComponent(id)}&limit=50`));
  const rows = found.data?.data ?? [];
  const rater = useRater();
  const mine = rows.find((one) => one.rater.endsWith(`:${me?.id}`));
  const [busy, run] = useAction();
  const again = () => void found.mutate();
  return (
    <Panel
      title="Feedback"
      aside={may("feedback:create") ? <><Thumbs key={mine?.thumbs ?? "none"} id={id} said={mine?.thumbs} done={again} /><Button onClick={() => setSaying(true)}>Say more</Button>{mine ? <Button look="plain" busy={busy} onClick={() => void run(async () => { await raw(`/api/v1/feedback/${mine.id}`, { method: "DELETE" }); again(); }, "Taken back.")}>Take it back</Button> : null}</> : null}
    >
      {rows.length ? (
        <ul className="plainlist">
          {rows.map((one) => (
            <li key={one.id}>
              <div className="row"><Thumb of={one.thumbs} />{one.score == null ? null : <strong>{one.score}</strong>}<span className="muted small"><span title={one.rater}>{rater(one.rater)}</span>, <Time at={one.updated_at} /></span></div>
              {one.comment ? <p className="wrap">{one.comment}</p> : null}
              {one.correction ? <pre className="said">{one.correction}</pre> : null}
            </li>
          ))}
        </ul>
      ) : <p className="muted">Nobody has said anything about this answer yet. Applications do it with POST /api/v1/feedback.</p>}
      {saying ? <Saying id={id} mine={mine} close={() => setSaying(false)} done={() => { setSaying(false); again(); }} /> : null}
    </Panel>
  );
}

function Saying({ id, mine, close, done }: { id: string; mine?: Feedback; close: () => void; done: () => void }) {
  const [said, setSaid] = useState<Said>({ comment: mine?.comment ?? "", correction: mine?.correction ?? "" });
  const [busy, run] = useAction();
  return (
    <Dialog title="What you think of this answer" open close={close} submit={() => run(async () => { await json("/api/v1/feedback", "POST", { request_id: id, comment: said.comment || null, correction: said.correction || null }); done(); }, "Thank you.")} footer={<><Button onClick={close}>Cancel</Button><Button type="submit" look="primary" busy={busy}>Say it</Button></>}>
      <Field label="Comment">{(field) => <textarea id={field} value={said.comment ?? ""} onChange={(e) => setSaid({ ...said, comment: e.target.value })} />}</Field>
      <Field label="What the answer should have been" hint="Corrections can become examples to measure models by.">{(field) => <textarea id={field} value={said.correction ?? ""} onChange={(e) => setSaid({ ...said, correction: e.target.value })} />}</Field>
    </Dialog>
  );
}
