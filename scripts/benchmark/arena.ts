import { join } from "node:path";
import { stringify } from "yaml";
import type { Manifest } from "../../src/archive/manifest.ts";
import {
  type BrokerAddress,
  createQueue,
  deleteQueue,
  type QueueSpec,
  waitForDepth,
} from "../../tests/helpers/queues.ts";
import { V8_FLAGS } from "../build/runtime_flags.ts";
import { checkoutDir } from "../lib/instances.ts";
import { streamBounds } from "../../src/broker/stream/commands.ts";
import { TcpProxy } from "../../tests/helpers/tcp_proxy.ts";
import {
  type ConsumerTask,
  momentIn,
  openTaskStream,
  type PublisherTask,
  reportIn,
  type StreamReaderTask,
} from "./floor_protocol.ts";
import { measure, type Measured } from "./process_meter.ts";
import type { QueueType } from "./options.ts";

/** As the broker's largest prefetch, which is what a chain of consumers needs for a quorum queue. */
const CHAIN_WINDOW = 65_535;
const PUBLISHER_WINDOW = 4_000;

/** Where runs take place: a broker, a vhost, a folder, and how many messages. */
export interface ArenaPlace {
  readonly broker: BrokerAddress & { readonly streamPort: number };
  /** Its process, when it is on this machine. */
  readonly brokerPid: number | undefined;
  readonly vhost: string;
  readonly folder: string;
  readonly bodies: string;
  readonly messages: number;
  readonly signal: AbortSignal;
}

/** One measured process. */
export interface Sample {
  /** Of a floor: until the last delivery or confirm. Of the tool: until the process has ended. */
  readonly wallSeconds: number;
  /** Backup floor only: until the broker has taken the messages back. */
  readonly returnedSeconds?: number;
  readonly cpuSeconds: number;
  readonly peakMemoryBytes: number | undefined;
  readonly brokerCpuSeconds: number | undefined;
  readonly otherCores: number | undefined;
  /** Tool's backup only, as its manifest has it: in which consumers could not have the messages. */
  readonly holdSeconds?: number;
  /** Tool's backup only: bytes of all objects of the backup. */
  readonly storedBytes?: number;
  /** Bare chunk reader only: bytes of all chunks. */
  readonly readBytes?: number;
}

export interface ToolOptions {
  readonly backupId: string;
  readonly format?: "v2" | "rbak-v1";
  /** Of a stream: only what is new since the newest backup. */
  readonly isIncremental?: boolean;
  /** The stream port, where it is another than the broker's. */
  readonly streamPort?: number;
  /** Arguments for deno, before main.ts. */
  readonly denoArgs?: readonly string[];
  readonly threads?: boolean;
}

/** Queues of one type, and the four things that are measured on them. */
export class Arena {
  readonly #place: ArenaPlace;
  readonly #queue: QueueSpec;
  readonly #type: QueueType;

  constructor(place: ArenaPlace, type: QueueType) {
    this.#place = place;
    this.#type = type;
    // Quorum queues of 4.x drop what is returned for the 21st time, unless told otherwise.
    const limit = type === "quorum" ? { arguments: { "x-delivery-limit": 10_000 } } : {};
    this.#queue = { vhost: place.vhost, name: `bench-${type}`, type, ...limit };
  }

