"use client";

// Who is signed in, what they may, and how they come and go.

import { createContext, useCallback, useContext, useEffect, useMemo, useState } from "react";
import type { ReactNode } from "react";
import { mutate } from "swr";
import { Refused, forget, json, onSignedOut, recall, remember, setCsrf, setKey } from "./api";
import { forgetCredential } from "./chat";

export type Me = { id: string; name: string; kind: string; tenant_id: string; permissions: string[]; scope: string; csrf_token?: string | null };
type Session = { me: Me | null; known: boolean; may: (permission: string) => boolean; enter: (how: Entry) => Promise<void>; leave: () => Promise<void> };
export type Entry = { key: string } | { email: string; password: string };

const Context = createContext<Session>({ me: null, known: false, may: () => false, enter: async () => {}, leave: async () => {} });

/** Nothing of who was signed in is shown to who comes next. */
function clear(): void {
  forgetCredential();
  void mutate(() => true, undefined, { revalidate: false });
}

export function SessionHost({ children }: { children: ReactNode }) {
  const [me, setMe] = useState<Me | null>(null);
  const [known, setKnown] = useState(false);
  const take = useCallback((found: Me | null) => {
    setCsrf(found?.csrf_token ?? null);
    setMe(found);
    setKnown(true);
  }, []);
  useEffect(() => {
    onSignedOut(() => {
      forget();
      clear();
      take(null);
    });
    if (!recall()) {
      take(null);
      return;
    }
    json<Me>("/api/v1/auth/me").then(take, (error: unknown) => {
      if (!(error instanceof Refused) || error.status !== 401) console.warn(error);
      take(null);
    });
  }, [take]);
  const session = useMemo<Session>(
    () => ({
      me,
      known,
      may: (permission) => me?.permissions.includes(permission) ?? false,
      enter: async (how) => {
        if ("key" in how) setKey(how.key);
        else {
          await json("/api/v1/auth/login", "POST", { ...how, session: "cookie" });
          remember();
        }
        try {
          take(await json<Me>("/api/v1/auth/me"));
        } catch (error) {
          forget();
          throw error;
        }
      },
      leave: async () => {
        await json("/api/v1/auth/logout", "POST", {}).catch(() => {});
        forget();
        clear();
        take(null);
      },
    }),
    [me, known, take],
  );
  return <Context.Provider value={session}>{children}</Context.Provider>;
}

export function useSession(): Session {
  return useContext(Context);
}
