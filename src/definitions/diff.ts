import { byIdentity, differencesOf, type FieldDifference } from "./compare.ts";
import {
  type DefinedObject,
  type Definitions,
  isBrokersOwn,
  type Kind,
  KINDS,
  labelOf,
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

/** An object that is otherwise, and in what. */
export interface ChangedObject extends ReportedObject {
  readonly fields: readonly FieldDifference[];
}

/** What is different between two sides. Names and values, never secrets. */
export interface DefinitionsDiff {
  /** On the second side only. */
  readonly added: readonly ReportedObject[];
  /** On the first side only. */
  readonly removed: readonly ReportedObject[];
  /** On both, and otherwise. */
  readonly changed: readonly ChangedObject[];
  /** How many objects are the same. */
  readonly same: number;
}

/** Holds two sides against each other. `vhosts` stand for the vhosts that their objects do not name. */
export function diffDefinitions(
  from: Definitions,
  to: Definitions,
  vhosts: { from?: string | undefined; to?: string | undefined } = {},
): DefinitionsDiff {
  const added: ReportedObject[] = [];
  const removed: ReportedObject[] = [];
  const changed: ChangedObject[] = [];
  let same = 0;
  for (const kind of KINDS) {
    const before = comparedObjects(kind, from, vhosts.from);
    const after = comparedObjects(kind, to, vhosts.to);
    for (const [identity, object] of before) {
      const now = after.get(identity);
      if (now === undefined) {
        removed.push(reported(kind, object, vhosts.from));
        continue;
      }
      const fields = differencesOf(kind, object, now);
      if (fields.length === 0) same++;
      else changed.push({ ...reported(kind, object, vhosts.from), fields });
    }
    for (const [identity, object] of after) {
      if (!before.has(identity)) added.push(reported(kind, object, vhosts.to));
    }
  }
  return { added, removed, changed, same };
}

function comparedObjects(kind: Kind, definitions: Definitions, vhost: string | undefined) {
  const objects = objectsOf(definitions, kind).filter((object) => !isBrokersOwn(kind, object));
  return byIdentity(kind, objects, vhost);
}

/** An object as reports name it; `vhost` stands for one that it does not name. */
export function reported(
  kind: Kind,
  object: DefinedObject,
  vhost: string | undefined,
): ReportedObject {
  const own = VHOST_KINDS.includes(kind) ? object.vhost ?? vhost : undefined;
  const name = labelOf(kind, object);
  return { kind, ...(own === undefined ? {} : { vhost: String(own) }), name };
}
