import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { TlsOptions } from "../../config/config.ts";
import { AppError, messageOf } from "../../errors.ts";

/** What `node:https` takes. */
export interface TlsMaterial {
  minVersion: "TLSv1.2";
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
}

/**
 * Reads and checks the PEM files of a TLS configuration; a library may pass over a broken one.
 *
 * @throws AppError `config` that names the file
 */
export async function readTlsFiles(tls: TlsOptions): Promise<TlsMaterial> {
  const material: TlsMaterial = { minVersion: "TLSv1.2" };
  if (tls.server_name !== undefined) material.servername = tls.server_name;
  if (tls.ca_cert !== undefined) {
    material.ca = await readChecked(tls.ca_cert, "tls.ca_cert", checkCertificate);
  }
  if (tls.client_cert !== undefined) {
    material.cert = await readChecked(tls.client_cert, "tls.client_cert", checkCertificate);
  }
  if (tls.client_key !== undefined) {
    material.key = await readChecked(tls.client_key, "tls.client_key", checkKey);
  }
  checkPair(material, tls);
  return material;
}

async function readChecked(
  path: string,
  setting: string,
  check: (pem: string) => void,
): Promise<string> {
  let pem: string;
  try {
    pem = await readFile(path, "utf8");
  } catch (error) {
    throw new AppError("config", `Cannot read ${setting} from ${path}: ${messageOf(error)}`, {
      hint: "See whether the path is right and this user may read the file",
      cause: error,
    });
  }
  try {
    check(pem);
  } catch (error) {
    // No cause: an error about a key could repeat some of it.
    throw new AppError("config", `Cannot use ${setting} from ${path}: ${messageOf(error)}`, {
      hint: "It has to be a PEM file, with lines '-----BEGIN ...' and '-----END ...'",
    });
  }
  return pem;
}

function checkCertificate(pem: string): void {
  try {
    new X509Certificate(pem);
  } catch {
    throw new Error("it holds no certificate");
  }
}

function checkKey(pem: string): void {
  if (/ENCRYPTED/.test(pem)) throw new Error("the key is protected by a passphrase");
  try {
    createPrivateKey(pem);
  } catch {
    throw new Error("it holds no private key");
  }
}

function checkPair(material: TlsMaterial, tls: TlsOptions): void {
  if ((material.cert === undefined) !== (material.key === undefined)) {
    throw new AppError(
      "config",
      "Cannot use TLS: of tls.client_cert and tls.client_key one is set",
      {
        hint: "Set both, or neither",
      },
    );
  }
  if (material.cert === undefined || material.key === undefined) return;
  if (new X509Certificate(material.cert).checkPrivateKey(createPrivateKey(material.key))) return;
  throw new AppError(
    "config",
    `Cannot use TLS: ${tls.client_key} is not the key of the certificate in ${tls.client_cert}`,
    { hint: "Set tls.client_cert and tls.client_key to files that belong together" },
  );
}
