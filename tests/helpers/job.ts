import { stringify } from "yaml";
import type { Broker } from "./brokers.ts";
import { type CliResult, type CliRun, runCli, startCli } from "./cli.ts";
import { type TempDir, tempDir } from "./temp.ts";

/** What a test may change of the configuration; merged over what {@linkcode Job} writes. */
export interface JobConfig {
  backupId?: string;
  vhosts?: string[];
  /** Keys of the `source`, `target`, `backup`, `restore`, `storage` and `offset_storage` sections. */
  source?: Record<string, unknown>;
  target?: Record<string, unknown>;
  backup?: Record<string, unknown>;
  restore?: Record<string, unknown>;
  storage?: unknown;
  offset_storage?: Record<string, unknown>;
}

/** A broker as the tool is told of it; without a stream port, the default one. */
export type JobBroker = Pick<Broker, "amqpUrl" | "managementUrl"> & { streamPort?: number };

/** A folder with backups, spool and checkpoint of a test's own, and the tool run on it. */
export class Job implements AsyncDisposable {
  readonly dir: TempDir;
  readonly broker: JobBroker;

  constructor(broker: JobBroker, dir: TempDir) {
    this.broker = broker;
    this.dir = dir;
  }

  get backups(): string {
    return this.dir.join("backups");
  }

  /** Writes `backup.yaml` and gives the arguments that run it. */
  async backupArgs(config: JobConfig = {}): Promise<string[]> {
    const { amqpUrl, managementUrl } = this.broker;
    const text = stringify({
      mode: "backup",
      backup_id: config.backupId ?? "test",
      source: {
        amqp_url: amqpUrl,
        management_url: managementUrl,
        ...this.#streams(),
        queues: config.vhosts === undefined ? {} : { vhosts: config.vhosts },
        ...config.source,
      },
      ...this.#common(config),
      backup: { spool_dir: this.dir.join("spool"), ...config.backup },
    });
    return ["backup", "--config", await this.dir.write("backup.yaml", text)];
  }

  /** Writes `restore.yaml` and gives the arguments that run it. */
  async restoreArgs(config: JobConfig = {}): Promise<string[]> {
    const text = stringify({
      mode: "restore",
      backup_id: config.backupId ?? "test",
      target: { amqp_url: this.broker.amqpUrl, ...this.#streams(), ...config.target },
      ...this.#common(config),
      backup: { spool_dir: this.dir.join("spool"), ...config.backup },
      restore: { ...config.restore },
    });
    return ["restore", "--config", await this.dir.write("restore.yaml", text)];
  }

  /** Takes a backup to its end. */
  async backup(config: JobConfig = {}, flags: string[] = []): Promise<CliResult> {
    return await runCli([...await this.backupArgs(config), ...flags]);
  }

  /** Restores to the end. */
  async restore(config: JobConfig = {}, flags: string[] = []): Promise<CliResult> {
    return await runCli([...await this.restoreArgs(config), ...flags]);
  }

  async startBackup(config: JobConfig = {}, flags: string[] = []): Promise<CliRun> {
    return startCli([...await this.backupArgs(config), ...flags]);
  }

  async startRestore(config: JobConfig = {}, flags: string[] = []): Promise<CliRun> {
    return startCli([...await this.restoreArgs(config), ...flags]);
  }

  /** Reads all of a backup; `storage`: not in this job's own folder. */
  async validate(backupId = "test", storage?: Record<string, unknown>): Promise<CliResult> {
    const where = storage === undefined
      ? ["-p", this.backups]
      : ["-c", await this.dir.write("validate.yaml", stringify({ storage }))];
    return await runCli(["validate", ...where, "-b", backupId, "--deep"]);
  }

  /** The parsed manifest of a backup. */
  // deno-lint-ignore no-explicit-any
  async manifest(backupId = "test"): Promise<any> {
    return JSON.parse(
      await Deno.readTextFile(this.dir.join("backups", backupId, "manifest.json")),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dir[Symbol.asyncDispose]();
  }

  #streams(): Record<string, unknown> {
    const { streamPort } = this.broker;
    return streamPort === undefined ? {} : { stream_port: streamPort };
  }

  #common(config: JobConfig): Record<string, unknown> {
    return {
      storage: config.storage ?? { backend: "filesystem", path: this.backups },
      offset_storage: { db_path: this.dir.join("state.db"), ...config.offset_storage },
    };
  }
}

/** A job with an empty folder. */
export async function newJob(broker: JobBroker): Promise<Job> {
  return new Job(broker, await tempDir());
}

/** The JSON lines that a run with `--json` printed, of one type. */
// deno-lint-ignore no-explicit-any
export function jsonLines(result: CliResult, messageType: string): any[] {
  return result.stdout.split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .filter((event) => event.message_type === messageType);
}
