import type { BrokerEndpoint, Config } from "../config/config.ts";
import { storageSecrets } from "../config/storage.ts";

/** Shorter secrets (as in guest:guest) stand for themselves in ordinary text too often. */
const MIN_LENGTH = 6;
/** What stands between a user's name and the host of a URL; rather too much of it than too little. */
const CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/[^\s:"]*):(?:\\"|[^\s"])+@/gi;

/**
 * The last defence against secrets in messages: replaces known ones, and credentials inside any URL,
 * by `***`. Errors should not hold them in the first place.
 */
export class Redactor {
  readonly #secrets = new Set<string>();

  /** Adds what a configuration keeps secret, in all the forms in which it travels. */
  addConfig(config: Config): void {
    for (const endpoint of [config.source, config.target]) {
      for (const secret of endpoint === undefined ? [] : secretsOf(endpoint)) this.add(secret);
    }
    for (const secret of config.storage === undefined ? [] : storageSecrets(config.storage)) {
      this.add(secret);
    }
  }

  add(secret: string): void {
    for (const form of [secret, encodeURIComponent(secret.toWellFormed()), basicForm(secret)]) {
      if (form.length >= MIN_LENGTH) this.#secrets.add(form);
    }
  }

  redact(text: string): string {
    let redacted = text;
    // Longest first, so that no part of a longer one is left.
    for (const secret of [...this.#secrets].toSorted((a, b) => b.length - a.length)) {
      redacted = redacted.replaceAll(secret, "***");
    }
    return redacted.replace(CREDENTIALS, "$1:***@");
  }
}

function secretsOf(endpoint: BrokerEndpoint): string[] {
  const { amqp_url, management_username, management_password } = endpoint;
  const secrets = [amqp_url.password?.reveal() ?? "", management_password.reveal()];
  return [
    ...secrets,
    ...secrets.map((secret) => `${management_username}:${secret}`),
    ...amqp_url.password === undefined ? [] : [amqp_url.reveal()],
  ].filter((secret) => secret !== "");
}

/** As in an `Authorization: Basic` header. */
function basicForm(secret: string): string {
  const bytes = new TextEncoder().encode(secret);
  return btoa(String.fromCharCode(...bytes));
}
