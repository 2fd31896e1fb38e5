import { byIdentity, isAsWanted } from "./compare.ts";
import {
  type DefinedObject,
  type Definitions,
  type Kind,
  KINDS,
  objectsOf,
  VHOST_KINDS,
} from "./document.ts";

/** An object in a report; fields that its kind does not have are missing. */
export interface ReportedObject {
  readonly kind: Kind;
  readonly vhost?: string;
  /** Name; of a binding `source -> destination (routing key)`, of a permission the user. */
  readonly name: string;
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
  /** Are not there. */
  readonly missing: number;
}

/** What an import did, or with `dryRun` would do. */
export interface ImportReport {
  readonly dryRun: boolean;
  /** Whether the broker now has all that the file holds, as it says. */
  readonly complete: boolean;
  /** Kinds of which the file has objects. */
  readonly kinds: readonly KindReport[];
  /** Which were, or would be, created and updated; names only, as definitions hold secrets. */
  readonly created: readonly ReportedObject[];
  readonly updated: readonly ReportedObject[];
  readonly different: readonly ReportedObject[];
  readonly missing: readonly ReportedObject[];
}

/** Kinds of which an import updates objects that exist. */
const UPDATED_KINDS: readonly Kind[] = KINDS.filter((kind) =>
  !["queues", "exchanges", "bindings", "vhosts"].includes(kind)
);

/** What an import found before, and what is there after it. */
export interface ImportStates {
  readonly before: Definitions;
  readonly after: Definitions;
  /** Of objects that name none. */
  readonly vhost: string | undefined;
  readonly dryRun: boolean;
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
    const updates = UPDATED_KINDS.includes(kind);
    return [kind, [
      ...(updates ? new Map([...existing, ...added]) : new Map([...added, ...existing])).values(),
    ]];
  });
  return Object.fromEntries(entries) as Definitions;
}

/** Holds what is there against what was wanted. */
export function reportOf(wanted: Definitions, state: ImportStates): ImportReport {
  const kinds: KindReport[] = [];
  const named: Record<Exclude<Outcome, "unchanged">, ReportedObject[]> = {
    created: [],
    updated: [],
    different: [],
    missing: [],
  };
  for (const kind of KINDS) {
    const objects = objectsOf(wanted, kind).filter((object) => !isBrokersOwn(kind, object));
    if (objects.length === 0) continue;
    const before = byIdentity(kind, objectsOf(state.before, kind), state.vhost);
    const after = byIdentity(kind, objectsOf(state.after, kind), state.vhost);
    const count = { created: 0, updated: 0, unchanged: 0, different: 0, missing: 0 };
    const wantedByIdentity = byIdentity(kind, objects, state.vhost);
    for (const [identity, object] of wantedByIdentity) {
      const old = before.get(identity);
      const now = after.get(identity);
      const end = outcomeOf(kind, object, { old, now });
      count[end]++;
      if (end !== "unchanged") named[end].push(reported(kind, object, state.vhost));
    }
    kinds.push({ kind, total: wantedByIdentity.size, ...count });
  }
  const complete = named.different.length === 0 && named.missing.length === 0;
  return { dryRun: state.dryRun, complete, kinds, ...named };
}

type Outcome = "created" | "updated" | "unchanged" | "different" | "missing";

function outcomeOf(
  kind: Kind,
  wanted: DefinedObject,
  { old, now }: { old: DefinedObject | undefined; now: DefinedObject | undefined },
): Outcome {
  if (now === undefined) return "missing";
  if (!isAsWanted(kind, wanted, now)) return "different";
  if (old === undefined) return "created";
  return isAsWanted(kind, wanted, old) ? "unchanged" : "updated";
}

/** Exchanges `amq.*` are in every vhost; an export lists some or none of them, by version. */
function isBrokersOwn(kind: Kind, object: DefinedObject): boolean {
  if (kind === "exchanges") return object.name === "" || String(object.name).startsWith("amq.");
  // The cluster's own identity is not taken over from another.
  return kind === "global_parameters" && object.name === "internal_cluster_id";
}

/** Whether an import changes it where it exists. */
export function isUpdatable({ kind }: ReportedObject): boolean {
  return UPDATED_KINDS.includes(kind);
}

function reported(kind: Kind, object: DefinedObject, vhost: string | undefined): ReportedObject {
  const own = VHOST_KINDS.includes(kind) ? object.vhost ?? vhost : undefined;
  return { kind, ...(own === undefined ? {} : { vhost: String(own) }), name: nameOf(kind, object) };
}

function nameOf(kind: Kind, object: DefinedObject): string {
  switch (kind) {
    case "bindings":
      return `${object.source} -> ${object.destination} (${object.routing_key})`;
    case "permissions":
      return String(object.user);
    case "topic_permissions":
      return `${object.user} on ${object.exchange}`;
    default:
      return String(object.name);
  }
}
