import { type DefinedObject, type Definitions, KINDS, objectsOf } from "./document.ts";

/**
 * Definitions as JSON texts of about `maxBytes` each, to be imported one after the other: what others
 * refer to comes first. Brokers refuse larger requests: 8 MB by default before 4.0, then 20 MB.
 */
export function* partsOf(definitions: Definitions, maxBytes: number): Generator<string> {
  const lists: readonly string[] = KINDS;
  const about = Object.entries(definitions).filter(([key]) => !lists.includes(key));
  const encoder = new TextEncoder();
  const write = (part: Record<string, DefinedObject[]>) =>
    JSON.stringify({ ...Object.fromEntries(about), ...part });
  let part: Record<string, DefinedObject[]> = {};
  let size = 0;
  for (const kind of KINDS) {
    for (const object of objectsOf(definitions, kind)) {
      const bytes = encoder.encode(JSON.stringify(object)).length + 1;
      if (size > 0 && size + bytes > maxBytes) {
        yield write(part);
        part = {};
        size = 0;
      }
      (part[kind] ??= []).push(object);
      size += bytes;
    }
  }
  if (size > 0) yield write(part);
}
