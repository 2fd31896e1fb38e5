import { join } from "node:path";
import { mustRun } from "./process.ts";

/** PEM files for TLS with a test broker. */
export interface TlsFiles {
  /** The authority that signed the broker's and the client's certificates. */
  readonly caCert: string;
  readonly clientCert: string;
  readonly clientKey: string;
  /** An authority that signed nothing: with it alone, no broker is to be trusted. */
  readonly wrongCaCert: string;
}

/** Makes a CA, a server certificate for localhost and 127.0.0.1, a client's, and an unrelated CA. */
export async function makeCertificates(dir: string): Promise<TlsFiles> {
  await Deno.mkdir(dir, { recursive: true });
  await authority(dir, "ca");
  await authority(dir, "wrong-ca");
  await Promise.all([
    leaf(dir, "server", "serverAuth", "DNS:localhost,IP:127.0.0.1"),
    leaf(dir, "client", "clientAuth", "DNS:rabbitmq-backup-client"),
  ]);
  return {
    caCert: join(dir, "ca.pem"),
    clientCert: join(dir, "client.pem"),
    clientKey: join(dir, "client.key"),
    wrongCaCert: join(dir, "wrong-ca.pem"),
  };
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

async function authority(dir: string, name: string): Promise<void> {
  await mustRun([
    ...["openssl", "req", "-x509", ...NEW_KEY, "-days", "3650", "-subj", `/CN=test ${name}`],
    ...["-addext", "keyUsage=critical,keyCertSign,cRLSign"],
    ...["-keyout", join(dir, `${name}.key`), "-out", join(dir, `${name}.pem`)],
  ]);
}

async function leaf(dir: string, name: string, usage: string, names: string): Promise<void> {
  const request = join(dir, `${name}.csr`);
  await mustRun([
    ...["openssl", "req", "-new", ...NEW_KEY, "-subj", `/CN=test ${name}`],
    ...["-keyout", join(dir, `${name}.key`), "-out", request],
  ]);
  const extensions = join(dir, `${name}.ext`);
  await Deno.writeTextFile(
    extensions,
    `basicConstraints=critical,CA:FALSE\nextendedKeyUsage=${usage}\nsubjectAltName=${names}\n`,
  );
  const serial = crypto.getRandomValues(new BigUint64Array(1))[0] ?? 1n;
  await mustRun([
    ...["openssl", "x509", "-req", "-in", request, "-days", "3650", "-extfile", extensions],
    ...["-CA", join(dir, "ca.pem"), "-CAkey", join(dir, "ca.key"), "-set_serial", `${serial}`],
    ...["-out", join(dir, `${name}.pem`)],
  ]);
}
