"use client";

import { useState } from "react";
import { ALLOWED, LIMITS, Manage, NAME, ON, SWITCH } from "@/components/manage";
import { Button, Confirm, Dialog, Snippet, Time } from "@/components/ui";
import { json, raw } from "@/lib/api";
import { useSession } from "@/lib/session";

export default function Page() {
  const { may } = useSession();
  const [reset, setReset] = useState<string | null>(null);
  return (
    <>
      <Manage
        of={{
          path: "users", title: "Users", one: "user", permission: "users",
          about: "People who sign in. What they may is said by their roles.",
          empty: "Make one, give a role, and send the link to choose a password; or let an identity provider bring them.",
          removal: "Its sessions end at once and its keys are revoked.",
          fields: [{ name: "email", label: "E-mail", kind: "text", required: true }, { name: "name", label: "Name", kind: "text" }, SWITCH, ...ALLOWED],
          columns: [NAME, { name: "E-mail", show: (r) => <span className="clip long" title={String(r.email)}>{String(r.email)}</span> }, ON, LIMITS, { name: "Last seen", show: (r) => <Time at={r.last_seen_at as string | null} /> }],
          actions: (r) => (
            <>
              {may("users:update") ? <Confirm look="" name="Password" title="Let choose a password" consequence="A token is made and shown once, with which a password can be set. The present one stays good until then." act={async () => { const made = await json<Record<string, string>>(`/api/v1/users/${r.id}/password-reset`, "POST", {}); setReset(made.token ?? JSON.stringify(made)); }} /> : null}
              {may("sessions:delete") ? <Confirm look="" name="Sign out" title="Sign out everywhere" consequence="All sessions of this user end at once." act={() => raw(`/api/v1/users/${r.id}/sessions`, { method: "DELETE" })} /> : null}
            </>
          ),
        }}
      />
      <Dialog title="A token to choose a password" open={reset !== null} close={() => setReset(null)} footer={<Button look="primary" onClick={() => setReset(null)}>I have it</Button>}>
        <p>Give it to the user over a safe way. It works once.</p>
        <Snippet text={reset ?? ""} />
      </Dialog>
    </>
  );
}
