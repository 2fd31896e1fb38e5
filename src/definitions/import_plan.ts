import type { ManagementClient } from "../broker/management/client.ts";
import type { Secret } from "../config/secret.ts";
import { AppError } from "../errors.ts";
import { type Definitions, filtered, isBrokersOwn } from "./document.ts";
import { readDefinitions } from "./export.ts";
import { type Finding, findingsOf, type TargetFacts } from "./preflight.ts";
import { scopeOf } from "./scope.ts";
import { parseVersion, versionOf } from "./versions.ts";

/** What an import may do in spite of what is found. */
export interface ImportLeave {
  /** Go on when the definitions are of another major version; leaves out what would be refused. */
  allowVersionMismatch?: boolean | undefined;
  /** Leave out what the target would refuse, instead of importing nothing. */
  skipUnsupported?: boolean | undefined;
}

/** Options of {@linkcode planImport}. */
export interface PlanOptions extends ImportLeave {
  /**
   * Import the objects of a single-vhost file into this vhost, which must exist. Default: the one
   * that the file says it was taken of.
   */
  vhost?: string | undefined;
  /** That of the user who imports: tells whether the definitions would change it. */
  password?: Secret | undefined;
  signal?: AbortSignal | undefined;
}

/** All that is known before anything is changed. */
export interface ImportPlan {
  /** What is to be there, without what each broker has of its own. */
  readonly wanted: Definitions;
  readonly vhost: string | undefined;
  /** What the target has: whole, or of `vhost`. */
  readonly before: Definitions;
  readonly findings: readonly Finding[];
  /** Versions, where their majors differ. */
  readonly mismatch: { readonly source: string; readonly target: string } | undefined;
  /** Why nothing is to be imported. */
  readonly blocked: Blocked | undefined;
}

/** Why nothing is to be imported, in parts for those who show what is found beside it. */
export interface Blocked {
  readonly problem: string;
  /** The first of the objects that it is about, with reasons. */
  readonly objects: string;
  readonly wayOut: string;
}

/** The error of a plan that is blocked. */
export function blockedError({ problem, objects, wayOut }: Blocked): AppError {
  return new AppError("refused", `Cannot import definitions: ${problem}`, {
    hint: `${objects}. --dry-run shows all. ${wayOut}`,
  });
}

/** How many objects a message names. */
const NAMED = 5;

/**
 * Looks at definitions and at the target, and finds what would go wrong. Changes nothing. Needs an
 * administrator.
 *
 * @throws AppError `refused` when they belong elsewhere; `broker_denied`, `broker_missing`,
 * `broker_unreachable`
 */
export async function planImport(
  client: ManagementClient,
  definitions: Definitions,
  options: PlanOptions,
): Promise<ImportPlan> {
  const { signal } = options;
  const scoped = scopeOf(definitions, options.vhost);
  const { vhost } = scoped;
  const wanted = filtered(scoped.definitions, (kind, object) => !isBrokersOwn(kind, object));
  const before = await readDefinitions(client, { vhost, signal, purpose: "import" });
  const target = { ...await readFacts(client, signal), password: options.password };
  const findings = findingsOf(wanted, { before, target, vhost });
  const source = versionOf(wanted);
  const mismatch = source !== undefined && target.version !== undefined &&
      source.major !== target.version.major
    ? { source: source.text, target: target.version.text }
    : undefined;
  const blocked = blockedBy(options, { findings, mismatch });
  return { wanted, vhost, before, findings, mismatch, blocked };
}

async function readFacts(
  client: ManagementClient,
  signal: AbortSignal | undefined,
): Promise<TargetFacts> {
  const [overview, nodes] = await Promise.all([
    client.overview({ signal }),
    client.nodes({ signal }),
  ]);
  const plugins = nodes.filter(({ running }) => running).map(({ enabled_plugins }) =>
    enabled_plugins === undefined ? undefined : new Set(enabled_plugins)
  );
  return {
    version: parseVersion(overview.rabbitmq_version),
    exchangeTypes: overview.exchange_types &&
      new Set(overview.exchange_types.map(({ name }) => name)),
    plugins: plugins.reduce((all, each) => all && each && all.intersection(each), plugins[0]),
    username: client.username,
  };
}

function blockedBy(
  { allowVersionMismatch, skipUnsupported }: ImportLeave,
  { findings, mismatch }: Pick<ImportPlan, "findings" | "mismatch">,
): Blocked | undefined {
  const refused = findings.filter(({ effect }) => effect === "refused");
  if (mismatch !== undefined && !allowVersionMismatch) {
    return {
      problem: `they are of RabbitMQ ${mismatch.source}, and the broker is ${mismatch.target}`,
      objects: findings.length === 0
        ? "Nothing is known that would be lost"
        : `Lost or changed would be ${namesOf(findings)}`,
      wayOut: "--allow-version-mismatch goes on, without what the broker would refuse",
    };
  }
  if (refused.length === 0 || skipUnsupported || allowVersionMismatch) return undefined;
  const count = refused.length === 1 ? "one object" : `${refused.length} objects`;
  return {
    problem: `the broker would not take ${count} of them`,
    objects: `It would refuse ${namesOf(refused)}`,
    wayOut: "Take out what is refused by --transformations or a selection, or leave it out with " +
      "--skip-unsupported",
  };
}

function namesOf(findings: readonly Finding[]): string {
  const named = findings.slice(0, NAMED).map(({ kind, vhost, name, reason }) => {
    const where = vhost === undefined ? "" : ` of vhost ${JSON.stringify(vhost)}`;
    return `${JSON.stringify(name)}${where} in ${kind} (${reason})`;
  });
  const more = findings.length - named.length;
  return named.join("; ") + (more > 0 ? `; and ${more} more` : "");
}
