import { openStreamConnection } from "../../broker/stream/open.ts";
import { type BrokerEndpoint, type Config, requireSource } from "../../config/config.ts";
import { ConnectionPool } from "../connection_pool.ts";
import { StreamLook } from "../stream/look.ts";
import { streamConnector } from "../stream/survey.ts";
import type { AreaFindings } from "./findings.ts";

const NAME = "rabbitmq-backup doctor";

/** Looks at a stream as a backup does: by the stream protocol, or by AMQP where that is what is left. */
export async function checkStreamRead(
  findings: AreaFindings,
  stream: { vhost: string; name: string },
  { config, version, signal }: { config: Config; version: string; signal: AbortSignal },
): Promise<void> {
  const endpoint = requireSource(config);
  const connector = streamConnector(endpoint, {
    name: NAME,
    // Of a host that is advertised and not reached; the backup tells it.
    emit: () => {},
    signal,
  });
  await using connections = new ConnectionPool(endpoint, NAME, { signal });
  const look = new StreamLook(connector, {
    connections,
    protocol: config.backup.stream_protocol,
    brokerVersion: version,
    signal,
  });
  await findings.attempt("stream", async () => {
    const { byAmqp } = await look.at(stream, undefined);
    if (byAmqp === undefined) return findings.ok("stream", "Streams: read by the stream protocol");
    findings.warn(
      "stream",
      `Streams are read by AMQP 0-9-1, which loses ${byAmqp.losses.join(", ")}: ${byAmqp.because}`,
      "Open the stream port (source.stream_port), and set backup.stream_protocol: stream; a backup " +
        "of streams by AMQP is partial",
    );
  });
}

/** Whether the stream port answers and lets us in. */
export async function checkStreamPort(
  findings: AreaFindings,
  { endpoint, vhost, signal }: { endpoint: BrokerEndpoint; vhost: string; signal: AbortSignal },
): Promise<void> {
  await findings.attempt("stream", async () => {
    await using connection = await openStreamConnection(endpoint, { vhost, name: NAME, signal });
    findings.ok("stream", `Streams at ${connection.address}: ${endpoint.amqp_url.username} is in`);
  });
}
