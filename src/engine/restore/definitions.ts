import type { Manifest } from "../../archive/manifest.ts";
import { AppError, messageOf } from "../../errors.ts";
import { parseExactJson } from "../../exact_json.ts";
import type { Storage } from "../../storage/storage.ts";
import { readDefinitions } from "../stored/definitions.ts";

/** A queue as definitions describe it. */
export interface DefinedQueue {
  readonly vhost: string;
  readonly name: string;
  readonly durable?: boolean;
  readonly auto_delete?: boolean;
  readonly arguments?: Record<string, unknown>;
}

/** A binding as definitions describe it. */
export interface DefinedBinding {
  readonly vhost: string;
  /** The exchange. */
  readonly source: string;
  readonly destination_type: string;
  readonly destination: string;
  readonly routing_key: string;
  readonly arguments?: unknown;
}

/** An exchange as definitions describe it. */
export interface DefinedExchange {
  readonly vhost: string;
  readonly name: string;
  readonly type: string;
  readonly internal?: boolean;
  readonly arguments?: unknown;
}

/** A policy as definitions describe it. */
export interface DefinedPolicy {
  readonly vhost: string;
  readonly name: string;
  readonly pattern: string;
  readonly "apply-to"?: string;
  readonly priority?: number;
  readonly definition?: Record<string, unknown>;
}

/** What a restore needs of a backup's definitions; numbers as `parseExactJson` gives them. */
export interface StoredDefinitions {
  readonly queues: readonly DefinedQueue[];
  readonly exchanges: readonly DefinedExchange[];
  readonly bindings: readonly DefinedBinding[];
  readonly policies: readonly DefinedPolicy[];
}

/** Whether a value of definitions is a void of AMQP, which brokers write as this text. */
export function isVoid(value: unknown): boolean {
  return value === null || value === undefined || value === "undefined";
}

/**
 * Reads what a restore needs of the definitions of a backup.
 *
 * @throws {AppError} as `readDefinitions`
 */
export async function readForRestore(
  storage: Storage,
  manifest: Manifest,
): Promise<StoredDefinitions> {
  const text = await readDefinitions(storage, manifest);
  try {
    const { queues = [], exchanges = [], bindings = [], policies = [] } = parseExactJson(
      text,
    ) as Partial<StoredDefinitions>;
    return { queues, exchanges, bindings, policies };
  } catch (error) {
    const problem = `Cannot read the definitions of backup "${manifest.backup_id}": ${
      messageOf(error)
    }`;
    throw new AppError("damaged", problem, { cause: error });
  }
}

/** The same, or undefined where the backup has none, or damaged ones. */
export async function readIfWhole(
  storage: Storage,
  manifest: Manifest,
): Promise<StoredDefinitions | undefined> {
  if (manifest.definitions === null) return undefined;
  try {
    return await readForRestore(storage, manifest);
  } catch (error) {
    if (error instanceof AppError && error.code === "damaged") return undefined;
    throw error;
  }
}
