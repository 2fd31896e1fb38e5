import { stringify } from "yaml";
import type { Override } from "../../../src/config/overrides.ts";
import { shellWord } from "../../../src/console/resume_command.ts";
import type { PlaceFlags } from "../../../src/console/tui_call.ts";
import type { FieldName } from "./state.ts";

type Values = Readonly<Record<FieldName, string>>;

/** A broker and a storage that a person has told, for backups and restores alike. */
export interface Connection {
  overrides(side: "source" | "target"): Override[];
  /** Of commands that do the same; the URL comes from a variable. */
  readonly flags: PlaceFlags;
  /** For the broker that a file names, where it was typed and no other broker was. */
  readonly password: string | undefined;
  /** What a configuration file would lack; undefined: nothing. */
  readonly lacks: "broker" | "storage" | undefined;
  /** A configuration file that says the same, with the password as `${RABBITMQ_PASSWORD}`. */
  readonly yaml: string;
}

/** The connection that a filled form means; what is left empty is as it was before. */
export function connectionOf(values: Values): Connection {
  const { user, password } = values;
  const host = values.host.trim();
  const management = managementUrl(values.management.trim(), host);
  const storage = values.storage.trim();
  const secret = password === "" ? undefined : encodeURIComponent(password.toWellFormed());
  const url = host === "" ? undefined : brokerUrl(host, user, secret);
  return {
    overrides: (side) => [
      ...url === undefined ? [] : [override([side, "amqp_url"], url)],
      ...management === "" ? [] : [override([side, "management_url"], management)],
      ...storage === "" ? [] : [override(["storage"], storage)],
    ],
    flags: {
      broker: [
        ...url === undefined ? [] : ["--amqp-url", '"$RABBITMQ_BACKUP_AMQP_URL"'],
        ...management === "" ? [] : ["--management-url", managementFlag(management)],
      ],
      storage: storage === "" ? [] : ["--path", shellWord(storage)],
    },
    password: host === "" && password !== "" ? password : undefined,
    lacks: host === "" ? "broker" : storage === "" ? "storage" : undefined,
    yaml: yamlOf({ ...values, host, management, storage }),
  };
}

const VARIABLE = "${RABBITMQ_PASSWORD}";

function yamlOf({ host, user, password, management, storage }: Values): string {
  const url = brokerUrl(host, user, password === "" ? undefined : VARIABLE);
  const endpoint = {
    amqp_url: withoutPassword(url),
    ...management === "" ? {} : { management_url: withoutPassword(management) },
  };
  // One object under two keys would become an alias.
  const broker = host === "" ? {} : { source: endpoint, target: { ...endpoint } };
  return stringify({ ...broker, ...storage === "" ? {} : { storage } });
}

/** A password that was typed inside a URL does not stay there. */
function withoutPassword(url: string): string {
  return url.replace(/^([a-z]+:\/\/[^:@/]*):[^@/]*@/, (_, login) => `${login}:${VARIABLE}@`);
}

/** What is typed without a scheme is a host; the broker tells whether its API is read over TLS. */
function managementUrl(typed: string, host: string): string {
  if (typed === "" || typed.includes("://")) return typed;
  const isSecure = host.startsWith("amqps:");
  const hasPort = /:\d+(\/.*)?$/.test(typed) || typed.includes("/");
  const port = hasPort ? "" : isSecure ? ":15671" : ":15672";
  return `${isSecure ? "https" : "http"}://${typed}${port}`;
}

function managementFlag(url: string): string {
  const isSecret = withoutPassword(url) !== url;
  return isSecret ? '"$RABBITMQ_BACKUP_MANAGEMENT_URL"' : shellWord(url);
}

/** `host` may be a URL already; then it says what it says, and credentials come where it has none. */
function brokerUrl(host: string, user: string, secret: string | undefined): string {
  const [, scheme = "amqp://", credentials, rest = ""] = /^(amqps?:\/\/)?(?:([^@/]*)@)?(.*)$/.exec(
    host,
  )!;
  const login = credentials ??
    encodeURIComponent(user.trim()) + (secret === undefined ? "" : `:${secret}`);
  return `${scheme}${login}@${rest}`;
}

function override(path: string[], value: string): Override {
  return { path, value, origin: "what was typed here" };
}
