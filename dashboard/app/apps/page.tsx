"use client";

import { useNames } from "@/components/form";
import { LEVELS } from "@/components/keeping";
import { ALLOWED, LIMITS, MODELS, Manage, NAME, ON, SWITCH } from "@/components/manage";

export default function Page() {
  const teams = useNames("teams");
  const users = useNames("users");
  return (
    <Manage
      of={{
        path: "apps", title: "Apps", one: "app", permission: "apps",
        about: "What keys belong to: an application, with its owner, its team and what it may.",
        empty: "Make one for each application, so that its keys share one budget and one report.",
        removal: "Its keys belong to no app any more.",
        fields: [
          { name: "name", label: "Name", kind: "text", required: true },
          { name: "team_id", label: "Team", kind: "ref", of: "teams" },
          { name: "owner_id", label: "Owner", kind: "ref", of: "users" },
          SWITCH,
          ...ALLOWED,
          { name: "default_model", label: "Default model", kind: "text", hint: "What is meant by a request that names none." },
          { name: "default_provider", label: "Default provider", kind: "text" },
          { name: "payload", label: "Of its calls, keep", kind: "select", options: LEVELS, hint: "It can only be less than what its tenant keeps." },
          { name: "cost_optimize", label: "Prefer the cheaper deployment", kind: "switch", start: false },
        ],
        columns: [NAME, ON, { name: "Team", show: (r) => teams.get(String(r.team_id)) ?? "–" }, { name: "Owner", show: (r) => users.get(String(r.owner_id)) ?? "–" }, LIMITS, MODELS],
      }}
    />
  );
}
