"use client";

// What the management API can do and these pages cannot. The list is made by scripts/operations, and a test holds it.

import { useState } from "react";
import left from "./operations.json";
import { Empty, Field, Head, Panel, Table } from "@/components/ui";
import { PREFIX } from "@/lib/api";

export default function Operations() {
  const [search, setSearch] = useState("");
  const rows = left.filter((one) => Object.values(one).join(" ").toLowerCase().includes(search.trim().toLowerCase()));
  return (
    <>
      <Head title="Operations">
        What the API can do and no page here does, with the reason. Everything else stands on a page. <a href={`${PREFIX}/docs`}>All operations of the API</a>
      </Head>
      <div className="filters">
        <Field label="Find">{(id) => <input id={id} type="search" value={search} onChange={(e) => setSearch(e.target.value)} placeholder="part of a path or a reason" />}</Field>
      </div>
      <Panel flush>
        <Table
          label="Operations"
          rows={rows}
          id={(one) => `${one.method} ${one.path}`}
          empty={<Empty title="Nothing fits" />}
          columns={[
            { name: "Operation", show: (one) => <span className="mono">{one.method} {one.path.replace("/api/v1", "")}</span> },
            { name: "What it does", show: (one) => one.summary },
            { name: "Why it has no page", show: (one) => <span className="muted">{one.why}</span> },
          ]}
        />
      </Panel>
    </>
  );
}
