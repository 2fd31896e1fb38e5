import { RecordParser } from "../../../archive/record.ts";
import { openSegment } from "../../../archive/segment.ts";
import { AppError } from "../../../errors.ts";
import type { MessageHead } from "../../../message/message.ts";
import type { Storage } from "../../../storage/storage.ts";
import type { RestoreMapping } from "../mapping.ts";
import { MessagePicker } from "../picker.ts";
import { behind } from "../segment_feed.ts";
import type { MessageSelection } from "../selection.ts";
import type { Target } from "../targets.ts";
import { type Closed, reachOf } from "./exchange_routing.ts";
import type { Topology } from "./topology.ts";

const utf8 = new TextDecoder();

/** What would become of the messages that came through one exchange; "" is the default exchange. */
export interface FanoutRow {
  readonly vhost: string;
  readonly exchange: string;
  /** undefined: not known. */
  readonly type?: string | undefined;
  messages: number;
  /** Messages in queues that they become, as far as bindings tell. */
  copies: number;
  /** Messages that would reach no queue, or cannot be published. */
  undelivered: number;
  /** Messages of which bindings do not tell how many they become. */
  unknown: number;
  /** Messages that would become more than one. */
  multiplied: number;
}

/** How many messages a restore through exchanges makes of those in the backup. */
export interface FanoutPlan {
  readonly origin: Topology["origin"];
  readonly exchanges: readonly FanoutRow[];
  readonly notes: readonly string[];
}

/** Names of the exchanges that the messages of some queues came through, by vhost. */
export type UsedExchanges = Map<string, Map<string, FanoutRow>>;

/** What {@linkcode FanoutCount} reads by. */
export interface FanoutOptions {
  readonly storage: Storage;
  readonly selection: MessageSelection;
  readonly mapping: RestoreMapping;
  readonly signal: AbortSignal;
}

/** Looks at every message that would be published, and adds up what each becomes. */
export class FanoutCount {
  readonly #topology: Topology;
  readonly #rows: UsedExchanges = new Map();
  readonly #notes: string[] = [];
  readonly #options: FanoutOptions;

  constructor(topology: Topology, options: FanoutOptions) {
    this.#topology = topology;
    this.#options = options;
  }

  /** Reads the messages of a queue from storage, without keeping any. */
  async add({ entry, destination, share, position }: Target): Promise<void> {
    const { storage, signal, selection } = this.#options;
    const { confirmed: taken, leftOut = 0, untimed = 0 } = position;
    const picker = new MessagePicker({ selection, entry }, { taken, leftOut, untimed });
    const { segments, skip } = behind(share.segments, taken + leftOut);
    let passOver = skip;
    const count = (head: MessageHead) => {
      if (passOver > 0) passOver--;
      else if (picker.takes(head)) this.#count(destination.vhost, head);
    };
    try {
      for (const { key } of segments) {
        const parser = new RecordParser({ head: count, body: () => {}, end: () => {} });
        const stored = openSegment(storage.get(key, { signal }), { name: key });
        for await (const chunk of stored.records()) {
          signal.throwIfAborted();
          parser.push(chunk);
        }
      }
    } catch (error) {
      // Told once more, and with what follows from it, when it is to be restored.
      if (!(error instanceof AppError) || error.code !== "damaged") throw error;
      this.#notes.push(`queue "${entry.name}" of vhost "${entry.vhost}": ${error.message}`);
    }
  }

  /** Exchanges other than the default one that messages came through, by vhost. */
  get used(): Map<string, string[]> {
    return new Map(
      [...this.#rows].map((
        [vhost, rows],
      ) => [vhost, [...rows.keys()].filter((name) => name !== "")]),
    );
  }

  /** The result; `closed` are exchanges that take no messages. */
  plan(closed: ReadonlyMap<string, ReadonlyMap<string, Closed>>): FanoutPlan {
    const rows = [...this.#rows.values()].flatMap((byName) => [...byName.values()]);
    const isClosed = ({ vhost, exchange }: FanoutRow) => closed.get(vhost)?.has(exchange);
    return {
      origin: this.#topology.origin,
      notes: [...this.#topology.notes, ...this.#notes],
      exchanges: rows.map((row) =>
        isClosed(row)
          ? { ...row, copies: 0, undelivered: row.messages, unknown: 0, multiplied: 0 }
          : row
      ),
    };
  }

  #count(vhost: string, head: MessageHead): void {
    const exchange = this.#options.mapping.mapExchange(utf8.decode(head.exchange));
    const isDirect = head.exchange.length === 0 && exchange === "";
    const row = this.#row(vhost, exchange);
    row.messages++;
    // Straight to the queue that it came from.
    const copies = isDirect
      ? 1
      : reachOf(this.#topology.routers.get(vhost), exchange, head)?.length;
    if (copies === undefined) row.unknown++;
    else {
      row.copies += copies;
      if (copies === 0) row.undelivered++;
      if (copies > 1) row.multiplied++;
    }
  }

  #row(vhost: string, exchange: string): FanoutRow {
    let rows = this.#rows.get(vhost);
    if (rows === undefined) this.#rows.set(vhost, rows = new Map());
    let row = rows.get(exchange);
    if (row === undefined) {
      const type = this.#topology.routers.get(vhost)?.exchange(exchange)?.type;
      const none = { messages: 0, copies: 0, undelivered: 0, unknown: 0, multiplied: 0 };
      rows.set(exchange, row = { vhost, exchange, type, ...none });
    }
    return row;
  }
}

/** The sums over all exchanges. */
export function totalsOf({ exchanges }: FanoutPlan) {
  const total = (key: "messages" | "copies" | "undelivered" | "unknown" | "multiplied") =>
    exchanges.reduce((sum, row) => sum + row[key], 0);
  return {
    messages: total("messages"),
    copies: total("copies"),
    undelivered: total("undelivered"),
    unknown: total("unknown"),
    multiplied: total("multiplied"),
  };
}

/** Why nothing is restored before these figures were accepted; undefined when each makes one. */
export function fanoutRefusal(plan: FanoutPlan): AppError | undefined {
  const { messages, copies, undelivered, unknown, multiplied } = totalsOf(plan);
  if (multiplied + undelivered + unknown === 0) return undefined;
  const parts = [
    `${messages} messages would become ${unknown > 0 ? "at least " : ""}${copies}`,
    ...undelivered > 0 ? [`${undelivered} of them would reach no queue`] : [],
    ...unknown > 0 ? [`what ${unknown} become cannot be told`] : [],
  ];
  return new AppError("refused", `Cannot restore through exchanges: ${parts.join(", ")}`, {
    hint: "--dry-run shows it for each exchange; restore with --accept-fanout if that is wanted, " +
      "or with publish_mode direct-to-queue, which puts each message where it was",
  });
}
