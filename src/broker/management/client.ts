import type { z } from "zod";
import { AppError } from "../../errors.ts";
import {
  type Binding,
  bindingSchema,
  type BrokerNode,
  type CurrentUser,
  type Exchange,
  exchangeSchema,
  type ListedQueue,
  nodeSchema,
  type Overview,
  overviewSchema,
  pageSchema,
  type Permission,
  permissionSchema,
  type Policy,
  policySchema,
  QUEUE_COLUMNS,
  type QueueNow,
  queueNowSchema,
  queueSchema,
  type Vhost,
  vhostSchema,
  whoamiSchema,
} from "./model.ts";
import {
  type Call,
  type ManagementClientOptions,
  type ManagementEndpoint,
  Transport,
} from "./transport.ts";

export type { ManagementClientOptions, ManagementEndpoint };

/** Options of a call. */
export interface CallOptions {
  signal?: AbortSignal | undefined;
}

/** Options of a call that can be for one vhost. */
export interface VhostCallOptions extends CallOptions {
  /** Only what is in this vhost; else in all that the user may see. */
  vhost?: string | undefined;
}

/** Options of {@linkcode ManagementClient.definitions}. */
export interface DefinitionsOptions extends VhostCallOptions {
  /** What they are read for, in messages; default: to export them. */
  purpose?: "export" | "import";
}

/** A queue to declare, with the fields of RabbitMQ's definitions. */
export interface QueueDeclaration {
  readonly vhost: string;
  readonly name: string;
  readonly durable: boolean;
  readonly auto_delete: boolean;
  /** JSON; a `RawNumber` is written as it stands. */
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** The most that RabbitMQ gives on one page. */
const PAGE_SIZE = 500;

/** How often a listing is read again that changed from page to page. */
const LISTING_ROUNDS = 3;

/**
 * RabbitMQ's HTTP API (https://www.rabbitmq.com/docs/http-api-reference). Holds no connection.
 *
 * All methods throw {@linkcode AppError}: `broker_unreachable`, `broker_denied` (wrong password, tag or
 * permission missing), `broker_missing` (no such vhost), `config` (TLS files), or the signal's reason.
 */
export class ManagementClient {
  /** Base URL, without credentials. */
  readonly url: string;
  readonly username: string;
  readonly #transport: Transport;

  constructor(endpoint: ManagementEndpoint, options: ManagementClientOptions = {}) {
    this.#transport = new Transport(endpoint, options);
    this.url = this.#transport.url;
    this.username = this.#transport.username;
  }

