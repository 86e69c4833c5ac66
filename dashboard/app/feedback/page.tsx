"use client";

import { useRouter } from "next/navigation";
import { useState } from "react";
import { Thumb, useRater } from "@/components/opinion";
import type { Feedback } from "@/components/opinion";
import { Pager } from "@/components/pager";
import { Empty, Field, Head, Loaded, Panel, Segment, Select, Table, Time } from "@/components/ui";
import { lately } from "@/lib/analytics";
import { json } from "@/lib/api";
import { count, percent } from "@/lib/format";
import { SPANS, useAsk, usePages } from "@/lib/use";
import type { Span } from "@/lib/use";

type Interval = { mean: number; low: number; high: number };
type Opinions = { name: string | null; answers: number; ups: number; downs: number; up_share: Interval | null; scores: number; score: Interval | null; comments: number; corrections: number; quality: number | null };

export default function FeedbackPage() {
  const router = useRouter();
  const rater = useRater();
  const [span, setSpan] = useState<Span>("30d");
  const [by, setBy] = useState("model");
  const [filter, setFilter] = useState({ thumbs: "", corrected: "", model: "" });
  const pages = usePages();
  const { since } = lately(span);
  const sums = useAsk(["feedback sums", by, since], () => json<{ data: Opinions[] }>(`/api/v1/feedback/analysis?by=${by}&since=${since}`), 30);
  const query = new URLSearchParams([["limit", "50"], ["since", since], ...Object.entries(filter).filter(([, value]) => value.trim()), ...(pages.after ? [["after", pages.after]] : [])] as [string, string][]).toString();
  const found = useAsk(["feedback", query], () => json<{ data: Feedback[]; next: string | null }>(`/api/v1/feedback?${query}`), 15);
  const change = (name: keyof typeof filter) => (e: { target: { value: string } }) => { setFilter({ ...filter, [name]: e.target.value }); pages.restart(); };
  return (
    <>
      <Head title="Feedback" aside={<Segment label="Time span" options={SPANS} value={span} onChange={(to) => { setSpan(to); pages.restart(); }} />}>What people think of answers, with how sure that is.</Head>
      <Panel flush title={<>By <Select aria-label="Dimension" value={by} onChange={(e) => setBy(e.target.value)} options={["model", "route", "prompt"]} /></>}>
        <Loaded error={sums.error} loading={sums.isLoading} retry={() => void sums.mutate()}>
          <Table<Opinions>
            label={`Feedback by ${by}`}
            rows={sums.data?.data ?? []}
            id={(r) => r.name ?? ""}
            empty={<Empty title="Nobody has said anything yet"><span>Applications send what their users think with POST /api/v1/feedback and the answer&apos;s x-request-id; here it is on each call&apos;s trace and in the playground.</span></Empty>}
            columns={[
              { name: by, show: (r) => <span className="clip">{r.name ?? "none"}</span> },
              { name: "Answers", num: true, show: (r) => count(r.answers) },
              { name: "▲", num: true, show: (r) => count(r.ups) },
              { name: "▼", num: true, show: (r) => count(r.downs) },
              { name: "Liked", show: (r) => <Sure of={r.up_share} /> },
              { name: "Score", show: (r) => <Sure of={r.score} /> },
              { name: "Comments", num: true, show: (r) => count(r.comments) },
              { name: "Corrections", num: true, show: (r) => count(r.corrections) },
              { name: "Quality", num: true, show: (r) => (r.quality == null ? <span className="muted">too few</span> : r.quality.toFixed(2)) },
            ]}
          />
        </Loaded>
      </Panel>
      <div className="filters">
        <Field label="Thumbs">{(id) => <Select id={id} value={filter.thumbs} onChange={change("thumbs")} options={[["", "any"], "up", "down"]} />}</Field>
        <Field label="Correction">{(id) => <Select id={id} value={filter.corrected} onChange={change("corrected")} options={[["", "any"], ["true", "with one"], ["false", "without"]]} />}</Field>
        <Field label="Model">{(id) => <input id={id} value={filter.model} onChange={change("model")} placeholder="exact name" />}</Field>
      </div>
      <Panel flush>
        <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
          <Table<Feedback>
            label="Feedback"
            rows={found.data?.data ?? []}
            id={(r) => r.id}
            open={(r) => router.push(`/trace?id=${r.request_id}`)}
            empty={<Empty title="Nothing fits" />}
            columns={[
              { name: "Said", show: (r) => <Time at={r.updated_at} /> },
              { name: "", show: (r) => <Thumb of={r.thumbs} /> },
              { name: "Score", num: true, show: (r) => r.score ?? "–" },
              { name: "Comment", show: (r) => <span className="clip">{r.comment ?? "–"}</span> },
              { name: "Correction", show: (r) => <span className="clip muted">{r.correction ?? "–"}</span> },
              { name: "Model", show: (r) => <span className="clip">{r.model ?? "–"}</span> },
              { name: "By", show: (r) => <span className="clip muted small" title={r.rater}>{rater(r.rater)}</span> },
            ]}
          />
          <Pager pages={pages} next={found.data?.next} />
        </Loaded>
      </Panel>
    </>
  );
}

/** A mean as a dot, with the range in which it lies 95 times in 100. */
function Sure({ of: one }: { of: Interval | null }) {
  if (!one) return <span className="muted">–</span>;
  return (
    <span className="row tight" title={`between ${percent(one.low, 1)} and ${percent(one.high, 1)}, 95 times in 100`}>
      <svg viewBox="0 0 100 10" preserveAspectRatio="none" className="chart sure s0" aria-hidden="true"><rect className="track" y="4" width="100" height="2" /><rect className="bar faint" x={100 * one.low} width={Math.max(1, 100 * (one.high - one.low))} y="2" height="6" /><rect className="bar" x={Math.max(0, 100 * one.mean - 1)} width="2" height="10" /></svg>
      {percent(one.mean, 1)}
    </span>
  );
}
