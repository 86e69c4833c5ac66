"use client";

import { Head, Loaded, Panel } from "@/components/ui";
import { PREFIX, api, got } from "@/lib/api";
import { useAsk } from "@/lib/use";

export default function Settings() {
  const config = useAsk(["config"], () => got(api.GET("/api/v1/config", {})), 10);
  return (
    <>
      <Head title="Settings">The configuration in force. What may be secret is masked. <a href={`${PREFIX}/docs`}>All operations of the API</a></Head>
      <Panel title="Configuration">
        <Loaded error={config.error} loading={config.isLoading} retry={() => void config.mutate()}><pre>{JSON.stringify(config.data, null, 2)}</pre></Loaded>
      </Panel>
    </>
  );
}
