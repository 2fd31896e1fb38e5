import { parseArgs } from "node:util";
import type { BrokerVersion } from "../lib/broker.ts";
import { VERSIONS } from "../lib/broker.ts";

export const USAGE =
  `Backup and restore measured beside bare AMQP clients, in the same run on the same broker.

  scripts/bench [options]

  --messages N          messages of 1 KiB in the queue (default 200000)
  --runs N              how often each is measured; medians count (default 3)
  --queues LIST         classic, quorum, or classic,quorum (default)
  --broker VERSION      start a private broker: ${VERSIONS.join(", ")} (default 4.0)
  --amqp-url URL        use this broker instead, with --management-url URL;
                        its user must be an administrator: the bench makes a vhost of its own
  --dir PATH            where spool and backups go while it runs (default: the system's temp folder)
  --streams             instead: a stream, beside bare clients of the stream protocol, and a second
                        backup of 1 % new messages
  --definitions         instead: the definitions of a large cluster, in, out, compared, in again
  --storage             instead: list 1,000 backups in each kind of store; memory of large uploads
  --startup             instead: how long the program takes to start; no broker is needed
  --no-reference        do not also store the messages in the earlier tool's format, for its size
  --profile             instead: run backup and restore once with V8's CPU profiler, print hot spots
  --profile-dir PATH    keep the .cpuprofile files here
  --json                print the results as JSON`;

export type QueueType = "classic" | "quorum" | "stream";

export interface BenchOptions {
  readonly messages: number;
  readonly runs: number;
  readonly queueTypes: readonly QueueType[];
  readonly broker: BrokerVersion;
  /** A broker that runs already. */
  readonly address: { readonly amqpUrl: string; readonly managementUrl: string } | undefined;
  readonly dir: string | undefined;
  readonly definitions: boolean;
  readonly storage: boolean;
  readonly startup: boolean;
  readonly reference: boolean;
  readonly profile: boolean;
  readonly profileDir: string | undefined;
  readonly json: boolean;
}

/** Reads the command line; undefined when help is asked for. Throws with what is wrong with it. */
export function parseOptions(args: string[]): BenchOptions | undefined {
  const { values } = parseArgs({
    args,
    options: {
      messages: { type: "string", default: "200000" },
      runs: { type: "string", default: "3" },
      queues: { type: "string", default: "classic,quorum" },
      broker: { type: "string", default: "4.0" },
      "amqp-url": { type: "string" },
      "management-url": { type: "string" },
      dir: { type: "string" },
      streams: { type: "boolean", default: false },
      definitions: { type: "boolean", default: false },
      storage: { type: "boolean", default: false },
      startup: { type: "boolean", default: false },
      "no-reference": { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      "profile-dir": { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return undefined;
  return {
    messages: wholeNumber("--messages", values.messages),
    runs: wholeNumber("--runs", values.runs),
    queueTypes: values.streams ? ["stream"] : values.queues.split(",").map(queueType),
    broker: choice("--broker", values.broker, VERSIONS),
    address: addressOf(values["amqp-url"], values["management-url"]),
    dir: values.dir,
    definitions: values.definitions,
    startup: values.startup,
    storage: values.storage,
    // The earlier tool's format has no place for what a stream holds.
    reference: !values["no-reference"] && !values.streams,
    profile: values.profile,
    profileDir: values["profile-dir"],
    json: values.json,
  };
}

function addressOf(amqpUrl: string | undefined, managementUrl: string | undefined) {
  if (amqpUrl === undefined && managementUrl === undefined) return undefined;
  if (amqpUrl === undefined || managementUrl === undefined) {
    throw new Error("Cannot use a broker that runs: --amqp-url and --management-url go together");
  }
  return { amqpUrl, managementUrl };
}

function queueType(text: string): QueueType {
  return choice("--queues", text.trim(), ["classic", "quorum"]);
}

function choice<T extends string>(name: string, text: string, choices: readonly T[]): T {
  const found = choices.find((one) => one === text);
  if (found === undefined) {
    throw new Error(`Cannot read ${name} '${text}': the choices are ${choices.join(", ")}`);
  }
  return found;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Error(`Cannot read ${name} '${text}': it is not a whole number above 0`);
  }
  return value;
}
