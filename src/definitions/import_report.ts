import { byIdentity, differencesOf, fieldsToChange, isAsWanted } from "./compare.ts";
import { type ChangedObject, reported, type ReportedObject } from "./diff.ts";
import {
  type DefinedObject,
  type Definitions,
  filtered,
  identityOf,
  type Kind,
  KINDS,
  objectsOf,
} from "./document.ts";
import type { Finding } from "./preflight.ts";

/** An object that the broker did not take, or would not. */
export interface FailedObject extends ReportedObject {
  readonly reason: string;
}

/** How many objects of a kind came to which end. */
export interface KindReport {
  readonly kind: Kind;
  /** Objects in the file. */
  readonly total: number;
  /** Were not there before. */
  readonly created: number;
  /** Were there, and are now as the file says. */
  readonly updated: number;
  /** Were there as the file says. */
  readonly unchanged: number;
  /** Are there, and otherwise than the file says: the broker changes no queue or exchange. */
  readonly different: number;
  /** Refused by the broker. */
  readonly failed: number;
  /** Are not there, though the broker refused nothing. */
  readonly missing: number;
}

/** What an import did, or with `dryRun` would do. */
export interface ImportReport {
  readonly dryRun: boolean;
  /** Whether the broker now has all that the file holds, as it says. */
  readonly complete: boolean;
  /** Kinds of which the file has objects. */
  readonly kinds: readonly KindReport[];
  /** Which were, or would be, created and updated. Without secrets. */
  readonly created: readonly ReportedObject[];
  readonly updated: readonly ChangedObject[];
  readonly different: readonly ChangedObject[];
  readonly failed: readonly FailedObject[];
  readonly missing: readonly ReportedObject[];
  /** What comes over and does not mean the same. */
  readonly changedMeaning: readonly FailedObject[];
  /** Versions of definitions and broker, where their majors differ. */
  readonly mismatch?: { readonly source: string; readonly target: string };
  /** With `dryRun`: why nothing would be imported, and the way out. */
  readonly blocked?: { readonly problem: string; readonly wayOut: string };
}

/** Kinds of which an import leaves objects that exist as they are. */
const KEPT_KINDS: readonly Kind[] = ["queues", "exchanges", "bindings"];

/** What an import found before, and what is there after it. */
export interface ImportStates {
  readonly before: Definitions;
  readonly after: Definitions;
  /** Of objects that name none. */
  readonly vhost: string | undefined;
  readonly findings: readonly Finding[];
  readonly failed: readonly (FailedObject & { object: DefinedObject })[];
  readonly mismatch: ImportReport["mismatch"] | undefined;
  readonly blocked: ImportReport["blocked"];
  readonly dryRun: boolean;
}

/** What an import has to bring to the broker: not what is there as wanted, or cannot be changed. */
export function toBeSent(
  wanted: Definitions,
  before: Definitions,
  vhost: string | undefined,
): Definitions {
  const existing = new Map(
    KINDS.map((kind) => [kind, byIdentity(kind, objectsOf(before, kind), vhost)]),
  );
  return filtered(wanted, (kind, object) => {
    const old = existing.get(kind)?.get(identityOf(kind, object, vhost));
    return old === undefined || !KEPT_KINDS.includes(kind) && !isAsWanted(kind, object, old);
  });
}

/** What there will be if the broker takes everything. */
export function expected(
  wanted: Definitions,
  before: Definitions,
  vhost: string | undefined,
): Definitions {
  const entries = KINDS.map((kind) => {
    const existing = byIdentity(kind, objectsOf(before, kind), vhost);
    const added = byIdentity(kind, objectsOf(wanted, kind), vhost);
    const kept = KEPT_KINDS.includes(kind);
    return [kind, [
      ...(kept ? new Map([...added, ...existing]) : new Map([...existing, ...added])).values(),
    ]];
  });
  return Object.fromEntries(entries) as Definitions;
}

