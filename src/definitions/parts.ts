import { type DefinedObject, type Definitions, type Kind, KINDS, objectsOf } from "./document.ts";

/** An object and the list that it stands in. */
export interface Placed {
  readonly kind: Kind;
  readonly object: DefinedObject;
}

/** All objects in the order in which they are imported: what others refer to comes first. */
export function placed(definitions: Definitions): Placed[] {
  return KINDS.flatMap((kind) => objectsOf(definitions, kind).map((object) => ({ kind, object })));
}

/**
 * Objects in groups of about `maxBytes` each, to be imported one after the other. Brokers refuse
 * larger requests: 8 MB by default before 4.0, then 20 MB.
 */
export function* partsOf(objects: readonly Placed[], maxBytes: number): Generator<Placed[]> {
  const encoder = new TextEncoder();
  let part: Placed[] = [];
  let size = 0;
  for (const each of objects) {
    const bytes = encoder.encode(JSON.stringify(each.object)).length + 1;
    if (size > 0 && size + bytes > maxBytes) {
      yield part;
      part = [];
      size = 0;
    }
    part.push(each);
    size += bytes;
  }
  if (size > 0) yield part;
}

/** The JSON of some of the objects of definitions, with what the definitions say at their top. */
export function partText(definitions: Definitions, objects: readonly Placed[]): string {
  const lists: readonly string[] = KINDS;
  const about = Object.entries(definitions).filter(([key]) => !lists.includes(key));
  const part: Record<string, unknown> = Object.fromEntries(about);
  for (const [kind, group] of Map.groupBy(objects, ({ kind }) => kind)) {
    part[kind] = group.map(({ object }) => object);
  }
  return JSON.stringify(part);
}
