import type { Secret } from "../config/secret.ts";
import {
  type DefinedObject,
  type Definitions,
  isPredeclared,
  type Kind,
  KINDS,
  objectsOf,
  tableOf,
  VHOST_KINDS,
} from "./document.ts";
import { byIdentity, isAsWanted } from "./compare.ts";
import { reported, type ReportedObject } from "./diff.ts";
import { hasPassword, isAdministrator } from "./password.ts";
import { argumentProblem, parameterProblem, policyProblem } from "./support.ts";
import { type BrokerVersion, isFrom, versionOf } from "./versions.ts";

/** What is known of the broker that gets the definitions. */
export interface TargetFacts {
  readonly version: BrokerVersion | undefined;
  /** Types of exchanges that it knows; undefined when it does not tell. */
  readonly exchangeTypes: ReadonlySet<string> | undefined;
  /** Plugins that all its nodes have; undefined when it does not tell. */
  readonly plugins: ReadonlySet<string> | undefined;
  /** The user who imports, and its password where it is known. */
  readonly username: string;
  readonly password?: Secret | undefined;
}

/** What will not come over as it is, known before anything is changed. */
export interface Finding extends ReportedObject {
  /** The object, which may hold secrets: for those who look it up, not for showing. */
  readonly object: DefinedObject;
  /**
   * `refused`: the broker would refuse it, drop it without a word, or lose messages with it.
   * `changed`: it would be there, and not mean the same.
   */
  readonly effect: "refused" | "changed";
  readonly reason: string;
}

/** What {@linkcode findingsOf} looks at. */
export interface Preflight {
  /** What the target has. */
  readonly before: Definitions;
  readonly target: TargetFacts;
  /** Of objects that name none. */
  readonly vhost: string | undefined;
}

type Found = Pick<Finding, "effect" | "reason">;

/**
 * Looks for what the target will not take, by rules that were tried on RabbitMQ 3.10, 4.0 and 4.3.
 * Objects that the target has already are passed over, unless an import would change them.
 */
export function findingsOf(wanted: Definitions, preflight: Preflight): Finding[] {
  const check = new Check(wanted, preflight);
  return KINDS.flatMap((kind) => check.all(kind));
}

class Check {
  readonly #wanted: Definitions;
  readonly #preflight: Preflight;
  readonly #source: BrokerVersion | undefined;
  readonly #users: Set<unknown>;
  readonly #vhosts: ReadonlySet<unknown>;
  readonly #ends: Record<"queue" | "exchange", Set<string>>;

