"use client";

import { ALLOWED, LIMITS, MADE, MODELS, Manage, NAME, ON, SWITCH } from "@/components/manage";

export default function Page() {
  return (
    <Manage
      of={{
        path: "teams", title: "Teams", one: "team", permission: "teams",
        about: "People and apps that share limits, budgets and costs.",
        empty: "Make one for each group whose spending you want to see and bound by itself.",
        removal: "Its apps and keys belong to no team any more.",
        fields: [{ name: "name", label: "Name", kind: "text", required: true }, SWITCH, ...ALLOWED],
        columns: [NAME, ON, LIMITS, MODELS, MADE],
      }}
    />
  );
}
