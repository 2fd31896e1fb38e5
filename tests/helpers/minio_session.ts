import { createHash, createHmac } from "node:crypto";
import { storageServers } from "./storages.ts";

/** Credentials that may do what a policy allows, for a while. */
export interface SessionKeys {
  readonly access_key: string;
  readonly secret_key: string;
  readonly session_token: string;
}

/** Asks MinIO's token service for credentials under an IAM policy. */
export async function sessionKeys(policy: unknown): Promise<SessionKeys> {
  const { endpoint } = storageServers().s3;
  const body = new URLSearchParams({
    Action: "AssumeRole",
    Version: "2011-06-15",
    DurationSeconds: "3600",
    Policy: JSON.stringify(policy),
  }).toString();
  const response = await fetch(endpoint, { method: "POST", headers: signed(body), body });
  const text = await response.text();
  if (!response.ok) throw new Error(`Cannot get a session of MinIO: ${text}`);
  const field = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1] ?? "";
  return {
    access_key: field("AccessKeyId"),
    secret_key: field("SecretAccessKey"),
    session_token: field("SessionToken"),
  };
}

/** The headers of a request to the token service, by Signature Version 4. */
function signed(body: string): Record<string, string> {
  const { endpoint, accessKey, secretKey } = storageServers().s3;
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${time.slice(0, 8)}/us-east-1/sts/aws4_request`;
  const hash = (text: string) => createHash("sha256").update(text).digest("hex");
  const type = "application/x-www-form-urlencoded";
  const canonical = [
    ...["POST", "/", "", `content-type:${type}`, `host:${new URL(endpoint).host}`],
    ...[`x-amz-date:${time}`, "", "content-type;host;x-amz-date", hash(body)],
  ].join("\n");
  let key: string | Uint8Array = `AWS4${secretKey}`;
  for (const part of scope.split("/")) key = createHmac("sha256", key).update(part).digest();
  const text = ["AWS4-HMAC-SHA256", time, scope, hash(canonical)].join("\n");
  const signature = createHmac("sha256", key).update(text).digest("hex");
  return {
    "content-type": type,
    "x-amz-date": time,
    authorization: `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, ` +
      `SignedHeaders=content-type;host;x-amz-date, Signature=${signature}`,
  };
}
