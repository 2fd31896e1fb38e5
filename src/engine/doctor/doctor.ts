import { type Config, requireStorage } from "../../config/config.ts";
import { storageLocation } from "../../config/storage.ts";
import { examineSource } from "./source.ts";
import { examineTarget } from "./target.ts";
import { type Finding, Findings } from "./findings.ts";
import { checkMachine } from "./machine.ts";
import type { Side } from "./needs.ts";
import { probeStorage } from "./storage_probe.ts";

/** Options of {@linkcode examine}. */
export interface DoctorOptions {
  readonly config: Config;
  readonly side: Side;
  /** Nothing is written into the storage, also for a backup. */
  readonly readOnly?: boolean;
  /** Told each finding when it is known. */
  readonly onFinding?: (finding: Finding) => void;
  readonly signal: AbortSignal;
}

/** What was found. */
export interface DoctorReport {
  readonly side: Side;
  /** Where backups are kept, without secrets. */
  readonly location: string;
  readonly findings: readonly Finding[];
}

/**
 * Tries all that a backup or a restore needs, without doing it: nothing is changed on the broker, and
 * what is written into the storage for a backup is removed again. What fails is a finding, and no error.
 *
 * @throws {AppError} `config` when there is no broker or no storage to look at
 */
export async function examine(options: DoctorOptions): Promise<DoctorReport> {
  const { config, side, signal } = options;
  const storage = requireStorage(config);
  const findings = new Findings(options.onFinding);

  // 1. The storage, as far as this side uses it.
  const writes = side === "backup" && options.readOnly !== true;
  const isReadable = await probeStorage(findings.of("storage"), storage, { writes, signal });
  signal.throwIfAborted();

  // 2. The broker: reachable, well, and the rights on each vhost that the choice needs.
  let largestQueueBytes: number | undefined;
  if (side === "restore") await examineTarget(findings, { config, isReadable, signal });
  else largestQueueBytes = await examineSource(findings.of("source"), { config, signal });
  signal.throwIfAborted();

  // 3. This machine.
  await checkMachine(findings.of("machine"), config, { largestQueueBytes });
  return { side, location: storageLocation(storage), findings: findings.all };
}
