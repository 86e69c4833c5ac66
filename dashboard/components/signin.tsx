"use client";

import { useEffect, useState } from "react";
import { PREFIX, json, remember } from "@/lib/api";
import { useSession } from "@/lib/session";
import { Mark } from "./shell";
import { Button, Field } from "./ui";

type Door = { id: string; name: string };

/** Characters of a place to come back to that the way by a provider takes. */
const MOST_BACK = 1000;

/** Where one is; of a page with very many filters the page alone. */
function here(): string {
  const whole = location.pathname + location.search;
  return whole.length > MOST_BACK ? location.pathname : whole;
}

export function SignIn() {
  const { enter } = useSession();
  const [by, setBy] = useState<"key" | "password" | "token">("key");
  const [values, setValues] = useState({ key: "", email: "", password: "", token: "" });
  const [wrong, setWrong] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [doors, setDoors] = useState<Door[]>([]);
  useEffect(() => { document.title = "Sign in · Headgate"; }, []);
  const look = () => {
    if (!/.@./.test(values.email)) return;
    json<{ data: Door[] }>(`/api/v1/auth/sso?email=${encodeURIComponent(values.email)}`).then((found) => setDoors(found.data), () => setDoors([]));
  };
  const set = (name: keyof typeof values) => (e: { target: { value: string } }) => setValues({ ...values, [name]: e.target.value });
  return (
    <main className="signin">
      <div>
        <div className="brand"><Mark />Headgate</div>
        <form
          className="stack"
          onSubmit={async (e) => {
            e.preventDefault();
            setBusy(true);
            setWrong(null);
            try {
              if (by === "token") {
                await json("/api/v1/auth/password", "POST", { token: values.token.trim(), new_password: values.password });
                setBy("password");
              } else await enter(by === "key" ? { key: values.key.trim() } : { email: values.email, password: values.password });
            } catch (error) {
              setWrong(error instanceof Error ? error.message : String(error));
            } finally {
              setBusy(false);
            }
          }}
        >
          {by === "key" ? (
            <Field label="Admin key" wrong={wrong} hint="The gateway printed it on its first start; it begins with hga_.">
              {(id) => <input id={id} type="password" autoComplete="off" autoFocus required value={values.key} onChange={set("key")} placeholder="hga_…" />}
            </Field>
          ) : by === "token" ? (
            <>
              <Field label="Token" hint="An administrator gave it to you; it begins with hgp_ and is good once.">{(id) => <input id={id} autoComplete="one-time-code" required value={values.token} onChange={set("token")} placeholder="hgp_…" />}</Field>
              <Field label="New password" wrong={wrong} hint="At least 12 characters.">{(id) => <input id={id} type="password" autoComplete="new-password" required minLength={12} value={values.password} onChange={set("password")} />}</Field>
            </>
          ) : (
            <>
              <Field label="E-mail">{(id) => <input id={id} type="email" autoComplete="username" required value={values.email} onChange={set("email")} onBlur={look} />}</Field>
              <Field label="Password" wrong={wrong}>{(id) => <input id={id} type="password" autoComplete="current-password" required value={values.password} onChange={set("password")} />}</Field>
            </>
          )}
          <Button type="submit" look="primary" busy={busy}>{by === "token" ? "Set the password" : "Sign in"}</Button>
        </form>
        <div className="row">
          <Button look="plain" onClick={() => { setBy(by === "key" ? "password" : "key"); setWrong(null); }}>
            {by === "key" ? "Sign in with e-mail and password" : "Sign in with an admin key"}
          </Button>
          {by === "password" ? <Button look="plain" onClick={() => { setBy("token"); setWrong(null); }}>Choose a password with a token</Button> : null}
          {by === "password" ? doors.map((d) => <a key={d.id} className="button" onClick={remember} href={`${PREFIX}/api/v1/auth/sso/${d.id}/start?back=${encodeURIComponent(here())}`}>{d.name}</a>) : null}
        </div>
      </div>
    </main>
  );
}
