import type { DefinitionsChoice } from "../config/config.ts";
import type { ManagementClient } from "../broker/management/client.ts";
import { AppError } from "../errors.ts";
import { type Definitions, objectsOf, VHOST_KINDS, withoutVhost } from "./document.ts";
import { formatDefinitions } from "./format.ts";
import { parseDefinitions } from "./parse.ts";
import { prepareDefinitions } from "./prepare.ts";

/** How many objects an export holds. */
export interface DefinitionsCounts {
  readonly vhosts: number;
  readonly queues: number;
  readonly exchanges: number;
  readonly users: number;
}

/** A broker's definitions as JSON. Holds password hashes, and what parameters hold (URIs). */
export interface ExportedDefinitions {
  readonly text: string;
  readonly counts: DefinitionsCounts;
}

/** Options of {@linkcode exportDefinitions}. */
export interface ExportOptions {
  /** Only this vhost: no users, and its objects do not name it, so that they fit into another. */
  vhost?: string | undefined;
  /** Which of them, and what is done to them; default: all, as they are. */
  choice?: DefinitionsChoice | undefined;
  signal?: AbortSignal | undefined;
}

/** Options of {@linkcode readDefinitions}. */
export interface ReadOptions extends Pick<ExportOptions, "vhost" | "signal"> {
  /** What they are read for, in messages; default: to export them. */
  purpose?: "export" | "import";
}

/**
 * Exports a broker's definitions: its own JSON, all fields and digits kept, in a stable order.
 *
 * @throws AppError `broker_denied` for users without the tag `administrator`, `broker_missing` when
 * there is no such vhost, `broker_unreachable`
 */
export async function exportDefinitions(
  client: ManagementClient,
  options: ExportOptions = {},
): Promise<ExportedDefinitions> {
  const read = await readDefinitions(client, options);
  // So that an import knows where they belong; before 4.0 brokers leave out these two.
  const whole = options.vhost === undefined ? read : {
    original_vhost_name: options.vhost,
    rabbitmq_version: read["rabbit_version"],
    ...read,
  };
  const definitions = options.choice === undefined
    ? whole
    : prepareDefinitions(whole, options.choice);
  const count = (kind: "vhosts" | "queues" | "exchanges" | "users") =>
    objectsOf(definitions, kind).length;
  return {
    text: formatDefinitions(definitions),
    counts: {
      vhosts: options.vhost === undefined ? count("vhosts") : 1,
      queues: count("queues"),
      exchanges: count("exchanges"),
      users: count("users"),
    },
  };
}

/** A broker's definitions, of all vhosts, or of one whose name its objects then do not have. */
export async function readDefinitions(
  client: ManagementClient,
  { vhost, signal, purpose = "export" }: ReadOptions,
): Promise<Definitions> {
  const cannot = `Cannot ${purpose} definitions`;
  const read = async (vhost?: string) => {
    const text = await client.definitions({ vhost, signal, purpose });
    return readAnswer(text, `${cannot} at ${client.url}`);
  };
  if (vhost === undefined) return await read();
  if (client.isAddressable(vhost) && isAscii(vhost)) return withoutVhost(await read(vhost));
  return onlyVhost(await read(), { vhost, cannot });
}

/**
 * RabbitMQ 4.x fails at definitions of one vhost with another name (4.0.5: status 500; 4.3.6: the
 * same, or JSON that is no UTF-8).
 */
function isAscii(name: string): boolean {
  // deno-lint-ignore no-control-regex
  return /^[\x00-\x7f]*$/.test(name);
}

/** Something else than a broker may answer. */
function readAnswer(text: string, cannot: string): Definitions {
  try {
    return parseDefinitions(text);
  } catch (error) {
    throw new AppError(
      "broker_unreachable",
      `${cannot}: the answer is not of RabbitMQ's management API`,
      {
        hint:
          "See whether management_url is right; where it is not set, it is the host of amqp_url",
        cause: error,
      },
    );
  }
}

/** What the broker would give for one vhost, could it be asked for it. */
function onlyVhost(
  definitions: Definitions,
  { vhost, cannot }: { vhost: string; cannot: string },
): Definitions {
  const own = objectsOf(definitions, "vhosts").find(({ name }) => name === vhost);
  if (own === undefined) {
    throw new AppError(
      "broker_missing",
      `${cannot}: there is no vhost ${JSON.stringify(vhost)}`,
      { hint: "Correct its name, or create it first" },
    );
  }
  const { name: _, ...properties } = own;
  const single: Record<string, unknown> = { ...properties };
  for (const key of ["rabbit_version", "rabbitmq_version", "product_name", "product_version"]) {
    if (definitions[key] !== undefined) single[key] = definitions[key];
  }
  for (const kind of VHOST_KINDS) {
    if (/permissions$/.test(kind)) continue;
    single[kind] = objectsOf(definitions, kind)
      .filter((object) => object.vhost === vhost);
  }
  return withoutVhost(single as Definitions);
}