  async createQueue(): Promise<void> {
    await createQueue(this.#place.broker, this.#queue);
  }

  async deleteQueue(): Promise<void> {
    await deleteQueue(this.#place.broker, this.#queue);
  }

  /** The bare consumer. */
  async readBare(): Promise<Sample> {
    if (this.#type === "stream") return await this.#readBareStream();
    const window = this.#type === "quorum" ? CHAIN_WINDOW : 0;
    const measured = await this.#client("floor_consumer.ts", { window });
    await this.#whole();
    return {
      ...taken(measured),
      wallSeconds: secondsUntil(measured, "delivered"),
      returnedSeconds: secondsUntil(measured, "returned"),
    };
  }

  /** The bare publisher. */
  async publishBare({ byAmqp = this.#type !== "stream" } = {}): Promise<Sample> {
    const { bodies, messages } = this.#place;
    const task = { window: PUBLISHER_WINDOW, bodies };
    const measured = byAmqp
      ? await this.#client("floor_publisher.ts", task)
      : await this.#streamClient("floor_stream_publisher.ts", { ...task, messages });
    await this.#whole();
    return { ...taken(measured), wallSeconds: secondsUntil(measured, "confirmed") };
  }

  async backup(options: ToolOptions): Promise<Sample & Pick<Measured, "threadSeconds">> {
    const measured = await this.#tool("backup", options);
    await this.#whole();
    const folder = join(this.#storage, options.backupId);
    return {
      ...taken(measured),
      threadSeconds: measured.threadSeconds,
      // The earlier tool's format does not have it.
      ...(options.format === "rbak-v1" || this.#type === "stream"
        ? {}
        : { holdSeconds: await holdSeconds(folder) }),
      storedBytes: await sizeOf(folder),
    };
  }

  async restore(options: ToolOptions): Promise<Sample & Pick<Measured, "threadSeconds">> {
    const measured = await this.#tool("restore", options);
    await this.#whole();
    return { ...taken(measured), threadSeconds: measured.threadSeconds };
  }

  /**
   * Publishes a hundredth more, and takes a backup of what is new. Returns the bytes that it has read
   * by the stream protocol.
   */
  async incremental(options: ToolOptions): Promise<number> {
    const { broker, bodies, messages } = this.#place;
    const more = Math.ceil(messages / 100);
    await this.#client("floor_publisher.ts", { window: PUBLISHER_WINDOW, bodies }, more);
    await using proxy = TcpProxy.inFrontOf(`amqp://127.0.0.1:${broker.streamPort}`);
    const streamPort = Number(new URL(proxy.through(broker).amqpUrl).port);
    await this.#tool("backup", { ...options, streamPort, isIncremental: true });
    const path = join(this.#storage, options.backupId, "manifest.json");
    const manifest = JSON.parse(await Deno.readTextFile(path)) as Manifest;
    if (manifest.total_messages !== more) {
      throw new Error(`Cannot measure what is new: ${manifest.total_messages} of ${more} messages`);
    }
    return proxy.passed;
  }

  async removeBackup(backupId: string): Promise<void> {
    await Deno.remove(join(this.#storage, backupId), { recursive: true });
  }

  get #storage(): string {
    return join(this.#place.folder, "backups");
  }

  /** A run that loses or doubles a message counts for nothing. */
  async #whole(): Promise<void> {
    const { broker, messages, vhost, signal } = this.#place;
    if (this.#type === "stream") {
      const { amqpUrl, streamPort } = broker;
      const name = this.#queue.name;
      await using connection = await openTaskStream({
        amqpUrl,
        port: streamPort,
        vhost,
        stream: name,
        messages,
      });
      signal.throwIfAborted();
      const last = (await streamBounds(connection, name))?.last ?? -1n;
      if (last + 1n >= messages) return;
      throw new Error(`Cannot go on: the stream has ${last + 1n} offsets of ${messages}`);
    }
    await waitForDepth(broker, this.#queue, { depth: messages, timeoutMs: 120_000 });
  }

  async #client(
    file: string,
    task: { window: number; bodies?: string },
    messages = this.#place.messages,
  ): Promise<Measured> {
    const { broker, vhost } = this.#place;
    const amqpUrl = `${broker.amqpUrl}/${encodeURIComponent(vhost)}`;
    const argument = { ...task, amqpUrl, queue: this.#queue.name, messages };
    const json = JSON.stringify(argument satisfies ConsumerTask | PublisherTask);
    return await this.#measure([join(import.meta.dirname ?? ".", file), json], {});
  }

  async #readBareStream(): Promise<Sample> {
    const { messages } = this.#place;
    const measured = await this.#streamClient("floor_stream_reader.ts", { messages });
    return {
      ...taken(measured),
      wallSeconds: secondsUntil(measured, "delivered"),
      readBytes: reportIn(measured.stdout, "delivered").bytes ?? 0,
    };
  }

  async #streamClient(
    file: string,
    task: { messages: number; window?: number; bodies?: string },
  ): Promise<Measured> {
    const { broker: { amqpUrl, streamPort: port }, vhost } = this.#place;
    const argument = { ...task, amqpUrl, port, vhost, stream: this.#queue.name };
    const json = JSON.stringify(argument satisfies StreamReaderTask);
    return await this.#measure([join(import.meta.dirname ?? ".", file), json], {});
  }

  async #tool(mode: "backup" | "restore", options: ToolOptions): Promise<Measured> {
    const config = await this.#writeConfig(mode, options);
    const main = join(checkoutDir(), "main.ts");
    return await this.#measure([main, mode, "--config", config], options);
  }

  async #measure(
    args: string[],
    options: Pick<ToolOptions, "denoArgs" | "threads">,
  ): Promise<Measured> {
    const { folder, messages, signal, brokerPid } = this.#place;
    return await measure([
      Deno.execPath(),
      "run",
      "-A",
      V8_FLAGS,
      ...options.denoArgs ?? [],
      ...args,
    ], {
      folder,
      signal,
      brokerPid,
      timeoutMs: 60_000 + messages, // a floor of 1,000 messages a second
      threads: options.threads ?? false,
    });
  }

  async #writeConfig(mode: "backup" | "restore", options: ToolOptions): Promise<string> {
    const { broker, vhost, folder } = this.#place;
    const { backupId, format, isIncremental, streamPort = broker.streamPort } = options;
    const endpoint = {
      amqp_url: broker.amqpUrl,
      stream_port: streamPort,
      // Not around a proxy.
      stream_advertised_hosts: streamPort === broker.streamPort,
      management_url: broker.managementUrl,
      management_username: broker.username,
      management_password: broker.password,
    };
    const queues = { include: [this.#queue.name], vhosts: [vhost] };
    const config = {
      mode,
      backup_id: backupId,
      ...(mode === "backup" ? { source: { ...endpoint, queues } } : { target: endpoint }),
      storage: { backend: "filesystem", path: this.#storage },
      offset_storage: { db_path: join(folder, "checkpoint.db") },
      backup: {
        spool_dir: join(folder, "spool"),
        ...(format === undefined ? {} : { format }),
        ...(isIncremental ? { stream_incremental: true } : {}),
      },
    };
    const path = join(folder, `${mode}.yaml`);
    await Deno.writeTextFile(path, stringify(config));
    return path;
  }
}

function taken(measured: Measured): Sample {
  const { wallSeconds, cpuSeconds, peakMemoryBytes, brokerCpuSeconds, otherCores } = measured;
  return { wallSeconds, cpuSeconds, peakMemoryBytes, brokerCpuSeconds, otherCores };
}

function secondsUntil(
  { startedAt, stdout }: Measured,
  moment: "delivered" | "returned" | "confirmed",
): number {
  return (momentIn(stdout, moment) - startedAt) / 1000;
}

async function holdSeconds(folder: string): Promise<number> {
  const manifest = JSON.parse(await Deno.readTextFile(join(folder, "manifest.json"))) as Manifest;
  const capture = manifest.queues[0]?.capture;
  if (capture == null) throw new Error(`Cannot read the hold of ${folder}: it has none`);
  return capture.hold_ms / 1000;
}

async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for await (const entry of Deno.readDir(folder)) {
    const path = join(folder, entry.name);
    bytes += entry.isDirectory ? await sizeOf(path) : (await Deno.stat(path)).size;
  }
  return bytes;
}
