import { dirname, join } from "node:path";
import type { Environment } from "../../src/config/interpolate.ts";
import { stateFolder } from "../../src/config/resolve.ts";

/** Files that are remembered. */
const KEPT = 20;

/** A configuration file that was used here. */
export interface RecentConfig {
  /** The whole path. */
  readonly path: string;
  /** When it was used last, epoch milliseconds. */
  readonly usedAt: number;
}

/**
 * The configuration files that were used last, in a file beside the progress file. Nothing but paths
 * and times is in it, and where it cannot be written there is simply no memory of them.
 */
export class RecentConfigs {
  readonly #file: string;
  /** Those of this run: one is written once. */
  readonly #added = new Set<string>();

  constructor(env: Environment) {
    this.#file = join(stateFolder(env), "recent.json");
  }

  /** The newest first. */
  async list(): Promise<RecentConfig[]> {
    try {
      const { configs } = JSON.parse(await Deno.readTextFile(this.#file));
      return (configs as unknown[]).filter(isRecent).toSorted((a, b) => b.usedAt - a.usedAt);
    } catch {
      return [];
    }
  }

  /** Remembers one. */
  async add(path: string, now: Date): Promise<void> {
    if (this.#added.has(path)) return;
    this.#added.add(path);
    const others = (await this.list()).filter((one) => one.path !== path);
    await this.#write([{ path, usedAt: now.getTime() }, ...others]);
  }

  /** Forgets one; the file itself stays. */
  async forget(path: string): Promise<void> {
    await this.#write((await this.list()).filter((one) => one.path !== path));
  }

  async #write(configs: readonly RecentConfig[]): Promise<void> {
    const temporary = `${this.#file}.${crypto.randomUUID()}.tmp`;
    const text = JSON.stringify({ v: 1, configs: configs.slice(0, KEPT) }, null, 2);
    try {
      await Deno.mkdir(dirname(this.#file), { recursive: true, mode: 0o700 });
      await Deno.writeTextFile(temporary, text, { mode: 0o600 });
      await Deno.rename(temporary, this.#file);
    } catch {
      await Deno.remove(temporary).catch(() => {});
    }
  }
}

function isRecent(value: unknown): value is RecentConfig {
  const { path, usedAt } = (value ?? {}) as Partial<RecentConfig>;
  return typeof path === "string" && typeof usedAt === "number";
}
