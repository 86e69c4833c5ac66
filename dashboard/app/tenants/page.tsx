"use client";

import { ALLOWED, LIMITS, MADE, MODELS, Manage, NAME, ON, SWITCH } from "@/components/manage";

export default function Page() {
  return (
    <Manage
      of={{
        path: "tenants", title: "Tenants", one: "tenant", permission: "tenants",
        about: "Organizations. Nothing of one is ever visible to another.",
        empty: "There is one from the start; make another for each organization that is to be kept apart.",
        removal: "Its keys are revoked within a second, and its users can no longer sign in.",
        fields: [
          { name: "name", label: "Name", kind: "text", required: true },
          { name: "email", label: "E-mail", kind: "text", hint: "For reports and invoices." },
          { name: "zone", label: "Time zone", kind: "text", hint: "In which days, weeks and months of budgets begin, such as Europe/Berlin.", start: "UTC" },
          SWITCH,
          ...ALLOWED,
          { name: "catalogue", label: "Catalogue", kind: "list", hint: "The models that exist for it at all; empty is the whole registry." },
          { name: "user_limits", label: "Limits of each user without its own", kind: "limits" },
          { name: "end_user_limits", label: "Limits of each end user", kind: "limits" },
        ],
        columns: [NAME, ON, { name: "Zone", show: (r) => String(r.zone) }, LIMITS, MODELS, MADE],
      }}
    />
  );
}
