"use client";

import { useState } from "react";
import { useNames } from "@/components/form";
import { ALLOWED, LIMITS, MADE, MODELS, Manage, NAME, ON, SWITCH } from "@/components/manage";
import type { Row } from "@/components/manage";
import { Button, Confirm, Dialog, Empty, Field, Loaded, Select, Table, useAction } from "@/components/ui";
import { json, raw } from "@/lib/api";
import type { Schema } from "@/lib/api";
import { useSession } from "@/lib/session";
import { useAsk } from "@/lib/use";

export default function Page() {
  const [open, setOpen] = useState<Row | null>(null);
  return (
    <>
      <Manage
        of={{
          path: "teams", title: "Teams", one: "team", permission: "teams",
          about: "People and apps that share limits, budgets and costs.",
          empty: "Make one for each group whose spending you want to see and bound by itself.",
          removal: "Its apps and keys belong to no team any more.",
          fields: [{ name: "name", label: "Name", kind: "text", required: true }, SWITCH, ...ALLOWED],
          columns: [NAME, ON, LIMITS, MODELS, MADE],
          actions: (r) => <Button onClick={() => setOpen(r)}>Members</Button>,
        }}
      />
      {open ? <Members id={open.id} name={String(open.name)} close={() => setOpen(null)} /> : null}
    </>
  );
}

function Members({ id, name, close }: { id: string; name: string; close: () => void }) {
  const { may } = useSession();
  const users = useNames(may("users:view") ? "users" : null);
  const found = useAsk(["members", id], () => json<Schema["Members"]>(`/api/v1/teams/${id}/members`));
  const [chosen, setChosen] = useState("");
  const [busy, run] = useAction();
  const members = found.data?.data ?? [];
  const others = [...users].filter(([user]) => !members.some((one) => one.id === user));
  const join = (user: string) => raw(`/api/v1/teams/${id}/members/${user}`, { method: "PUT" }).then(() => found.mutate());
  const leave = (user: string) => raw(`/api/v1/teams/${id}/members/${user}`, { method: "DELETE" }).then(() => found.mutate());
  return (
    <Dialog title={`Members of ${name}`} open close={close} submit={chosen ? () => void run(async () => { await join(chosen); setChosen(""); }) : undefined} footer={<><Button onClick={close}>Close</Button>{may("teams:update") ? <Button type="submit" look="primary" busy={busy} disabled={!chosen}>Add</Button> : null}</>}>
      <Loaded error={found.error} loading={found.isLoading} retry={() => void found.mutate()}>
        <Table
          label="Members"
          rows={members}
          id={(one) => one.id}
          empty={<Empty title="Nobody yet"><span>What the team may binds the calls of those who are in it.</span></Empty>}
          columns={[
            { name: "Name", show: (one) => one.name || one.email },
            { name: "E-mail", show: (one) => <span className="muted">{one.email}</span> },
            { name: "", show: (one) => (may("teams:update") ? <Confirm name="Take out" title={`Take ${one.email} out of ${name}`} consequence="What the team may and must not no longer binds this user's calls." act={() => leave(one.id)} /> : null) },
          ]}
        />
      </Loaded>
      {may("teams:update") ? <Field label="Somebody else">{(field) => <Select id={field} value={chosen} onChange={(e) => setChosen(e.target.value)} options={[["", "choose one"], ...others]} />}</Field> : null}
    </Dialog>
  );
}
