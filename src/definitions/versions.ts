import type { Definitions } from "./document.ts";

/** A version of RabbitMQ as far as it decides what a broker knows. */
export interface BrokerVersion {
  readonly major: number;
  readonly minor: number;
  /** As it was written. */
  readonly text: string;
}

/** Reads `4.0.5`, `3.13.7.1` or `4.3.0-rc.1`; undefined for anything else. */
export function parseVersion(text: unknown): BrokerVersion | undefined {
  const match = typeof text === "string" ? /^(\d+)\.(\d+)/.exec(text) : null;
  if (match === null) return undefined;
  return { major: Number(match[1]), minor: Number(match[2]), text: String(text) };
}

/** The version of the broker that definitions are of, where they tell it. */
export function versionOf(definitions: Definitions): BrokerVersion | undefined {
  return parseVersion(definitions["rabbitmq_version"]) ??
    parseVersion(definitions["rabbit_version"]);
}

/** Whether a version is `major.minor` or newer; one that is not known is. */
export function isFrom(version: BrokerVersion | undefined, since: string): boolean {
  const wanted = parseVersion(since)!;
  if (version === undefined || version.major !== wanted.major) {
    return version === undefined || version.major > wanted.major;
  }
  return version.minor >= wanted.minor;
}
