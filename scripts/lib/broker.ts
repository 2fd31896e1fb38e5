import { join } from "node:path";
import { cacheDir } from "./cache.ts";
import type { TlsFiles } from "./certificates.ts";
import { DebianBroker } from "./debian_broker.ts";
import { DockerBroker, dockerObstacle } from "./docker_broker.ts";
import { ExternalBroker, externalBroker, variableOf } from "./external_broker.ts";
import { type BrokerVersion, rootsObstacle, VERSIONS } from "./roots.ts";

export { type BrokerVersion, VERSIONS };
export type { TlsFiles };

/** How a broker came to be: in a Debian root, in Docker, or named in the environment. */
export type BrokerWay = "debian" | "docker" | "environment";

/** All that another process needs to know of a broker, as JSON. */
export interface BrokerDescription {
  readonly way: BrokerWay;
  /** The name of this one among all: its state folder, container or variable. */
  readonly id: string;
  readonly version: BrokerVersion;
  /** As the broker tells it, such as "4.3.6". */
  readonly fullVersion: string;
  /** With user and password, without a vhost. */
  readonly amqpUrl: string;
  readonly amqpsUrl: string;
  readonly managementUrl: string;
  readonly managementTlsUrl: string;
  readonly username: string;
  readonly password: string;
  readonly streamPort: number;
  readonly tls: TlsFiles;
}

/** A real broker to test against. What stops or breaks it works from any process. */
export interface Broker extends BrokerDescription, AsyncDisposable {
  /** Process id of the Erlang VM. Throws when the broker is down, or not this machine's to know. */
  readonly pid: number;
  readonly description: BrokerDescription;
  /** Its log, for messages about what went wrong. */
  log(): Promise<string>;
  /** Runs rabbitmqctl against it and gives what it printed; throws when it fails. */
  rabbitmqctl(...args: string[]): Promise<string>;
  /** Writes a file that rabbitmqctl can read, and gives the path by which it does. */
  shareFile(name: string, text: string): Promise<string>;
  /** SIGSTOP: connections stay open and nothing answers. */
  suspend(): Promise<void>;
  resume(): Promise<void>;
  /**
   * SIGKILL; data and ports stay, {@linkcode restart} brings it back. A quorum queue that was declared
   * less than a second before comes back empty, as RabbitMQ writes its list of them lazily; and
   * classic queues lose what is not persistent.
   */
  kill(): Promise<void>;
  /** Stops it if it runs, and starts it with the same data and ports. */
  restart(): Promise<void>;
  /** Ends it and removes its data. Does nothing the second time. */
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Told what is done, one line each. */
  onLog?: (line: string) => void;
  /** More lines for rabbitmq.conf. */
  config?: string;
  /**
   * The broker is this process's and a later `sweep()` ends it when this process is gone
   * (default); otherwise it belongs to the checkout and stays until `scripts/brokers down`.
   */
  owned?: boolean;
}

/** Starts a broker of a version with empty state, and waits until it answers. */
export async function startBroker(
  version: BrokerVersion,
  options: StartOptions = {},
): Promise<Broker> {
  switch (await chooseWay(version)) {
    case "debian":
      return await DebianBroker.start(version, options);
    case "docker":
      return await DockerBroker.start(version, options);
    case "environment":
      return await externalBroker(version);
  }
}

/** Takes hold of a broker that another process started. */
export function attachBroker(description: BrokerDescription): Broker {
  switch (description.way) {
    case "debian":
      return new DebianBroker(description, instanceDir(description.id));
    case "docker":
      return new DockerBroker(description, instanceDir(description.id));
    case "environment":
      return new ExternalBroker(description);
  }
}

function instanceDir(id: string): string {
  return join(cacheDir(), "instances", id);
}

const WAYS: Record<BrokerWay, string> = {
  debian: "Debian packages in a root of their own (debootstrap)",
  docker: "Docker's official image",
  environment: "a broker named in the environment",
};

export function describeWay(way: BrokerWay): string {
  return WAYS[way];
}

/** The way that is open here, the best first; throws with all three when none is. */
export async function chooseWay(version: BrokerVersion): Promise<BrokerWay> {
  if (Deno.env.get(variableOf(version))) return "environment"; // said by hand, so meant
  const noRoots = await rootsObstacle();
  if (noRoots === undefined) return "debian";
  const noDocker = await dockerObstacle();
  if (noDocker === undefined) return "docker";
  throw new Error(
    `Cannot start RabbitMQ ${version}: there are three ways, and none is open here.\n` +
      `  1. as root on Debian: ${noRoots}\n` +
      `  2. with Docker: ${noDocker}\n` +
      `  3. brokers of your own: set ${VERSIONS.map(variableOf).join(", ")} to ` +
      `"amqp://USER:PASSWORD@HOST:PORT,http://HOST:PORT" or to JSON`,
  );
}
