import type { ForeignUserId } from "../../config/config.ts";
import { AppError } from "../../errors.ts";
import {
  republished,
  streamOffset,
  userIdOf,
  withoutCounters,
  withoutUserId,
  withUserIdAsHeader,
} from "../../message/broker_headers.ts";
import { headerValue, withHeader } from "../../message/properties.ts";
import { originHeaders } from "../stream/origin.ts";

/** Where a `user_id` goes with `restore.user_id: header`. */
export const USER_ID_HEADER = "x-original-user-id";

/** What the properties of a run's messages have to become. */
export interface OutgoingRules {
  /** The user who restores. */
  readonly username: string;
  /** Whether the target takes any user_id from that user. */
  readonly impersonates: boolean;
  readonly foreignUserId: ForeignUserId;
  readonly dedupeHeader: string | undefined;
  /** Whether messages of streams are to tell where they stood. */
  readonly notesOrigin: boolean;
}

/** The queue of the backup that messages are from. */
export interface OutgoingQueue {
  readonly backupId: string;
  readonly vhost: string;
  readonly name: string;
  /** The offsets that its messages have are those of a stream, and their times, perhaps. */
  readonly stream?: "with times" | "without times" | undefined;
}

const utf8 = new TextDecoder();
const encoder = new TextEncoder();

/** Makes the properties with which the messages of one queue are published, and counts what it changes. */
export class OutgoingProperties {
  /** Messages whose CC or BCC header was left out. */
  copying = 0;
  /** Messages whose user_id was left out or became a header. */
  userIds = 0;
  readonly #rules: OutgoingRules;
  readonly #queue: OutgoingQueue;
  readonly #cannot: string;
  readonly #username: Uint8Array;

  constructor(rules: OutgoingRules, queue: OutgoingQueue) {
    this.#rules = rules;
    this.#queue = queue;
    this.#username = encoder.encode(rules.username);
    this.#cannot = `Cannot publish to queue "${queue.name}" of vhost "${queue.vhost}"`;
  }

  /**
   * The properties of a message, its `record` in the backup counted from 1. `direct`: it goes straight
   * to its queue, and nothing may copy it to others. `capturedAt`: as its record has it.
   *
   * @throws {AppError} `broker_denied` when the target would not take its user_id
   */
  of(
    properties: Uint8Array,
    { record, direct, capturedAt }: { record: number; direct: boolean; capturedAt: number },
  ): Uint8Array {
    let result: Uint8Array;
    if (direct) {
      const { properties: kept, copied } = republished(properties);
      if (copied) this.copying++;
      result = kept;
    } else result = withoutCounters(properties);
    if (!this.#rules.impersonates) result = this.#withOwnUserId(result);
    const { dedupeHeader, notesOrigin } = this.#rules;
    if (notesOrigin) {
      result = this.#withOrigin(result, { offset: streamOffset(properties), capturedAt });
    }
    if (dedupeHeader === undefined) return result;
    const value = encoder.encode(dedupeId(this.#queue, record));
    return withHeader(result, dedupeHeader, { tag: "S", value });
  }

  /** A header of that name stays, being the older one. */
  #withOrigin(
    properties: Uint8Array,
    { offset, capturedAt }: { offset: number | undefined; capturedAt: number },
  ): Uint8Array {
    const { stream } = this.#queue;
    if (stream === undefined || offset === undefined) return properties;
    const timestamp = stream === "with times" ? capturedAt : undefined;
    return originHeaders({ offset, timestamp }).reduce(
      (all, [name, field]) =>
        headerValue(all, name) === undefined ? withHeader(all, name, field) : all,
      properties,
    );
  }

  #withOwnUserId(properties: Uint8Array): Uint8Array {
    const userId = userIdOf(properties);
    if (userId === undefined || isSame(userId, this.#username)) return properties;
    switch (this.#rules.foreignUserId) {
      case "drop":
        this.userIds++;
        return withoutUserId(properties);
      case "header":
        this.userIds++;
        return withUserIdAsHeader(properties, USER_ID_HEADER);
      default:
        throw this.#foreignUserId(utf8.decode(userId));
    }
  }

  #foreignUserId(owner: string): AppError {
    const { username } = this.#rules;
    return new AppError(
      "broker_denied",
      `${this.#cannot}: a message has user_id "${owner}", which the target takes from that user ` +
        `only, not from "${username}"`,
      {
        hint: `restore as that user, or give "${username}" the tag "impersonator" as well, or ` +
          "choose --user-id drop or header; the same command goes on at this message",
      },
    );
  }
}

/** The same for the same message of the same backup, and for no other. */
export function dedupeId(
  queue: { backupId: string; vhost: string; name: string },
  record: number,
): string {
  const { backupId, vhost, name } = queue;
  return [backupId, encodeURIComponent(vhost), encodeURIComponent(name), record].join("/");
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, at) => octet === b[at]);
}
