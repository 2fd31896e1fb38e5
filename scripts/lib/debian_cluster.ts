import { join } from "node:path";
import type { StartOptions } from "./broker.ts";
import { type ClusterTies, DebianBroker, removeDebianInstance } from "./debian_broker.ts";
import { launch } from "./debian_process.ts";
import { instancesDir, newInstance } from "./instances.ts";
import { sleep } from "./process.ts";
import { type BrokerVersion, ensureRoot } from "./roots.ts";

/** The name server is given this long to listen. */
const EPMD_WITHIN_MS = 10_000;

/** Brokers of one version, in Debian roots, that form a cluster. */
export class DebianCluster implements AsyncDisposable {
  readonly nodes: readonly DebianBroker[];
  readonly #names: NameServer;

  private constructor(nodes: readonly DebianBroker[], names: NameServer) {
    this.nodes = nodes;
    this.#names = names;
  }

  /** Starts so many nodes at once, and joins them one by one. */
  static async start(
    version: BrokerVersion,
    options: StartOptions & { size: number },
  ): Promise<DebianCluster> {
    const names = await NameServer.start(version);
    const ties: ClusterTies = { cookie: crypto.randomUUID(), epmd: names.port };
    const starting = Array.from(
      { length: options.size },
      () => DebianBroker.start(version, { ...options, ties }),
    );
    const started = await Promise.allSettled(starting);
    const nodes = started.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
    const cluster = new DebianCluster(nodes, names);
    try {
      for (const one of started) if (one.status === "rejected") throw one.reason;
      const [first, ...others] = nodes;
      for (const node of others) await joinCluster(node, first!);
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** The node of this Erlang name. */
  node(name: string): DebianBroker {
    const found = this.nodes.find(({ nodeName }) => nodeName === name);
    if (found === undefined) throw new Error(`Cannot find node ${name} in the cluster`);
    return found;
  }

  /** Kills all nodes, running or not, and removes their data. */
  async stop(): Promise<void> {
    // Not stopped one by one in order, for which each would wait for the others.
    await Promise.all(this.nodes.map((node) => node.kill()));
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.#names.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function joinCluster(node: DebianBroker, first: DebianBroker): Promise<void> {
  await node.rabbitmqctl("stop_app");
  await node.rabbitmqctl("join_cluster", first.nodeName);
  await node.rabbitmqctl("start_app");
}

/**
 * Erlang's name server, by which nodes find each other, as an instance of its own: one that a node
 * brings up ends with that node.
 */
class NameServer {
  readonly port: number;
  readonly #dir: string;

  private constructor(port: number, dir: string) {
    this.port = port;
    this.#dir = dir;
  }

  static async start(version: BrokerVersion): Promise<NameServer> {
    const root = await ensureRoot(version);
    const instance = await newInstance(version, { way: "debian", owned: true });
    const dir = join(instancesDir(), instance.id);
    try {
      await Deno.mkdir(join(dir, "state"));
      // Port and address are in the environment.
      await launch(dir, { root, instance, program: ["/usr/bin/epmd"] });
      await listening(instance.ports.epmd);
      return new NameServer(instance.ports.epmd, dir);
    } catch (error) {
      await removeDebianInstance(dir);
      throw error;
    }
  }

  stop(): Promise<void> {
    return removeDebianInstance(this.#dir);
  }
}

async function listening(port: number): Promise<void> {
  for (const end = Date.now() + EPMD_WITHIN_MS;;) {
    try {
      return (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch (error) {
      if (Date.now() > end) {
        throw new Error(`Cannot start epmd on port ${port}: ${error}`, { cause: error });
      }
      await sleep(50);
    }
  }
}
