import type { HttpTransport } from "./http.ts";
import type { StoredObject } from "./storage.ts";

/** The key in an object's metadata under which drivers keep {@linkcode WriteOptions.writeId}. */
export const WRITE_ID = "writeid";

/** What every driver is made with, beside its configuration. */
export interface DriverOptions {
  readonly transport: HttpTransport;
  /** Objects a page of listings; default: the most that the service gives. */
  readonly pageSize?: number;
}

/** What a failed request means. */
export type FailureKind =
  /** There is no such object. */
  | "missing"
  /** There is such an object, and the write was to happen only if there is none. */
  | "exists"
  /** The object ends before the range begins. */
  | "range"
  /** The object is no longer the one whose reading began. */
  | "changed"
  /** Who asks is unknown, or may not. */
  | "denied"
  /** The service's certificate is none that is trusted. */
  | "untrusted"
  /** There is no such bucket or container. */
  | "no_bucket"
  | "full"
  /** Trying again may help. */
  | "transient"
  /** Trying again does not help. */
  | "permanent";

/** A request that failed, in words that hold for all services. */
export class ObjectFailure extends Error {
  readonly kind: FailureKind;
  /** The service's number of the request, for its support. */
  readonly requestId: string | undefined;
  /** How long the service wants to be left alone. */
  readonly retryAfterMs: number | undefined;
  /** What to do about it, when that is known better than by the kind. */
  readonly hint: string | undefined;

  constructor(
    kind: FailureKind,
    message: string,
    details: {
      requestId?: string | undefined;
      retryAfterMs?: number | undefined;
      hint?: string | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "ObjectFailure";
    this.kind = kind;
    this.requestId = details.requestId;
    this.retryAfterMs = details.retryAfterMs;
    this.hint = details.hint;
  }
}

/** An object was replaced between two readings of it. */
export function changedFailure(cause: unknown): ObjectFailure {
  return new ObjectFailure("changed", "it was replaced while it was read", { cause });
}

/** How an object is written. */
export interface WriteOptions {
  /** Only when the key is free when the object appears; else a failure `exists`. */
  readonly ifAbsent: boolean;
  /** Kept with the object and given by `head`: tells a write of ours from another's. */
  readonly writeId: string;
  /** Soon replaced or deleted: without the class, tier and retention that backups are to have. */
  readonly isTransient?: boolean;
}

/** Which part of which content is read. */
export interface ReadRange {
  readonly offset: number;
  /** Behind the last byte; absent: to the end. */
  readonly end?: number | undefined;
  /** What {@linkcode ObjectRead.version} said; another content is a failure `changed`. */
  readonly version?: string | undefined;
}

/** What a page of a listing is asked for. */
export interface ListQuery {
  readonly prefix: string;
  /** Keys are cut behind the first one that follows the prefix. */
  readonly delimiter?: "/";
  /** What {@linkcode ObjectPage.next} said. */
  readonly next?: string | undefined;
}

/** What is known of an object beside its bytes. */
export interface ObjectHead extends StoredObject {
  /** Of the write that made it; absent when another tool did. */
  readonly writeId?: string | undefined;
}

/** An object that is being read. */
export interface ObjectRead {
  /** Of the whole object, in bytes. */
  readonly size: number;
  /** Names this very content of the key. */
  readonly version: string;
  /** Each piece is valid only until the next is asked for. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** One page of a listing, each part in ascending byte order. */
export interface ObjectPage {
  readonly objects: readonly StoredObject[];
  /** With a delimiter: the common starts of keys, which end in `/`. */
  readonly folders: readonly string[];
  /** Where the next page begins; absent on the last one. */
  readonly next?: string | undefined;
}

/** An object that is stored in parts; nothing is visible before `complete`. */
export interface ObjectUpload {
  /**
   * Sends a part; sending it again replaces it. Parts other than the last are multiples of 256 KiB
   * and at least 5 MiB.
   */
  part(part: UploadPart, signal: AbortSignal): Promise<void>;
  /** Makes the object appear. */
  complete(signal: AbortSignal): Promise<void>;
  /** Removes the parts. */
  abort(signal: AbortSignal): Promise<void>;
}

/** A part of an upload. */
export interface UploadPart {
  /** From 0. */
  readonly index: number;
  /** Where in the object it begins. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly isLast: boolean;
}

/**
 * What a cloud's store does, one request a method: no retries, no waiting. Every method throws what
 * the cloud's library throws; `failureOf` says what that means.
 */
export interface ObjectDriver {
  /** Whether parts have to be sent one after the other. */
  readonly sequentialParts: boolean;
  /** How many keys `delete` takes at once. */
  readonly deleteBatch: number;
  put(key: string, bytes: Uint8Array, options: WriteOptions, signal: AbortSignal): Promise<void>;
  startUpload(key: string, options: WriteOptions, signal: AbortSignal): Promise<ObjectUpload>;
  /** A range that begins at or behind the end is a failure. */
  read(key: string, range: ReadRange, signal: AbortSignal): Promise<ObjectRead>;
  head(key: string, signal: AbortSignal): Promise<ObjectHead>;
  list(query: ListQuery, signal: AbortSignal): Promise<ObjectPage>;
  /** Keys that do not exist are passed over. */
  delete(keys: readonly string[], signal: AbortSignal): Promise<void>;
  /** What an error of this driver means; `undefined`: it is none of the service. */
  failureOf(error: unknown): ObjectFailure | undefined;
  close(): Promise<void>;
}

/** `Range` of a request (RFC 9110, 14.2); absent when all is wanted. */
export function rangeHeader({ offset, end }: ReadRange): string | undefined {
  if (offset === 0 && end === undefined) return undefined;
  return `bytes=${offset}-${end === undefined ? "" : end - 1}`;
}

/** The size of the whole object, from `Content-Range`, or from the length where all was asked for. */
export function wholeSize(
  contentRange: string | null | undefined,
  contentLength: number | string | null | undefined,
): number {
  return Number(/\/(\d+)$/.exec(contentRange ?? "")?.[1] ?? contentLength ?? 0);
}
