"use client";

// A thing of the configuration as it would stand in headgate.yaml. What reads and writes YAML is loaded with the view.

import { useEffect, useState } from "react";
import type { Config } from "./schemaform";
import { Copy, Field } from "./ui";

type Yaml = typeof import("yaml");
const WIDTH = 100;

/** What is edited: the last that could be read, and the text of the YAML view where that has been typed into. */
export type Draft = { config: Config; text: string | null; wrong: string | null };

export function useDraft(config: Config): [Draft, (to: Draft) => void] {
  return useState<Draft>({ config, text: null, wrong: null });
}

export function drafted(config: Config): Draft {
  return { config, text: null, wrong: null };
}

/** *section* and *name* are where it stands in the file. */
export function Source({ draft, set, section, name, fixed }: { draft: Draft; set: (to: Draft) => void; section: string; name: string; fixed: boolean }) {
  const [yaml, setYaml] = useState<Yaml | null>(null);
  useEffect(() => { void import("yaml").then(setYaml); }, []);
  if (!yaml) return <div className="skeleton" aria-busy="true" aria-label="Loading" />;
  const text = draft.text ?? written(yaml, draft.config);
  return (
    <>
      <Field label="Configuration" hint={<>As below <code>{section}:</code> in headgate.yaml; comments are not kept.</>} wrong={draft.wrong}>
        {(id) => <textarea id={id} className="code tall" spellCheck={false} value={text} onChange={(e) => set(read(yaml, e.target.value, draft.config))} readOnly={fixed} />}
      </Field>
      {draft.wrong ? null : <div><Copy name="Copy for headgate.yaml" text={written(yaml, { [section]: { [name || "NAME"]: draft.config } })} /></div>}
    </>
  );
}

function written(yaml: Yaml, config: Config): string {
  return yaml.stringify(config, { aliasDuplicateObjects: false, lineWidth: WIDTH });
}

/** The gateway takes neither anchors nor a name that stands twice, so neither does this. */
function read(yaml: Yaml, text: string, last: Config): Draft {
  try {
    const found: unknown = yaml.parse(text, { maxAliasCount: 0, prettyErrors: true });
    if (typeof found !== "object" || found === null || Array.isArray(found)) return { config: last, text, wrong: "It takes settings: lines like `name: value`." };
    return { config: found as Config, text, wrong: null };
  } catch (error) {
    return { config: last, text, wrong: error instanceof Error ? error.message.split("\n")[0] ?? "" : String(error) };
  }
}