  async overview(options: CallOptions = {}): Promise<Overview> {
    return await this.#transport.get(overviewSchema, {
      ...options,
      action: "ask the broker",
      path: "overview",
    });
  }

  /** The user this client logs in as. */
  async whoami(options: CallOptions = {}): Promise<CurrentUser> {
    return await this.#transport.get(whoamiSchema, {
      ...options,
      action: "log in",
      path: "whoami",
    });
  }

  /** The broker's clock, epoch milliseconds, in whole seconds; undefined where a proxy leaves it out. */
  async clock(options: CallOptions = {}): Promise<number | undefined> {
    const call = { ...options, action: "ask for the time", path: "whoami" };
    const { headers } = await this.#transport.send(call);
    const time = Date.parse(headers.date ?? "");
    return Number.isNaN(time) ? undefined : time;
  }

  /** A user's permissions on all vhosts. Needs the tag `administrator`. */
  async permissionsOf(user: string, options: CallOptions = {}): Promise<Permission[]> {
    return await this.#list(permissionSchema, {
      ...options,
      action: "list permissions",
      path: `users/${encodeURIComponent(user)}/permissions`,
    });
  }

  /** A user by its name; needs the tag `administrator`. `broker_missing` when there is none. */
  async user(name: string, options: CallOptions = {}): Promise<CurrentUser> {
    return await this.#transport.get(whoamiSchema, {
      ...options,
      action: `look up user ${JSON.stringify(name)}`,
      path: `users/${encodeURIComponent(name)}`,
    });
  }

  /** Needs the tag `monitoring`. */
  async nodes(options: CallOptions = {}): Promise<BrokerNode[]> {
    return await this.#list(nodeSchema, { ...options, action: "list nodes", path: "nodes" });
  }

  /** With the tag `monitoring` all vhosts, else those that the user has permissions on. */
  async vhosts(options: CallOptions = {}): Promise<Vhost[]> {
    return await this.#list(vhostSchema, { ...options, action: "list vhosts", path: "vhosts" });
  }

  /**
   * All queues that the user may see, read page by page. A queue that is there all the time is in
   * the result, even if others come and go meanwhile.
   */
  async queues(options: VhostCallOptions = {}): Promise<ListedQueue[]> {
    const found = new Map<string, ListedQueue>();
    for (let round = 0; round < LISTING_ROUNDS; round++) {
      const { items, steady } = await this.#readPages(options);
      for (const item of items) found.set(JSON.stringify([item.vhost, item.name]), item);
      if (steady) break;
    }
    return onlyOf(options.vhost, [...found.values()]);
  }

  /** One queue's consumers and depth; undefined when it is gone or its name cannot be in a URL. */
  async queueNow(
    { vhost, name }: { vhost: string; name: string },
    options: CallOptions = {},
  ): Promise<QueueNow | undefined> {
    if (!isAddressable(vhost) || !isAddressable(name)) return undefined;
    const path = `queues/${encodeURIComponent(vhost)}/${encodeURIComponent(name)}`;
    const columns = "consumer_details.consumer_tag,messages,messages_unacknowledged";
    try {
      return await this.#transport.get(queueNowSchema, {
        ...options,
        action: `look at queue ${JSON.stringify(name)}`,
        path: `${path}?columns=${columns}`,
      });
    } catch (error) {
      if (error instanceof AppError && error.code === "broker_missing") return undefined;
      throw error;
    }
  }

  async exchanges(options: VhostCallOptions = {}): Promise<Exchange[]> {
    return await this.#listOf("exchanges", exchangeSchema, options);
  }

  async bindings(options: VhostCallOptions = {}): Promise<Binding[]> {
    return await this.#listOf("bindings", bindingSchema, options);
  }

  /** Needs the tag `policymaker` or `monitoring`. */
  async policies(options: VhostCallOptions = {}): Promise<Policy[]> {
    return await this.#listOf("policies", policySchema, options);
  }

  /** Needs the tag `policymaker` or `monitoring`. */
  async operatorPolicies(options: VhostCallOptions = {}): Promise<Policy[]> {
    return await this.#listOf("operator-policies", policySchema, options);
  }

  /**
   * The broker's definitions as its own JSON text. Needs the tag `administrator`.
   *
   * @throws RangeError for a vhost that cannot stand in a URL: {@linkcode isAddressable}
   */
  async definitions(options: DefinitionsOptions = {}): Promise<string> {
    const { purpose = "export", vhost, signal } = options;
    const answer = await this.#transport.send({
      signal,
      action: `${purpose} definitions${ofVhost(vhost, purpose === "import" ? "into" : "of")}`,
      path: this.#definitionsPath(vhost),
      timeoutMs: this.#transport.timeoutMs * 10,
    });
    return answer.text;
  }

  /**
   * Imports definitions, which the broker merges into what it has: nothing is deleted, and queues,
   * exchanges and bindings that exist stay as they are. Needs the tag `administrator`.
   *
   * @throws RangeError for a vhost that cannot stand in a URL: {@linkcode isAddressable}
   */
  async putDefinitions(json: string, options: VhostCallOptions = {}): Promise<void> {
    await this.#transport.send({
      ...options,
      method: "POST",
      action: `import definitions${ofVhost(options.vhost, "into")}`,
      path: this.#definitionsPath(options.vhost),
      body: json,
      timeoutMs: this.#transport.timeoutMs * 10,
    });
  }

  /**
   * Declares a queue; needs permission to configure it. One that exists with the same properties is
   * left alone, one with others is an error (`failed`).
   */
  async declareQueue(queue: QueueDeclaration, options: CallOptions = {}): Promise<void> {
    const { vhost, name, ...properties } = queue;
    const action = `declare queue ${JSON.stringify(name)} in vhost ${JSON.stringify(vhost)}`;
    if (!isAddressable(vhost) || !isAddressable(name)) {
      await this.#transport.send({
        ...options,
        method: "POST",
        action,
        path: "definitions",
        body: JSON.stringify({ queues: [queue] }),
      });
      return;
    }
    const path = `queues/${encodeURIComponent(vhost)}/${encodeURIComponent(name)}`;
    await this.#transport.send({
      ...options,
      method: "PUT",
      action,
      path,
      body: JSON.stringify(properties),
    });
  }

  /** Whether the user may list a vhost's queues; listings of all vhosts pass over those closed to it. */
  async mayRead(vhost: string, options: CallOptions = {}): Promise<boolean> {
    const call = this.#callOf("queues", { ...options, vhost });
    try {
      await this.#transport.json({ ...call, path: `${call.path}?page=1&page_size=1&columns=name` });
      return true;
    } catch (error) {
      // Before 4.0 it is 401, from then on 404, as if there were no such vhost.
      const closed = ["broker_denied", "broker_missing"];
      if (error instanceof AppError && closed.includes(error.code)) return false;
      throw error;
    }
  }

  /** Whether a name can be part of a URL of this API; see {@linkcode isAddressable}. */
  isAddressable(name: string): boolean {
    return isAddressable(name);
  }

  async #readPages(
    options: VhostCallOptions,
  ): Promise<{ items: ListedQueue[]; steady: boolean }> {
    const call = this.#callOf("queues", options);
    const items: ListedQueue[] = [];
    const counts = new Set<number>();
    for (let page = 1, pages = 1; page <= pages; page++) {
      const query = `page=${page}&page_size=${PAGE_SIZE}&columns=${QUEUE_COLUMNS}`;
      const answer = await this.#page({ ...call, path: `${call.path}?${query}` }, page);
      if (answer === undefined) return { items, steady: false };
      items.push(...this.#transport.checked(queueSchema.array(), answer.items, call));
      // Some proxies and older brokers ignore the paging and give all at once.
      if (answer.whole) return { items, steady: true };
      // Behind an empty page there is nothing, whatever is said.
      pages = answer.items.length === 0 ? page : answer.page_count;
      counts.add(answer.filtered_count);
    }
    const distinct = new Set(items.map((item) => JSON.stringify([item.vhost, item.name]))).size;
    return { items, steady: counts.size <= 1 && (counts.size === 0 || counts.has(distinct)) };
  }

  /** One page; `undefined` when so many objects went away that there is no such page any more. */
  async #page(call: Call, page: number) {
    let json: unknown;
    try {
      json = await this.#transport.json(call);
    } catch (error) {
      const beyond = page > 1 && error instanceof AppError && /out of range/i.test(error.message);
      if (beyond) return undefined;
      throw error;
    }
    if (Array.isArray(json)) return { items: json, page_count: 1, filtered_count: 0, whole: true };
    return { ...this.#transport.checked(pageSchema, json, call), whole: false };
  }

  async #listOf<T extends { vhost: string }>(
    kind: string,
    schema: z.ZodType<T>,
    options: VhostCallOptions,
  ): Promise<T[]> {
    return onlyOf(options.vhost, await this.#list(schema, this.#callOf(kind, options)));
  }

  /** The listing of a kind of objects; of all vhosts where the vhost cannot stand in a URL. */
  #callOf(kind: string, { vhost, signal }: VhostCallOptions): Call {
    const action = `list ${kind.replace("-", " ")}`;
    if (vhost === undefined || !isAddressable(vhost)) return { action, path: kind, signal };
    return {
      action: `${action}${ofVhost(vhost)}`,
      path: `${kind}/${encodeURIComponent(vhost)}`,
      signal,
    };
  }

  #definitionsPath(vhost: string | undefined): string {
    if (vhost === undefined) return "definitions";
    if (!isAddressable(vhost)) {
      throw new RangeError(`Cannot address vhost ${JSON.stringify(vhost)}`);
    }
    return `definitions/${encodeURIComponent(vhost)}`;
  }

  async #list<T>(schema: z.ZodType<T>, call: Call): Promise<T[]> {
    return await this.#transport.get(schema.array(), call);
  }
}

/**
 * Whether a name can be a component of a path of this API. RabbitMQ resolves `.` and `..` after it has
 * decoded `%2e`, so no encoding helps; these names are reached through listings and definitions.
 */
export function isAddressable(name: string): boolean {
  return name !== "" && name !== "." && name !== "..";
}

function ofVhost(vhost: string | undefined, preposition = "of"): string {
  return vhost === undefined ? "" : ` ${preposition} vhost ${JSON.stringify(vhost)}`;
}

function onlyOf<T extends { vhost: string }>(vhost: string | undefined, items: T[]): T[] {
  return vhost === undefined ? items : items.filter((item) => item.vhost === vhost);
}
