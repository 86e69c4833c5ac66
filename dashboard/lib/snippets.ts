// What to paste so that an application speaks to this gateway: only its base URL and key change.

import { PREFIX } from "./api";

export const SNIPPETS = [
  ["curl", "curl"],
  ["openai", "OpenAI SDK"],
  ["anthropic", "Anthropic SDK"],
  ["claude", "Claude Code"],
  ["langchain", "LangChain"],
] as const;
export type Client = (typeof SNIPPETS)[number][0];

export function snippet(client: Client, origin: string, model: string, key = "$HEADGATE_KEY"): string {
  const base = origin + PREFIX;
  const quoted = key.startsWith("$") ? `os.environ["${key.slice(1)}"]` : `"${key}"`;
  const os = key.startsWith("$") ? "import os\n" : "";
  switch (client) {
    case "curl":
      return `curl ${base}/v1/chat/completions \\\n  -H "Authorization: Bearer ${key}" -H "Content-Type: application/json" \\\n  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello"}]}'`;
    case "openai":
      return `${os}from openai import OpenAI\n\nclient = OpenAI(base_url="${base}/v1", api_key=${quoted})\nanswer = client.chat.completions.create(\n    model="${model}", messages=[{"role": "user", "content": "Hello"}]\n)\nprint(answer.choices[0].message.content)`;
    case "anthropic":
      return `${os}from anthropic import Anthropic\n\nclient = Anthropic(base_url="${base}", api_key=${quoted})\nanswer = client.messages.create(\n    model="${model}", max_tokens=200, messages=[{"role": "user", "content": "Hello"}]\n)\nprint(answer.content[0].text)`;
    case "claude":
      return `export ANTHROPIC_BASE_URL=${base}\nexport ANTHROPIC_AUTH_TOKEN=${key}\nexport ANTHROPIC_MODEL=${model}\nclaude`;
    case "langchain":
      return `${os}from langchain_openai import ChatOpenAI\n\nmodel = ChatOpenAI(base_url="${base}/v1", api_key=${quoted}, model="${model}")\nprint(model.invoke("Hello").content)`;
  }
}
