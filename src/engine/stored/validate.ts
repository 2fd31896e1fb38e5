import {
  definitionsFolder,
  manifestKey,
  markerKey,
  queueFolder,
  rollbackTime,
  runsFolder,
} from "../../archive/layout.ts";
import type { Manifest, QueueEntry } from "../../archive/manifest.ts";
import { parseManifest, wrongKeys } from "../../archive/manifest_io.ts";
import { AppError } from "../../errors.ts";
import { ObjectMissingError, type Storage } from "../../storage/storage.ts";
import type { EventSink } from "../events.ts";
import { chainsOf } from "./chain.ts";
import { readManifest } from "./list.ts";
import { ProgressMeter, type QueueWork } from "../progress.ts";
import { StreamContent } from "../stream/validate.ts";
import { shortfallOf } from "./shortfall.ts";
import {
  checkDefinitions,
  checkDefinitionsV1,
  QueueContent,
  sumProblems,
} from "./validate_content.ts";

/** Something that is wrong with a backup; names are "" where it concerns no single queue. */
export interface ValidationProblem {
  readonly vhost: string;
  readonly queue: string;
  /** Key of the object concerned; "" for a disagreement within the manifest. */
  readonly key: string;
  readonly problem: string;
}

/** What a validation found. */
export interface ValidationReport {
  readonly backupId: string;
  readonly deep: boolean;
  /** No problem was found. */
  readonly valid: boolean;
  /** What the backup lacks, when it is partial: it may be whole all the same. */
  readonly warning?: string;
  readonly segmentsChecked: number;
  /** Deep only: records that were read. */
  readonly recordsChecked: number;
  readonly problems: ValidationProblem[];
  /** What is no fault of the backup and worth knowing. */
  readonly notes: string[];
}

/** Options of {@linkcode validateBackup}. */
export interface ValidateOptions {
  storage: Storage;
  backupId: string;
  /** Read every byte, instead of looking at names and sizes only. */
  deep: boolean;
  signal: AbortSignal;
  emit: EventSink;
}

/**
 * Checks a backup against itself and collects all that is wrong.
 *
 * 1. the manifest is readable, and its numbers add up;
 * 2. every object is where its names put it, in its size, and none is there beside;
 * 3. deep: every segment and the definitions are read, hashed and parsed, and the records' counts,
 *    times and fingerprints compared.
 *
 * @throws {AppError} `backup_not_found`, and what the storage throws.
 */
export async function validateBackup(options: ValidateOptions): Promise<ValidationReport> {
  const validation = new Validation(options);
  await validation.run();
  return validation.report();
}

/** Objects of the backup, by key. */
interface Objects {
  /** Sizes of those that nothing in the manifest has claimed yet. */
  readonly sizes: Map<string, number>;
  /** Keys that do not follow from the names; nothing is read by them. */
  readonly unsafe: ReadonlySet<string>;
}

class Validation {
  readonly #options: ValidateOptions;
  readonly #problems: ValidationProblem[] = [];
  readonly #notes: string[] = [];
  #shortfall: string | undefined;
  #segmentsChecked = 0;
  #recordsChecked = 0;

  constructor(options: ValidateOptions) {
    this.#options = options;
  }