/** Holds what is there against what was wanted. */
export function reportOf(wanted: Definitions, state: ImportStates): ImportReport {
  const { before, after, vhost, dryRun, findings, mismatch, blocked } = state;
  const keyOf = (kind: Kind, object: DefinedObject) =>
    `${kind}\0${identityOf(kind, object, vhost)}`;
  const reasons = new Map(
    state.failed.map(({ kind, object, reason }) => [keyOf(kind, object), reason]),
  );
  const tally = new Tally(vhost);
  for (const kind of KINDS) {
    const objects = byIdentity(kind, objectsOf(wanted, kind), vhost);
    if (objects.size === 0) continue;
    const old = byIdentity(kind, objectsOf(before, kind), vhost);
    const now = byIdentity(kind, objectsOf(after, kind), vhost);
    tally.begin(kind, objects.size);
    for (const [identity, object] of objects) {
      tally.add(kind, object, {
        old: old.get(identity),
        now: now.get(identity),
        reason: reasons.get(`${kind}\0${identity}`),
      });
    }
  }
  const { kinds, created, updated, different, failed, missing } = tally;
  const changedMeaning = findings.filter(({ effect }) => effect === "changed")
    .map(({ effect: _, object: __, ...finding }) => finding);
  return {
    dryRun,
    complete: different.length + failed.length + missing.length === 0,
    kinds: kinds.map((kind) => ({ ...kind })),
    created,
    updated,
    different,
    failed,
    missing,
    changedMeaning,
    ...mismatch === undefined ? {} : { mismatch },
    ...dryRun && blocked !== undefined
      ? { blocked: { problem: blocked.problem, wayOut: blocked.wayOut } }
      : {},
  };
}

interface States {
  readonly old: DefinedObject | undefined;
  readonly now: DefinedObject | undefined;
  /** Why the broker did not take it. */
  readonly reason: string | undefined;
}

class Tally {
  readonly kinds: { -readonly [Key in keyof KindReport]: KindReport[Key] }[] = [];
  readonly created: ReportedObject[] = [];
  readonly updated: ChangedObject[] = [];
  readonly different: ChangedObject[] = [];
  readonly failed: FailedObject[] = [];
  readonly missing: ReportedObject[] = [];
  readonly #vhost: string | undefined;

  constructor(vhost: string | undefined) {
    this.#vhost = vhost;
  }

  begin(kind: Kind, total: number): void {
    const none = { created: 0, updated: 0, unchanged: 0, different: 0, failed: 0, missing: 0 };
    this.kinds.push({ kind, total, ...none });
  }

  add(kind: Kind, object: DefinedObject, { old, now, reason }: States): void {
    const count = this.kinds.at(-1)!;
    const name = reported(kind, object, this.#vhost);
    const inWhat = (actual: DefinedObject) => wantedDifferences(kind, actual, object);
    if (now !== undefined && isAsWanted(kind, object, now)) {
      if (old === undefined) {
        count.created++;
        this.created.push(name);
      } else if (isAsWanted(kind, object, old)) {
        count.unchanged++;
      } else {
        count.updated++;
        this.updated.push({ ...name, fields: inWhat(old) });
      }
    } else if (reason !== undefined) {
      count.failed++;
      this.failed.push({ ...name, reason });
    } else if (now !== undefined) {
      count.different++;
      this.different.push({ ...name, fields: inWhat(now) });
    } else {
      count.missing++;
      this.missing.push(name);
    }
  }
}

/** In what an object is not as wanted; what `wanted` does not say is no difference. */
function wantedDifferences(kind: Kind, actual: DefinedObject, wanted: DefinedObject) {
  const fields = fieldsToChange(kind, wanted, actual);
  return differencesOf(kind, actual, wanted)
    .filter(({ field }) => fields.includes(field.replace(/\..*$/s, "")));
}

/** Whether an import changes it where it exists. */
export function isUpdatable({ kind }: ReportedObject): boolean {
  return !KEPT_KINDS.includes(kind);
}
