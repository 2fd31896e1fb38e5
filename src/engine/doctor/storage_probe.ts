import type { StorageConfig } from "../../config/config.ts";
import { localFolder, withShortPatience } from "../../config/storage.ts";
import { openStorage } from "../../storage/open.ts";
import { bytesOf, ObjectExistsError, readAll, type Storage } from "../../storage/storage.ts";
import { checkClock, type ClockReading } from "./clock.ts";
import type { AreaFindings } from "./findings.ts";
import { PROBE_PREFIX, writeProblem } from "./write_problem.ts";

const CONTENT = "written by rabbitmq-backup doctor, and to be removed";

/** Options of {@linkcode probeStorage}. */
export interface StorageProbeOptions {
  /** Whether objects are written and deleted, too. */
  readonly writes: boolean;
  readonly signal: AbortSignal;
}

/**
 * Tries what a run does with its storage. With `writes` an object is written and removed again; it has
 * no place among backups, and `list` does not show it. Returns whether the storage can be read.
 */
export async function probeStorage(
  findings: AreaFindings,
  config: StorageConfig,
  { writes, signal }: StorageProbeOptions,
): Promise<boolean> {
  let clock: ClockReading | undefined;
  const storage = await findings.attempt(
    "open",
    () =>
      openStorage(withShortPatience(config), {
        signal,
        onTime: (theirs) => {
          clock ??= { whose: "the storage's", theirs, ours: Date.now(), refuses: true };
        },
      }),
  );
  if (storage === undefined) return false;
  try {
    const folder = localFolder(config);
    if (writes && folder !== undefined && !await isThere(folder)) {
      await checkNewFolder(findings, folder);
      return false;
    }
    const canList = await probeList(findings, storage);
    if (writes) await probeWrites(findings, storage);
    if (clock !== undefined) checkClock(findings, clock);
    return canList;
  } finally {
    await storage.close();
  }
}

async function isThere(folder: string): Promise<boolean> {
  try {
    await Deno.stat(folder);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

/** A backup makes its folder; a bucket has to be there. */
async function checkNewFolder(findings: AreaFindings, folder: string): Promise<void> {
  const problem = await writeProblem(folder);
  if (problem === undefined) {
    const hint = "If it is to be on a disk of its own, see whether that is mounted";
    return findings.warn("list", `${folder} is not there; a backup creates it`, hint);
  }
  const hint = "Create it for the user who runs backups, or set storage.path";
  findings.fail("list", `${folder} is not there, and cannot be created: ${problem}`, hint);
}

async function probeList(findings: AreaFindings, storage: Storage): Promise<boolean> {
  const folders = await findings.attempt(
    "list",
    async () => (await Array.fromAsync(storage.listFolders(""))).length,
  );
  if (folders === undefined) return false;
  const count = folders === 1 ? "1 folder" : `${folders} folders`;
  findings.ok("list", `Listed ${storage.location}: ${count}`);
  return true;
}

async function probeWrites(findings: AreaFindings, storage: Storage): Promise<void> {
  const key = `${PROBE_PREFIX}${crypto.randomUUID()}`;
  try {
    const written = await findings.attempt("write", () => storage.put(key, bytesOf(CONTENT)));
    if (written === undefined) return;
    findings.ok("write", `Wrote ${key}`);
    await findings.attempt("read", () => probeRead(findings, storage, key));
    await findings.attempt("put_if_absent", () => probePutIfAbsent(findings, storage, `${key}-2`));
  } finally {
    await findings.attempt("delete", async () => {
      await storage.delete([key, `${key}-2`]);
      const left = await storage.stat(key);
      if (left === undefined) return findings.ok("delete", "Removed what was written");
      const what = `${key} is still there after it was deleted`;
      findings.warn("delete", what, "See whether the store keeps what is deleted, and remove it");
    });
  }
}

async function probeRead(findings: AreaFindings, storage: Storage, key: string): Promise<void> {
  const read = new TextDecoder().decode(await readAll(storage.get(key), CONTENT.length * 2));
  const seen = await storage.stat(key);
  if (read === CONTENT && seen?.size === CONTENT.length) {
    return findings.ok("read", "Read it again, and it is the same");
  }
  const hint = "What is between here and the storage changes data; nothing can be kept there";
  findings.fail("read", `What was read of ${key} is not what was written`, hint);
}

/**
 * Two writes of one key of which each begins before the other ends, so that the store has to decide: by
 * this two backups of one id cannot both come to their end.
 */
export async function probePutIfAbsent(
  findings: AreaFindings,
  storage: Storage,
  key: string,
): Promise<void> {
  const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const put = async (index: number) => {
    async function* source() {
      // Each has looked and found nothing by now; see `Storage.put`.
      begun[index]!.resolve();
      await begun[1 - index]!.promise;
      yield* bytesOf(CONTENT);
    }
    try {
      return await storage.put(key, source(), { ifAbsent: true });
    } finally {
      begun[index]!.resolve();
    }
  };
  const results = await Promise.allSettled([put(0), put(1)]);
  const failures = results.flatMap((one) => one.status === "rejected" ? [one.reason] : []);
  const other = failures.find((error) => !(error instanceof ObjectExistsError));
  if (other !== undefined) throw other;
  if (failures.length === 1) {
    return findings.ok("put_if_absent", "Of two writes at once of one new object one is refused");
  }
  findings.fail(
    "put_if_absent",
    failures.length === 0
      ? "Of two writes at once of one new object both succeed: the store ignores If-None-Match"
      : "Of two writes at once of one new object both are refused",
    "Use a store that knows conditional writes; with this one, two backups of one id could mix",
  );
}
