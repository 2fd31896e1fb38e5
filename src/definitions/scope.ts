import { AppError } from "../errors.ts";
import {
  type Definitions,
  objectsOf,
  originalVhost,
  VHOST_KINDS,
  withoutVhost,
} from "./document.ts";

/** Definitions as they will be imported. */
export interface ScopedDefinitions {
  readonly definitions: Definitions;
  /** The vhost that they go into; its name is not in them. Undefined for those of a broker. */
  readonly vhost: string | undefined;
}

/**
 * Decides where definitions go: into the vhosts that they name, or, when they are of a single one,
 * into `vhost`, by default the one that they were taken of.
 *
 * @throws AppError `refused` when they belong elsewhere, or do not say where
 */
export function scopeOf(definitions: Definitions, vhost?: string): ScopedDefinitions {
  const into = vhost ?? originalVhost(definitions);
  const named = vhostsOf(definitions);
  const ofOneVhost = named.has(undefined);
  if (into === undefined) {
    if (!ofOneVhost) return { definitions, vhost: undefined };
    throw new AppError(
      "refused",
      "Cannot import definitions: they are of a single vhost, and do not say of which",
      { hint: "Name the vhost to import them into: --vhost NAME" },
    );
  }
  const ofBroker = !ofOneVhost && objectsOf(definitions, "vhosts").length > 0;
  const others = [...named].filter((name) => name !== undefined && name !== into);
  if (!ofBroker && (ofOneVhost || others.length === 0)) {
    return { definitions: withoutVhost(definitions), vhost: into };
  }
  const found = ofBroker ? "a whole broker" : `vhost ${JSON.stringify(others[0])}`;
  throw new AppError(
    "refused",
    `Cannot import definitions into vhost ${JSON.stringify(into)}: they are of ${found}`,
    {
      hint: "Leave out --vhost, or use an export of one vhost; --rename-vhost OLD=NEW gives the " +
        "vhosts of a whole broker's definitions other names",
    },
  );
}

/** Names of vhosts in the objects; `undefined` among them where one says none. */
function vhostsOf(definitions: Definitions): Set<unknown> {
  return new Set(
    VHOST_KINDS.flatMap((kind) => objectsOf(definitions, kind).map((object) => object.vhost)),
  );
}
