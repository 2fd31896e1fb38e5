import { AppError } from "../errors.ts";
import { didYouMean } from "./nearest.ts";
import { StorageMappingSchema } from "./schema/storage.ts";
import { isLoopback, type StorageConfig } from "./storage.ts";

/** Keys of an object store that its URL may carry behind `?`; secrets never are among them. */
const QUERY_KEYS = [
  "region",
  "endpoint",
  "path_style",
  "allow_http",
  "ca_cert",
  "sse",
  "sse_kms_key_id",
  "storage_class",
  "requester_pays",
  "use_workload_identity",
  "client_id",
  "tenant_id",
  "access_tier",
  "encryption_scope",
  "service_account_path",
  "kms_key",
  "user_project",
  "part_size",
  "upload_concurrency",
  "rate_limit_bytes_per_sec",
  "retry_max_secs",
];

const SCHEMES = ["file", "s3", "azure", "gs", "gcs", "memory"];
const AZURE_HOST = /^([a-z0-9]+)\.blob\.core\.windows\.net$/i;

/**
 * Reads the place of backups: a path, or one of these URLs:
 * - `file:///path`, `memory://prefix`
 * - `s3://bucket/prefix?region=&endpoint=&path_style=true`
 * - `azure://account.blob.core.windows.net/container/prefix`, or `azure://account/container/prefix`
 * - `gs://bucket/prefix`, `gcs://bucket/prefix`
 *
 * Throws an {@linkcode AppError} with code `config` for anything else that looks like a URL. Its
 * message repeats schemes and names of keys only, since storage URLs may carry keys.
 */
export function parseStorageLocation(text: string): StorageConfig {
  if (text.trim() === "") throw badLocation("it is empty");
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]+):\/\/|^(file):/.exec(text);
  if (scheme === null) return { backend: "filesystem", path: text, prefix: "" };
  const name = (scheme[1] ?? scheme[2]!).toLowerCase();
  switch (name) {
    case "file":
      return { backend: "filesystem", path: filePath(text), prefix: "" };
    case "memory":
      return checked({ backend: "memory", prefix: text.slice("memory://".length) });
    case "s3": {
      const { host, path, query } = parts(text);
      return checked({ backend: "s3", bucket: host, prefix: path, ...query });
    }
    case "gs":
    case "gcs": {
      const { host, path, query } = parts(text);
      return checked({ backend: "gcs", bucket: host, prefix: path, ...query });
    }
    case "azure":
      return azure(text);
    default:
      throw badLocation(`"${name}://" is not a known kind of storage${didYouMean(name, SCHEMES)}`);
  }
}

function azure(text: string): StorageConfig {
  const { host, path, query } = parts(text);
  const [container, ...folders] = path.split("/");
  if (!container) throw badLocation("it names no container, as in azure://account/container");
  const account = AZURE_HOST.exec(host)?.[1] ?? host.split(".")[0]!;
  // Clouds of their own have hosts of their own.
  const endpoint = host.includes(".") && !AZURE_HOST.test(host)
    ? { endpoint: `https://${host}` }
    : {};
  return checked({
    backend: "azure",
    account_name: account.toLowerCase(),
    container_name: container,
    prefix: folders.join("/"),
    ...endpoint,
    ...query,
  });
}

/** Host, path and query of `scheme://host/path?query`; the case of the host is kept. */
function parts(text: string) {
  const [, host = "", path = "", search = ""] =
    /^[^:]+:\/\/([^/?#]*)\/?([^?#]*)(?:\?([^#]*))?$/.exec(text) ?? [];
  if (/[@:]/.test(host)) {
    throw badLocation("it has something before or behind its host that does not belong there");
  }
  if (host === "") throw badLocation("it names no bucket or account, or has a '#'");
  const query: Record<string, unknown> = {};
  for (const [key, value] of new URLSearchParams(search)) {
    if (!QUERY_KEYS.includes(key)) throw unknownKey(key);
    query[key] = /^(true|false)$/.test(value)
      ? value === "true"
      : /^\d+$/.test(value)
      ? Number(value)
      : value;
  }
  return { host: decoded(host), path: decoded(path), query };
}

function unknownKey(key: string): AppError {
  if (/key|secret|token|sig|password/i.test(key)) {
    return badLocation(
      "credentials do not belong into a URL, which others see; use the environment, or a " +
        "mapping with backend in the configuration file",
    );
  }
  const shown = /^[\w-]{1,40}$/.test(key) ? `"${key}"` : "a key behind '?'";
  return badLocation(`${shown} is unknown${didYouMean(key, QUERY_KEYS)}`);
}

function checked(mapping: Record<string, unknown>): StorageConfig {
  const result = StorageMappingSchema.safeParse(mapping);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue?.code === "unrecognized_keys") {
    throw badLocation(`"${issue.keys[0]}" is not known of this kind of storage`);
  }
  throw badLocation(`${String(issue?.path[0] ?? "it")}: ${issue?.message ?? "it is not valid"}`);
}

function filePath(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw badLocation("it is not a valid file URL");
  }
  if (url.hostname !== "" && !isLoopback(url) || !/^file:\//i.test(text)) {
    throw badLocation(
      "a file URL has three slashes before an absolute path, as in file:///backups",
    );
  }
  if (url.search !== "" || url.hash !== "") {
    throw badLocation("a file URL has no '?' or '#'; write them as %3F and %23");
  }
  return decoded(url.pathname);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw badLocation("a '%' in it is not followed by two hexadecimal digits");
  }
}

function badLocation(problem: string): AppError {
  return new AppError("config", `Cannot read the storage location: ${problem}`, {
    hint:
      "use a path, file:///path, s3://bucket/prefix, azure://account/container/prefix or gs://bucket/prefix",
  });
}
