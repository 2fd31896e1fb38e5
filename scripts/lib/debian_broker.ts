import { join } from "node:path";
import { brokerConfig, PLUGINS } from "./broker_config.ts";
import type { BrokerDescription, StartOptions } from "./broker.ts";
import { BrokerBase, describeInstance } from "./broker_base.ts";
import { makeCertificates } from "./certificates.ts";
import { type InstanceRecord, instancesDir, newInstance, saveInstance } from "./instances.ts";
import * as process from "./process.ts";
import {
  endProcesses,
  inRoot,
  launch,
  nodeNameOf,
  type Placed,
  rabbitmqProgram,
  runnerOf,
  vmOf,
} from "./debian_process.ts";
import { waitUntilReady } from "./readiness.ts";
import { type BrokerVersion, ensureRoot, ignoreMissing } from "./roots.ts";

/** What the members of a cluster share, so that they find and trust each other. */
export interface ClusterTies {
  readonly cookie: string;
  /** Port of the name server that knows all of them. */
  readonly epmd: number;
}

/**
 * A broker from Debian's packages, in a root of its own release. Its state is a folder outside the
 * root, mounted where the packages expect it, so one root serves any number of brokers; all its
 * processes share a process id namespace, so none can outlive it.
 */
export class DebianBroker extends BrokerBase {
  readonly #dir: string;

  constructor(description: BrokerDescription, dir: string) {
    super(description);
    this.#dir = dir;
  }

  static async start(
    version: BrokerVersion,
    options: StartOptions & { ties?: ClusterTies },
  ): Promise<DebianBroker> {
    const { owned = true, config: extra = "", ties } = options;
    const root = await ensureRoot(version);
    const instance = await newInstance(version, { way: "debian", owned, epmd: ties?.epmd });
    const dir = join(instancesDir(), instance.id);
    try {
      const tls = await makeCertificates(join(dir, "state", "tls"));
      await writeState(dir, { root, instance, extra, cookie: ties?.cookie });
      options.onLog?.(`starting RabbitMQ ${version} (${instance.id}) in ${root.dir}`);
      await launch(dir, { root, instance });
      const fullVersion = await waitUntilReady(instance.id, probeOf(instance, dir));
      requireVersion(version, fullVersion);
      const description = describeInstance(instance, { fullVersion, tls });
      await saveInstance({ ...instance, description });
      options.onLog?.(`RabbitMQ ${fullVersion} answers on ${description.amqpUrl}`);
      return new DebianBroker(description, dir);
    } catch (error) {
      await removeDebianInstance(dir);
      throw error;
    }
  }

  /** Its name among Erlang nodes, as the management API tells it. */
  get nodeName(): string {
    return nodeNameOf(this.id);
  }

  override get pid(): number {
    const vm = vmOf(this.#dir);
    if (vm === undefined) throw new Error(`Cannot tell the pid of ${this.id}: it is not running`);
    return vm;
  }

  get isRunning(): boolean {
    return vmOf(this.#dir) !== undefined;
  }

  override log(): Promise<string> {
    return readLogs(this.#dir);
  }

  override async rabbitmqctl(...args: string[]): Promise<string> {
    const root = await ensureRoot(this.version);
    const instance = await this.#record();
    const command = inRoot(this.#dir, { root, instance }, [
      rabbitmqProgram("rabbitmqctl"),
      "--quiet",
      ...args,
    ]);
    return (await process.mustRun(command)).stdout;
  }

  override async shareFile(name: string, text: string): Promise<string> {
    await Deno.writeTextFile(join(this.#dir, "state", name), text, { mode: 0o644 });
    return `/var/lib/rabbitmq/${name}`;
  }

  override suspend(): Promise<void> {
    process.signal(this.pid, "SIGSTOP");
    return Promise.resolve();
  }

  override resume(): Promise<void> {
    process.signal(this.pid, "SIGCONT");
    return Promise.resolve();
  }

  override kill(): Promise<void> {
    return endProcesses(this.#dir, { graceful: false });
  }

  override async restart(): Promise<void> {
    await endProcesses(this.#dir, { graceful: true });
    const instance = await this.#record();
    await launch(this.#dir, { root: await ensureRoot(this.version), instance });
    await waitUntilReady(this.id, probeOf(instance, this.#dir));
  }

  override stop(): Promise<void> {
    return removeDebianInstance(this.#dir);
  }

  async #record(): Promise<InstanceRecord> {
    return JSON.parse(await Deno.readTextFile(join(this.#dir, "instance.json"))) as InstanceRecord;
  }
}

/** Ends a broker, running or not, and removes all that was kept of it. */
export async function removeDebianInstance(dir: string): Promise<void> {
  await endProcesses(dir, { graceful: true });
  await Deno.remove(dir, { recursive: true }).catch(ignoreMissing);
}

async function writeState(
  dir: string,
  placed: Placed & { extra: string; cookie: string | undefined },
): Promise<void> {
  const { root, instance, cookie = crypto.randomUUID() } = placed;
  const state = join(dir, "state");
  await Deno.writeTextFile(
    join(state, "rabbitmq.conf"),
    brokerConfig({
      address: "127.0.0.1",
      ports: instance.ports,
      advertisedStreamPort: instance.ports.stream,
      tlsDir: "/var/lib/rabbitmq/tls",
      logFile: "/var/lib/rabbitmq/log/rabbit.log",
      extra: placed.extra,
    }),
  );
  await Deno.writeTextFile(join(state, "enabled_plugins"), PLUGINS);
  await Deno.writeTextFile(join(state, ".erlang.cookie"), cookie, { mode: 0o400 });
  await Deno.mkdir(join(state, "log"));
  await process.mustRun(["chown", "-R", `${root.uid}:${root.gid}`, state]);
}

function probeOf(instance: InstanceRecord, dir: string) {
  const { ports } = instance;
  return {
    amqpPort: ports.amqp,
    otherPorts: [ports.amqps, ports.managementTls, ports.stream],
    managementUrl: `http://127.0.0.1:${ports.management}`,
    username: "guest",
    password: "guest",
    hopeless: () => Promise.resolve(runnerOf(dir) === undefined ? "it ended" : undefined),
    log: () => readLogs(dir),
  };
}

async function readLogs(dir: string): Promise<string> {
  const read = (path: string) => Deno.readTextFile(join(dir, path)).catch(() => "");
  return await read("state/log/rabbit.log") + await read("console.log");
}

/** Debian's unstable release moves on; what is asked of it is the version or a newer one. */
function requireVersion(version: BrokerVersion, fullVersion: string): void {
  const [major = 0, minor = 0] = fullVersion.split(".").map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = version.split(".").map(Number);
  const same = major === wantedMajor && minor === wantedMinor;
  const newer = major > wantedMajor || (major === wantedMajor && minor > wantedMinor);
  if (same || (version === "4.3" && newer)) return;
  throw new Error(`Cannot use Debian's RabbitMQ as ${version}: it is ${fullVersion}`);
}
