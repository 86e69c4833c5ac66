// A file of the gateway's, saved: fetched by the page itself, since a link would not carry an admin key.

import { raw } from "./api";

export async function download(path: string, name: string): Promise<void> {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await (await raw(path)).blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
