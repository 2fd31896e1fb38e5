import { createHash } from "node:crypto";
import type { Secret } from "../config/secret.ts";
import type { DefinedObject } from "./document.ts";

/** Algorithms of RabbitMQ's own, by the names that definitions have. */
const DIGESTS: Readonly<Record<string, string>> = {
  rabbit_password_hashing_sha256: "sha256",
  rabbit_password_hashing_sha512: "sha512",
  rabbit_password_hashing_md5: "md5",
};
const SALT_BYTES = 4;

/**
 * Whether a user of definitions has this password: the hash is of a salt and the password
 * (https://www.rabbitmq.com/docs/passwords). One whose algorithm is not known has not.
 */
export function hasPassword(user: DefinedObject, password: Secret): boolean {
  const { password_hash: hash, hashing_algorithm: algorithm } = user;
  const digest = DIGESTS[String(algorithm ?? "rabbit_password_hashing_sha256")];
  if (typeof hash !== "string" || digest === undefined) return false;
  let stored: Uint8Array;
  try {
    stored = Uint8Array.fromBase64(hash);
  } catch {
    return false;
  }
  const salt = stored.subarray(0, SALT_BYTES);
  const expected = createHash(digest).update(salt).update(password.reveal(), "utf8").digest();
  return expected.equals(stored.subarray(SALT_BYTES));
}

/** Whether a user may do all that the management API can. */
export function isAdministrator({ tags }: DefinedObject): boolean {
  const list = Array.isArray(tags) ? tags.map(String) : String(tags ?? "").split(",");
  return list.some((tag) => tag.trim() === "administrator");
}
