import type { ManagementClient } from "../broker/management/client.ts";
import { AppError } from "../errors.ts";
import { parseExactJson } from "../exact_json.ts";
import type { Definitions } from "./document.ts";
import { importDefinitions, type ImportOptions, type ImportReport } from "./import.ts";

type Named = Record<string, unknown>;

/** For tests: merges what is imported as RabbitMQ does: queues that exist stay, policies are replaced. */
export class FakeBroker {
  readonly imports: { vhost: string | undefined; json: unknown }[] = [];
  version = "4.0.5";
  plugins: string[] = [];
  /** So many exports after an import do not show it yet. */
  lateBy = 0;
  /** Once the user who imports is imported, reading is denied. */
  locksOut = false;
  /** Ends every import. */
  refusal: AppError | undefined;
  /** Names of objects that it refuses, with all that stands in the same request. */
  readonly refuses = new Set<string>();
  /** Names of objects that it drops without a word. */
  readonly drops = new Set<string>();
  #shown: Record<string, unknown>;
  #next: Record<string, unknown>;

  constructor(definitions: Definitions) {
    this.#shown = { vhosts: [{ name: "/" }, { name: ".." }], ...definitions };
    this.#next = this.#shown;
  }

  async import(wanted: unknown, options: ImportOptions = {}): Promise<ImportReport> {
    const definitions = parseExactJson(JSON.stringify(wanted)) as Definitions;
    return await importDefinitions(this.client, definitions, options);
  }

  get client(): ManagementClient {
    const client = {
      url: "http://broker",
      username: "guest",
      isAddressable: (name: string) => !["", ".", ".."].includes(name),
      overview: () =>
        Promise.resolve({
          rabbitmq_version: this.version,
          exchange_types: ["direct", "fanout", "topic", "headers"].map((name) => ({ name })),
        }),
      nodes: () => Promise.resolve([{ running: true, enabled_plugins: this.plugins }]),
      definitions: () => {
        if (this.locksOut && this.#hasImported("guest")) {
          return Promise.reject(new AppError("broker_denied", "refused"));
        }
        if (this.#next !== this.#shown && this.lateBy-- <= 0) this.#shown = this.#next;
        return Promise.resolve(JSON.stringify(this.#shown));
      },
      putDefinitions: (text: string, { vhost }: { vhost?: string }) => {
        if (this.refusal !== undefined) return Promise.reject(this.refusal);
        const json = JSON.parse(text);
        this.imports.push({ vhost, json });
        const objects = Object.values(json).filter(Array.isArray).flat() as Named[];
        const bad = objects.find(({ name }) => this.refuses.has(String(name)));
        if (bad !== undefined) {
          const message =
            `Cannot import definitions at http://broker: the broker answers 400, no ${bad.name}`;
          return Promise.reject(new AppError("failed", message));
        }
        this.#merge(json);
        return Promise.resolve();
      },
    };
    return client as unknown as ManagementClient;
  }

  #hasImported(user: string): boolean {
    return this.imports.some(({ json }) =>
      (json as { users?: Named[] }).users?.some(({ name }) => name === user)
    );
  }

  #merge(json: Record<string, unknown>): void {
    const next: Record<string, unknown> = { ...this.#next };
    for (const [kind, objects] of Object.entries(json)) {
      if (!Array.isArray(objects)) continue;
      const old = new Map((next[kind] as Named[] ?? []).map((each) => [each.name, each]));
      for (const object of objects as Named[]) {
        if (this.drops.has(String(object.name))) continue;
        const kept = kind === "queues" || kind === "exchanges";
        if (!kept || !old.has(object.name)) old.set(object.name, object);
      }
      next[kind] = [...old.values()];
    }
    this.#next = next;
  }
}
