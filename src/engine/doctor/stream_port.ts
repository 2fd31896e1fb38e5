import { openStreamConnection } from "../../broker/stream/open.ts";
import type { BrokerEndpoint } from "../../config/config.ts";
import type { AreaFindings } from "./findings.ts";

/** Whether the stream port answers and lets us in. */
export async function checkStreamPort(
  findings: AreaFindings,
  { endpoint, vhost, signal }: { endpoint: BrokerEndpoint; vhost: string; signal: AbortSignal },
): Promise<void> {
  await findings.attempt("stream", async () => {
    const name = "rabbitmq-backup doctor";
    await using connection = await openStreamConnection(endpoint, { vhost, name, signal });
    findings.ok("stream", `Streams at ${connection.address}: ${endpoint.amqp_url.username} is in`);
  });
}