  report(): ValidationReport {
    return {
      backupId: this.#options.backupId,
      deep: this.#options.deep,
      valid: this.#problems.length === 0,
      ...(this.#shortfall === undefined ? {} : { warning: this.#shortfall }),
      segmentsChecked: this.#segmentsChecked,
      recordsChecked: this.#recordsChecked,
      problems: this.#problems,
      notes: this.#notes,
    };
  }

  async run(): Promise<void> {
    const manifest = await this.#manifest();
    if (manifest === undefined) return;
    this.#shortfall = shortfallOf(manifest);
    this.#notes.push(...manifest.warnings);
    this.#problems.push(...sumProblems(manifest));
    const wrong = [...wrongKeys(manifest)];
    this.#problems.push(...wrong);
    const unsafe = new Set(wrong.map(({ key }) => key));
    const sizes = await this.#sizes();
    await this.#definitions(manifest, { unsafe, sizes });
    await this.#queues(manifest, { unsafe, sizes });
    sizes.delete(manifestKey(manifest.backup_id));
    if (sizes.delete(markerKey(manifest.backup_id))) {
      this.#notes.push("the marker of an unfinished backup is still there; it does no harm");
    }
    for (const key of sizes.keys()) {
      // Kept by an import of the definitions; the manifest, written before, does not know it.
      if (isRollback(manifest.backup_id, key)) continue;
      // Of a restore that is under way, or can be gone on with.
      if (key.startsWith(`${runsFolder(manifest.backup_id)}/`)) continue;
      this.#notes.push(`${key} belongs to nothing in the manifest`);
    }
  }

  async #manifest(): Promise<Manifest | undefined> {
    const { storage, backupId } = this.#options;
    const key = manifestKey(backupId);
    try {
      return parseManifest(await readManifest(storage, backupId), { key, checkKeys: false });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "damaged") throw error;
      this.#problems.push({ vhost: "", queue: "", key, problem: error.message });
      return undefined;
    }
  }

  /** Sizes of all objects of the backup; what belongs to it is taken out as it is met. */
  async #sizes(): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    for await (const { key, size } of this.#options.storage.list(`${this.#options.backupId}/`)) {
      this.#options.signal.throwIfAborted();
      sizes.set(key, size);
    }
    return sizes;
  }

  async #definitions(manifest: Manifest, objects: Objects): Promise<void> {
    const entry = manifest.definitions;
    if (entry === null) {
      this.#notes.push("the backup has no definitions");
      return;
    }
    if (objects.unsafe.has(entry.key)) return;
    const found = { vhost: "", queue: "", key: entry.key };
    // Version 1 tells the size before compression, and no checksum.
    const size = manifest.format_version === 1 ? undefined : entry.size_bytes;
    const there = this.#checkObject(found, { size, objects });
    if (!there || !this.#options.deep) return;
    const check = manifest.format_version === 1 ? checkDefinitionsV1 : checkDefinitions;
    await this.#collect(found, () => check(this.#options, entry));
  }

  async #queues(manifest: Manifest, objects: Objects): Promise<void> {
    using meter = new ProgressMeter("validate", this.#options.emit);
    meter.queuesTotal = manifest.queues.length;
    meter.messagesTotal = manifest.total_messages;
    for (const queue of manifest.queues) {
      const { vhost, name } = queue;
      const known = this.#problems.length;
      const work = meter.begin(queue, { phase: "verifying", messagesTotal: queue.message_count });
      await this.#queue(queue, { objects, work, formatVersion: manifest.format_version });
      if (!this.#options.deep) work.messagesDone = queue.message_count;
      const seconds = meter.end(work);
      const problem = this.#problems.find((found) => found.vhost === vhost && found.queue === name);
      meter.errorCount += this.#problems.length - known;
      this.#options.emit({
        type: "queue_done",
        operation: "validate",
        vhost,
        queue: name,
        queueType: queue.queue_type,
        outcome: problem === undefined ? "ok" : "failed",
        messages: queue.message_count,
        bytes: queue.body_bytes,
        segments: queue.segments.length,
        seconds,
        ...(problem === undefined ? {} : { reason: problem.problem }),
      });
    }
    meter.send();
  }

  async #queue(
    queue: QueueEntry,
    { objects, work, formatVersion }: {
      objects: Objects;
      work: QueueWork;
      formatVersion: Manifest["format_version"];
    },
  ): Promise<void> {
    if (queue.stream?.base !== undefined) await this.#chain(queue, work);
    await this.#segments(queue, { objects, work, formatVersion });
  }

  /** Holds the segments of one queue against what a manifest says of them. */
  async #segments(
    queue: QueueEntry,
    { objects, work, formatVersion = 2 }: {
      objects: Objects;
      work: QueueWork;
      formatVersion?: Manifest["format_version"];
    },
  ): Promise<void> {
    const content = queue.stream === undefined ? new QueueContent(work) : new StreamContent(work);
    let whole = true;
    for (const segment of queue.segments) {
      this.#options.signal.throwIfAborted();
      const found = { vhost: queue.vhost, queue: queue.name, key: segment.key };
      this.#segmentsChecked++;
      if (objects.unsafe.has(segment.key)) whole = false;
      else if (!this.#checkObject(found, { size: segment.size_bytes, objects })) whole = false;
      else if (this.#options.deep) {
        whole = await this.#collect(found, () => content.read(this.#options, segment)) && whole;
      }
    }
    this.#recordsChecked += content.records;
    if (!this.#options.deep || !whole) return;
    for (const problem of content.problems(queue, formatVersion)) {
      this.#problems.push({ vhost: queue.vhost, queue: queue.name, key: "", problem });
    }
  }

  /**
   * Checks what a stream stands on as a restore of it would need it: the manifests that were built on,
   * their segments of this stream, and that the offsets go on.
   */
  async #chain(queue: QueueEntry, work: QueueWork): Promise<void> {
    const { storage, signal } = this.#options;
    const about = { vhost: queue.vhost, queue: queue.name };
    const { links, problem } = (await chainsOf(storage, [queue])).get(queue)!;
    if (problem !== undefined) {
      this.#problems.push({ ...about, key: "", problem: `it stands on others, and ${problem}` });
    }
    let above = queue;
    for (const { backupId, entry } of links) {
      const { last_offset } = entry.stream!;
      const { base, first_offset } = above.stream!;
      if (last_offset !== base!.last_offset || last_offset + 1 !== first_offset) {
        const text =
          `backup "${backupId}", which it stands on, ends at offset ${last_offset}, and ` +
          `what stands on it begins at ${first_offset}`;
        this.#problems.push({ ...about, key: "", problem: text });
      }
      above = entry;
      const sizes = new Map<string, number>();
      const folder = `${queueFolder(backupId, queue.vhost, queue.name)}/`;
      for await (const { key, size } of storage.list(folder)) {
        signal.throwIfAborted();
        sizes.set(key, size);
      }
      await this.#segments(entry, { objects: { sizes, unsafe: new Set() }, work });
    }
  }

  /** Whether an object is there, in its size; if not, that is a problem. */
  #checkObject(
    found: Omit<ValidationProblem, "problem">,
    expected: { size: number | undefined; objects: Objects },
  ): boolean {
    const { sizes } = expected.objects;
    const size = sizes.get(found.key);
    sizes.delete(found.key);
    if (size !== undefined && (expected.size ?? size) === size) return true;
    const problem = size === undefined
      ? "it is missing"
      : `it has ${size} bytes, the manifest says ${expected.size}`;
    this.#problems.push({ ...found, problem });
    return false;
  }

  /** Runs a check; false when it found a problem. */
  async #collect(
    found: Omit<ValidationProblem, "problem">,
    check: () => Promise<string[]>,
  ): Promise<boolean> {
    let problems: string[];
    try {
      problems = await check();
    } catch (error) {
      if (error instanceof ObjectMissingError) problems = ["it is missing"];
      else if (error instanceof AppError && error.code === "damaged") problems = [error.message];
      else throw error;
    }
    this.#problems.push(...problems.map((problem) => ({ ...found, problem })));
    return problems.length === 0;
  }
}

/** Whether it is a snapshot that an import of the backup's definitions took of its target. */
function isRollback(backupId: string, key: string): boolean {
  const folder = `${definitionsFolder(backupId)}/`;
  return key.startsWith(folder) && rollbackTime(key.slice(folder.length)) !== undefined;
}
