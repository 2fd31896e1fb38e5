import type { BrokerPorts } from "./ports.ts";

export const PLUGINS = "[rabbitmq_management,rabbitmq_stream].\n";

/** Where the configuration is read: addresses and paths as the broker itself sees them. */
export interface ConfigPlace {
  /** What it listens on: loopback, or all addresses inside a container. */
  readonly address: string;
  readonly ports: BrokerPorts;
  /** The stream port that clients are told. */
  readonly advertisedStreamPort: number;
  readonly tlsDir: string;
  /** undefined: the log goes to the console. */
  readonly logFile: string | undefined;
  readonly extra: string;
}

/** A rabbitmq.conf for tests: every listener on one address, TLS beside plain. */
export function brokerConfig(place: ConfigPlace): string {
  const { address, ports, tlsDir } = place;
  const tls = (prefix: string) => [
    `${prefix}.cacertfile = ${tlsDir}/ca.pem`,
    `${prefix}.certfile = ${tlsDir}/server.pem`,
    `${prefix}.keyfile = ${tlsDir}/server.key`,
  ];
  return [
    `listeners.tcp.1 = ${address}:${ports.amqp}`,
    `listeners.ssl.1 = ${address}:${ports.amqps}`,
    ...tls("ssl_options"),
    "ssl_options.verify = verify_peer",
    "ssl_options.fail_if_no_peer_cert = false",
    `management.tcp.ip = ${address}`,
    `management.tcp.port = ${ports.management}`,
    `management.ssl.ip = ${address}`,
    `management.ssl.port = ${ports.managementTls}`,
    ...tls("management.ssl"),
    `stream.listeners.tcp.1 = ${address}:${ports.stream}`,
    "stream.advertised_host = 127.0.0.1",
    `stream.advertised_port = ${place.advertisedStreamPort}`,
    // A test machine's disk may be small and is not what is tested.
    "disk_free_limit.absolute = 50MB",
    ...place.logFile === undefined
      ? ["log.console = true", "loopback_users = none"]
      : [`log.file = ${place.logFile}`, "log.file.level = info", "log.console = false"],
    place.extra,
    "",
  ].join("\n");
}