  constructor(wanted: Definitions, preflight: Preflight) {
    const { before, vhost } = preflight;
    this.#wanted = wanted;
    this.#preflight = preflight;
    this.#source = versionOf(wanted);
    const names = (kind: Kind) =>
      new Set([before, wanted].flatMap((each) => objectsOf(each, kind).map(({ name }) => name)));
    this.#users = names("users");
    this.#vhosts = new Set([...names("vhosts"), vhost]);
    const keys = (kind: Kind) =>
      [before, wanted].flatMap((each) =>
        objectsOf(each, kind).map((object) => this.#keyOf(object, object.name))
      );
    this.#ends = { queue: new Set(keys("queues")), exchange: new Set(keys("exchanges")) };
  }

  all(kind: Kind): Finding[] {
    const { before, vhost } = this.#preflight;
    const existing = byIdentity(kind, objectsOf(before, kind), vhost);
    const objects = byIdentity(kind, objectsOf(this.#wanted, kind), vhost);
    const kept = ["queues", "exchanges", "bindings"].includes(kind);
    const findings: Finding[] = [];
    for (const [identity, object] of objects) {
      const old = existing.get(identity);
      // It stays as it is.
      if (old !== undefined && (kept || isAsWanted(kind, object, old))) continue;
      const found = this.#outside(kind, object) ?? this.#of(kind, object);
      if (found === undefined) continue;
      findings.push({ object, ...reported(kind, object, vhost), ...found });
      if (found.effect === "refused" && old === undefined) this.#forget(kind, object);
    }
    return findings;
  }

  /** What refers to a refused object is refused with it. */
  #forget(kind: Kind, object: DefinedObject): void {
    if (kind === "users") this.#users.delete(object.name);
    const end = kind === "queues" ? "queue" : kind === "exchanges" ? "exchange" : undefined;
    if (end !== undefined) this.#ends[end].delete(this.#keyOf(object, object.name));
  }

  #outside(kind: Kind, object: DefinedObject): Found | undefined {
    if (!VHOST_KINDS.includes(kind)) return undefined;
    const vhost = this.#vhostOf(object);
    // Without a listing of vhosts, as of a single one, it is the broker that tells.
    if (this.#preflight.before.vhosts === undefined || this.#vhosts.has(vhost)) return undefined;
    return refused(`there is no vhost ${JSON.stringify(vhost)}, and none in the file`);
  }

  #of(kind: Kind, object: DefinedObject): Found | undefined {
    switch (kind) {
      case "users":
        return this.#user(object);
      case "vhosts":
        return this.#vhost(object);
      case "permissions":
      case "topic_permissions":
        return this.#permission(object);
      case "parameters":
        return as("refused", parameterProblem(object, this.#preflight.target));
      case "policies":
        return as("refused", policyProblem(object, this.#preflight.target));
      case "queues":
        return this.#queue(object);
      case "exchanges":
        return this.#exchange(object);
      case "bindings":
        return this.#binding(object);
      default:
        return undefined;
    }
  }

  #user(user: DefinedObject): Found | undefined {
    const { password_hash: hash, hashing_algorithm: algorithm } = user;
    const { username, password } = this.#preflight.target;
    if (user.name === username) {
      if (!isAdministrator(user)) {
        return changed("it is the user who imports, and would no longer be an administrator");
      }
      if (password === undefined || !hasPassword(user, password)) {
        return changed("it is the user who imports, and would get another password");
      }
    }
    if (hash === undefined || hash === null) {
      return changed("it has no password hash: nobody can log in until it gets a password");
    }
    if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(String(hash))) {
      return refused("its password hash is no Base64");
    }
    if (algorithm === undefined) {
      const old = this.#source !== undefined && !isFrom(this.#source, "3.6");
      return changed(
        `it does not say how its password is hashed: the broker takes it for ${
          old ? "MD5" : "SHA-256"
        }, and if that is wrong nobody can log in until it gets a new password`,
      );
    }
    if (/^rabbit_password_hashing_sha(256|512)$/.test(String(algorithm))) return undefined;
    if (algorithm === "rabbit_password_hashing_md5") {
      return changed("its password is hashed with MD5, as before RabbitMQ 3.6: give it a new one");
    }
    return changed(
      `its password is hashed with ${algorithm}, which is no algorithm of RabbitMQ's own: without ` +
        "the plugin nobody can log in",
    );
  }

  #vhost(object: DefinedObject): Found | undefined {
    const type = object.default_queue_type ?? tableOf(object.metadata).default_queue_type;
    if (type === undefined || type === "classic" || type === "undefined") return undefined;
    if (isFrom(this.#preflight.target.version, "3.11")) return undefined;
    return changed(`RabbitMQ before 3.11 knows no default queue type (here ${type})`);
  }

  #permission({ user }: DefinedObject): Found | undefined {
    // Definitions of a single vhost tell of no users.
    if (this.#preflight.before.users === undefined || this.#users.has(user)) return undefined;
    return refused(`there is no user ${JSON.stringify(user)}, and none in the file`);
  }

  #queue(object: DefinedObject): Found | undefined {
    if (isPredeclared(String(object.name))) {
      return refused('brokers import no queue whose name begins with "amq."');
    }
    const problem = argumentProblem(object, this.#preflight.target);
    if (problem !== undefined) return refused(problem);
    const type = tableOf(object.arguments)["x-queue-type"];
    const byDefault = this.#defaultTypeOf(object);
    if (type !== undefined || byDefault === "classic") return undefined;
    return changed(`it would become a ${byDefault} queue, the default of its vhost`);
  }

  /** The type that a queue gets which says none. */
  #defaultTypeOf(queue: DefinedObject): string {
    const name = this.#vhostOf(queue);
    const { before } = this.#preflight;
    const vhost = [this.#wanted, before].flatMap((each) => objectsOf(each, "vhosts"))
      // The definitions of a single vhost tell of it at their top.
      .find((each) => each.name === name) ?? before;
    const type = vhost?.default_queue_type ?? tableOf(vhost?.metadata).default_queue_type;
    const known = typeof type === "string" && type !== "undefined" &&
      isFrom(this.#preflight.target.version, "3.11");
    // RabbitMQ makes what is not durable a classic queue, whatever the default.
    return known && queue.durable !== false && queue.auto_delete !== true ? type : "classic";
  }

  #exchange({ type }: DefinedObject): Found | undefined {
    const { exchangeTypes } = this.#preflight.target;
    if (exchangeTypes === undefined || exchangeTypes.has(String(type))) return undefined;
    return refused(
      `the broker knows no exchanges of type ${
        JSON.stringify(type)
      }: a plugin is not enabled, or ` +
        "it is of another version",
    );
  }

  #binding(object: DefinedObject): Found | undefined {
    const ends = [["exchange", object.source], [object.destination_type, object.destination]];
    for (const [end, name] of ends) {
      if (end !== "exchange" && end !== "queue") return refused(`it binds a ${end}`);
      if (end === "exchange" && (name === "" || isPredeclared(String(name)))) continue;
      if (this.#ends[end].has(this.#keyOf(object, name))) continue;
      return refused(`there will be no ${end} ${JSON.stringify(name)}`);
    }
    return undefined;
  }

  #vhostOf(object: DefinedObject): unknown {
    return object.vhost ?? this.#preflight.vhost;
  }

  #keyOf(object: DefinedObject, name: unknown): string {
    return `${this.#vhostOf(object)}\0${name}`;
  }
}

function refused(reason: string): Found {
  return { effect: "refused", reason };
}

function changed(reason: string): Found {
  return { effect: "changed", reason };
}

function as(effect: Finding["effect"], reason: string | undefined): Found | undefined {
  return reason === undefined ? undefined : { effect, reason };
}
