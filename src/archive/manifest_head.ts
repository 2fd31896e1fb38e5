import { z } from "zod";
import type { Manifest } from "./manifest.ts";

/** What a listing tells of a backup; fields as in {@linkcode Manifest}. */
export interface ManifestHead extends
  Pick<
    Manifest,
    | "format_version"
    | "backup_id"
    | "state"
    | "created_at"
    | "completed_at"
    | "warnings"
    | "total_messages"
    | "total_bytes"
  > {
  queue_count: number;
  /** Queues that are in the backup only in part. */
  partial_count: number;
  skipped_count: number;
  /** Ids of the backups that streams of it stand on. */
  bases: string[];
}

const count = z.int().nonnegative();

const headSchema = z.object({
  format_version: z.literal(2),
  backup_id: z.string(),
  state: z.enum(["complete", "partial"]),
  created_at: z.int(),
  completed_at: z.int().nullable(),
  warnings: z.array(z.string()),
  total_messages: count,
  total_bytes: count,
  queue_count: count,
  partial_count: count,
  skipped_count: count,
  bases: z.array(z.string()),
});

/** What begins the long part of a manifest as it is stored: text in JSON has no line ends. */
const LONG_PART = ',\n  "definitions": ';

/** What a manifest says of its queues before it comes to them. */
export function headOfQueues(
  { queues, skipped }: Pick<Manifest, "queues" | "skipped">,
): Pick<ManifestHead, "queue_count" | "partial_count" | "skipped_count" | "bases"> {
  return {
    queue_count: queues.length,
    partial_count: queues.filter(({ partial }) => partial !== undefined).length,
    skipped_count: skipped.length,
    bases: [...new Set(queues.flatMap(({ stream }) => stream?.base?.backup_id ?? []))],
  };
}

/** What a listing tells of a backup whose manifest has been read whole. */
export function headOf(manifest: Manifest): ManifestHead {
  return { ...manifest, ...headOfQueues(manifest) };
}

/**
 * Reads the first bytes of a manifest that go beyond what stands before its queues; undefined where
 * they do not tell enough, as in version 1: then it has to be read whole. What stands behind them is
 * not looked at.
 */
export function parseManifestHead(bytes: Uint8Array): ManifestHead | undefined {
  const text = new TextDecoder().decode(bytes);
  const end = text.indexOf(LONG_PART);
  if (end < 0) return undefined;
  try {
    return headSchema.safeParse(JSON.parse(`${text.slice(0, end)}}`)).data;
  } catch {
    return undefined;
  }
}
