"use client";

import { useId } from "react";
import { api, got } from "@/lib/api";
import { useSession } from "@/lib/session";
import { useAsk } from "@/lib/use";

/** A model or route by name, with what can be called now as suggestions. */
export function ModelInput({ value, onChange, label }: { value: string; onChange: (value: string) => void; label: string }) {
  const list = useId();
  const { may } = useSession();
  const models = useAsk(may("config:view") ? ["models", "usable"] : null, () => got(api.GET("/api/v1/config/models", { params: { query: { usable: true, limit: 500 } } })));
  const routes = useAsk(may("routes:view") ? ["routes"] : null, () => got(api.GET("/api/v1/routes", {})));
  const names = [...(routes.data?.data ?? []).map((r) => r.name), ...(models.data?.data ?? []).map((m) => String(m.id))];
  return (
    <>
      <input aria-label={label} className="code" list={list} value={value} onChange={(e) => onChange(e.target.value)} />
      <datalist id={list}>{names.map((name) => <option key={name} value={name} />)}</datalist>
    </>
  );
}
