import { join } from "node:path";
import { brokerConfig, PLUGINS } from "./broker_config.ts";
import type { Broker, BrokerDescription, StartOptions } from "./broker.ts";
import { BrokerBase, describeInstance } from "./broker_base.ts";
import { makeCertificates } from "./certificates.ts";
import { type InstanceRecord, instancesDir, newInstance, saveInstance } from "./instances.ts";
import type { BrokerPorts } from "./ports.ts";
import { mustRun, run } from "./process.ts";
import { waitUntilReady } from "./readiness.ts";
import { type BrokerVersion, ignoreMissing } from "./roots.ts";

/** Why Docker cannot be used here; undefined when it can. */
export async function dockerObstacle(): Promise<string | undefined> {
  const info = await run(["docker", "info"]);
  if (info.code === 0) return undefined;
  const reason = info.stderr.trim().split("\n").at(-1) ?? "";
  return `'docker info' fails (${reason})`;
}

/** The ports inside every container, the images' own. */
const INSIDE: BrokerPorts = {
  amqp: 5672,
  amqps: 5671,
  management: 15672,
  managementTls: 15671,
  stream: 5552,
  dist: 25672,
  epmd: 4369,
};

/** A broker in a container of Docker's official image. */
export class DockerBroker extends BrokerBase {
  readonly #dir: string;

  constructor(description: BrokerDescription, dir: string) {
    super(description);
    this.#dir = dir;
  }

  static async start(version: BrokerVersion, options: StartOptions): Promise<Broker> {
    const instance = await newInstance(version, { way: "docker", owned: options.owned ?? true });
    const dir = join(instancesDir(), instance.id);
    try {
      const tls = await makeCertificates(join(dir, "tls"));
      // The container's user is another one, and the keys are worth nothing.
      await mustRun(["chmod", "-R", "a+rX", dir]);
      await Deno.writeTextFile(
        join(dir, "rabbitmq.conf"),
        brokerConfig({
          address: "0.0.0.0",
          ports: INSIDE,
          advertisedStreamPort: instance.ports.stream,
          tlsDir: "/etc/rabbitmq/test-tls",
          logFile: undefined,
          extra: options.config ?? "",
        }),
      );
      await Deno.writeTextFile(join(dir, "enabled_plugins"), PLUGINS);
      options.onLog?.(`starting RabbitMQ ${version} (${instance.id}) with Docker`);
      await mustRun(dockerRun(instance, dir));
      const fullVersion = await waitUntilReady(instance.id, probeOf(instance));
      const description = describeInstance(instance, { fullVersion, tls });
      await saveInstance({ ...instance, description });
      options.onLog?.(`RabbitMQ ${fullVersion} answers on ${description.amqpUrl}`);
      return new DockerBroker(description, dir);
    } catch (error) {
      await removeDockerInstance(instance.id, dir);
      throw error;
    }
  }

  override get pid(): number {
    const inspect = ["inspect", "--format", "{{.State.Pid}}", containerOf(this.id)];
    const output = new Deno.Command("docker", { args: inspect }).outputSync();
    const pid = Number(new TextDecoder().decode(output.stdout));
    if (!pid) throw new Error(`Cannot tell the pid of ${this.id}: it is not running`);
    return pid;
  }

  override log(): Promise<string> {
    return readLog(this.id);
  }

  override async rabbitmqctl(...args: string[]): Promise<string> {
    const command = ["docker", "exec", containerOf(this.id), "rabbitmqctl", "--quiet", ...args];
    return (await mustRun(command)).stdout;
  }

  override async shareFile(name: string, text: string): Promise<string> {
    const file = join(this.#dir, name);
    await Deno.writeTextFile(file, text, { mode: 0o644 });
    const path = `/var/lib/rabbitmq/${name}`;
    await mustRun(["docker", "cp", "--quiet", file, `${containerOf(this.id)}:${path}`]);
    return path;
  }

  override async suspend(): Promise<void> {
    await mustRun(["docker", "pause", containerOf(this.id)]);
  }

  override async resume(): Promise<void> {
    await mustRun(["docker", "unpause", containerOf(this.id)]);
  }

  override async kill(): Promise<void> {
    await run(["docker", "unpause", containerOf(this.id)]); // a paused container takes no signal
    await mustRun(["docker", "kill", containerOf(this.id)]);
  }

  override async restart(): Promise<void> {
    await run(["docker", "unpause", containerOf(this.id)]);
    await mustRun(["docker", "restart", "--time", "30", containerOf(this.id)]);
    const record = await Deno.readTextFile(join(this.#dir, "instance.json"));
    await waitUntilReady(this.id, probeOf(JSON.parse(record) as InstanceRecord));
  }

  override stop(): Promise<void> {
    return removeDockerInstance(this.id, this.#dir);
  }
}

export async function removeDockerInstance(id: string, dir: string): Promise<void> {
  await run(["docker", "unpause", containerOf(id)]);
  await run(["docker", "stop", "--time", "30", containerOf(id)]);
  await run(["docker", "rm", "--force", "--volumes", containerOf(id)]);
  await Deno.remove(dir, { recursive: true }).catch(ignoreMissing);
}

function containerOf(id: string): string {
  return `rabbitmq-backup-${id}`;
}

/** The command that starts the container of an instance, its ports on 127.0.0.1 only. */
export function dockerRun(instance: InstanceRecord, dir: string): string[] {
  const names = ["amqp", "amqps", "management", "managementTls", "stream"] as const;
  const publish = names.flatMap((name) => [
    "--publish",
    `127.0.0.1:${instance.ports[name]}:${INSIDE[name]}`,
  ]);
  const mount = (from: string, to: string) => [
    "--volume",
    `${join(dir, from)}:/etc/rabbitmq/${to}:ro`,
  ];
  return [
    ...["docker", "run", "--detach", "--name", containerOf(instance.id)],
    // The data folder is named after the node, and must be the same after a restart.
    ...["--hostname", "localhost"],
    ...publish,
    ...mount("rabbitmq.conf", "conf.d/90-test.conf"),
    ...mount("enabled_plugins", "enabled_plugins"),
    ...mount("tls", "test-tls"),
    `rabbitmq:${instance.version}-management`,
  ];
}

function probeOf(instance: InstanceRecord) {
  const { ports } = instance;
  return {
    amqpPort: ports.amqp,
    otherPorts: [ports.amqps, ports.managementTls, ports.stream],
    managementUrl: `http://127.0.0.1:${ports.management}`,
    username: "guest",
    password: "guest",
    hopeless: async () => {
      const format = ["--format", "{{.State.Running}}"];
      const state = await run(["docker", "inspect", ...format, containerOf(instance.id)]);
      return state.stdout.trim() === "true" ? undefined : "its container ended";
    },
    log: () => readLog(instance.id),
  };
}

async function readLog(id: string): Promise<string> {
  const logs = await run(["docker", "logs", "--tail", "200", containerOf(id)]);
  return logs.stdout + logs.stderr;
}
