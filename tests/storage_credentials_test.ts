/** Each cloud's own ways to credentials, with fake metadata services, against the real servers. */
import assert from "node:assert/strict";
import { ContainerSASPermissions, generateBlobSASQueryParameters } from "@azure/storage-blob";
import { StorageSharedKeyCredential } from "@azure/storage-blob";
import { makeCertificates } from "../scripts/lib/certificates.ts";
import { type CliResult, runCli } from "./helpers/cli.ts";
import { allOf } from "./helpers/failure.ts";
import { type SessionKeys, sessionKeys } from "./helpers/minio_session.ts";
import { newStore, storageServers } from "./helpers/storages.ts";
import { tempDir } from "./helpers/temp.ts";

const TOKEN = "canary-token";
const DENO_DIR = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
const EVERYTHING = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "s3:*", Resource: "arn:aws:s3:::*" }],
};

interface Asked extends AsyncDisposable {
  readonly url: string;
  readonly paths: string[];
}

/** A service on loopback that answers by path; what it does not know is 404. */
function fakeService(answer: (request: Request, path: string) => Response | undefined): Asked {
  const paths: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    paths.push(`${request.method} ${pathname}`);
    const found = answer(request, pathname);
    await request.body?.cancel();
    return found ?? new Response("", { status: 404 });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    paths,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** `list` of a store without credentials in its configuration. */
async function listed(
  storage: Record<string, unknown>,
  env: Record<string, string>,
): Promise<CliResult> {
  await using dir = await tempDir();
  const config = JSON.stringify({ storage: { ...storage, retry_max_secs: 1 } });
  const file = await dir.write("list.yaml", config);
  const result = await runCli(["list", "--json", "--config", file], {
    // Nothing of this machine's own but what was downloaded, and none of its instance.
    env: {
      HOME: dir.path,
      DENO_DIR,
      AWS_EC2_METADATA_DISABLED: "true",
      NO_GCE_CHECK: "true",
      ...env,
    },
  });
  assert.ok(!allOf(result).includes("canary"), "a secret is told");
  return result;
}

function assertListed(result: CliResult): void {
  assert.equal(result.code, 0, allOf(result));
  assert.deepEqual(JSON.parse(result.stdout).backups, []);
}

/** A bucket, what a configuration says of it, and keys that open it for a while. */
async function awsStore(): Promise<{ storage: Record<string, unknown>; keys: SessionKeys }> {
  const { access_key: _a, secret_key: _s, ...storage } = await newStore("s3");
  return { storage, keys: await sessionKeys(EVERYTHING) };
}

/** As the services of AWS tell credentials. */
const awsJson = (keys: SessionKeys) =>
  Response.json({
    Code: "Success",
    Type: "AWS-HMAC",
    AccessKeyId: keys.access_key,
    SecretAccessKey: keys.secret_key,
    Token: keys.session_token,
    Expiration: new Date(Date.now() + 3_600_000).toISOString(),
  });

Deno.test("s3: keys from variables, and from a profile", async () => {
  const { storage, keys } = await awsStore();
  assertListed(
    await listed(storage, {
      AWS_ACCESS_KEY_ID: keys.access_key,
      AWS_SECRET_ACCESS_KEY: keys.secret_key,
      AWS_SESSION_TOKEN: keys.session_token,
    }),
  );
  await using dir = await tempDir();
  const file = await dir.write(
    "credentials",
    `[backups]\naws_access_key_id = ${keys.access_key}\n` +
      `aws_secret_access_key = ${keys.secret_key}\naws_session_token = ${keys.session_token}\n`,
  );
  const profile = { AWS_SHARED_CREDENTIALS_FILE: file, AWS_PROFILE: "backups" };
  assertListed(await listed(storage, profile));
  const other = await listed(storage, { ...profile, AWS_PROFILE: "others" });
  assert.equal(other.code, 6);
  assert.match(other.stderr, /there are no AWS credentials[^]*Hint: .*AWS_PROFILE/);
});

Deno.test("s3: the role of a container, and of a pod", async () => {
  const { storage, keys } = await awsStore();
  await using service = fakeService((request, path) =>
    path === "/creds" && request.headers.get("authorization") === TOKEN ? awsJson(keys) : undefined
  );
  const env = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${service.url}/creds` };
  assertListed(await listed(storage, { ...env, AWS_CONTAINER_AUTHORIZATION_TOKEN: TOKEN }));
  await using dir = await tempDir();
  const file = await dir.write("token", TOKEN);
  assertListed(await listed(storage, { ...env, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file }));
  assert.deepEqual(service.paths, ["GET /creds", "GET /creds"]);
});

Deno.test("s3: the role of an instance", async () => {
  const { storage, keys } = await awsStore();
  const roles = "/latest/meta-data/iam/security-credentials/";
  await using service = fakeService((request, path) => {
    if (path === "/latest/api/token") return new Response(TOKEN);
    if (request.headers.get("x-aws-ec2-metadata-token") !== TOKEN) return undefined;
    if (path === roles) return new Response("backup-role");
    return path === `${roles}backup-role` ? awsJson(keys) : undefined;
  });
  const env = {
    AWS_EC2_METADATA_SERVICE_ENDPOINT: service.url,
    AWS_EC2_METADATA_DISABLED: "false",
  };
  assertListed(await listed(storage, env));
  assert.ok(service.paths.includes(`GET ${roles}backup-role`));
});

Deno.test("s3: the identity of a pod, exchanged for a role", async () => {
  const { storage, keys } = await awsStore();
  await using service = fakeService(() =>
    new Response(
      "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>" +
        `<AccessKeyId>${keys.access_key}</AccessKeyId>` +
        `<SecretAccessKey>${keys.secret_key}</SecretAccessKey>` +
        `<SessionToken>${keys.session_token}</SessionToken>` +
        `<Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration>` +
        "</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
      { headers: { "content-type": "text/xml" } },
    )
  );
  await using dir = await tempDir();
  const env = {
    AWS_WEB_IDENTITY_TOKEN_FILE: await dir.write("token", TOKEN),
    AWS_ROLE_ARN: "arn:aws:iam::1:role/backup",
    AWS_ENDPOINT_URL_STS: service.url,
    AWS_REGION: "us-east-1",
  };
  assertListed(await listed(storage, env));
  assert.deepEqual(service.paths, ["POST /"]);
});

Deno.test("s3: nothing anywhere is told with all ways", async () => {
  const { storage } = await awsStore();
  const none = await listed(storage, {});
  assert.equal(none.code, 6, allOf(none));
  assert.match(none.stderr, /there are no AWS credentials[^]*Hint: .*AWS_ACCESS_KEY_ID.*a role/);
});

Deno.test("azure: a key and a SAS token from variables", async () => {
  const { account_key: key, ...storage } = await newStore("azure");
  const { account } = storageServers().azure;
  const sas = generateBlobSASQueryParameters({
    containerName: `${storage.container_name}`,
    permissions: ContainerSASPermissions.parse("rl"),
    expiresOn: new Date(Date.now() + 3_600_000),
  }, new StorageSharedKeyCredential(account, `${key}`));
  assertListed(await listed(storage, { AZURE_STORAGE_KEY: `${key}` }));
  assertListed(await listed(storage, { AZURE_STORAGE_SAS_TOKEN: sas.toString() }));
  const expired = sas.toString().replace(/se=[^&]*/, "se=2020-01-01T00%3A00%3A00Z");
  const refused = await listed(storage, { AZURE_STORAGE_SAS_TOKEN: expired });
  assert.equal(refused.code, 6);
  assert.match(refused.stderr, /Hint: .*(wrong or has expired|SAS token)/);
});

Deno.test("azure: a managed identity's token is sent, by TLS only", async () => {
  await using identity = fakeService((request) => {
    const { searchParams } = new URL(request.url);
    if (request.headers.get("x-identity-header") !== "secret") return undefined;
    assert.match(searchParams.get("resource") ?? "", /storage\.azure\.com/);
    const expires_on = `${Math.floor(Date.now() / 1000) + 3600}`;
    return Response.json({ access_token: TOKEN, expires_on, token_type: "Bearer" });
  });
  await using dir = await tempDir();
  const { caCert } = await makeCertificates(dir.path);
  const seen: (string | null)[] = [];
  const server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen() {},
    cert: await Deno.readTextFile(dir.join("server.pem")),
    key: await Deno.readTextFile(dir.join("server.key")),
  }, (request) => {
    seen.push(request.headers.get("authorization"));
    const xml = "<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>";
    return new Response(xml, { headers: { "content-type": "application/xml" } });
  });
  try {
    const storage = {
      backend: "azure",
      account_name: "acc",
      container_name: "con",
      endpoint: `https://127.0.0.1:${server.addr.port}`,
      ca_cert: caCert,
    };
    const env = { IDENTITY_ENDPOINT: identity.url, IDENTITY_HEADER: "secret" };
    assertListed(await listed(storage, env));
    assert.deepEqual(seen, [`Bearer ${TOKEN}`]);
  } finally {
    await server.shutdown();
  }
});

/** A service of Google's kind that lets in who has the token. */
function googleStorage(): Asked {
  return fakeService((request, path) =>
    path === "/storage/v1/b/backups/o" && request.headers.get("authorization") === `Bearer ${TOKEN}`
      ? Response.json({})
      : undefined
  );
}

/** Not told apart from another machine's: an emulator on this one gets no token. */
const gcsKeys = ({ url }: Asked) => ({
  backend: "gcs",
  bucket: "backups",
  endpoint: url.replace("127.0.0.1", "0.0.0.0"),
  allow_http: true,
});

Deno.test("gcs: the service account of a machine", async () => {
  await using storage = googleStorage();
  const google = { headers: { "metadata-flavor": "Google" } };
  await using metadata = fakeService((request, path) => {
    if (request.headers.get("metadata-flavor") !== "Google") return undefined;
    return path === "/computeMetadata/v1/instance/service-accounts/default/token"
      ? Response.json({ access_token: TOKEN, expires_in: 3600, token_type: "Bearer" }, google)
      : new Response("ok", google);
  });
  const env = {
    GCE_METADATA_HOST: metadata.url.replace("http://", ""),
    METADATA_SERVER_DETECTION: "assume-present",
  };
  assertListed(await listed(gcsKeys(storage), env));
  assert.ok(metadata.paths.some((path) => path.endsWith("/default/token")));
});

Deno.test("gcs: the identity of a pod, exchanged for a token", async () => {
  await using storage = googleStorage();
  await using exchange = fakeService((_, path) =>
    path === "/v1/token"
      ? Response.json({
        access_token: TOKEN,
        issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
        token_type: "Bearer",
        expires_in: 3600,
      })
      : undefined
  );
  await using dir = await tempDir();
  const credentials = await dir.write(
    "credentials.json",
    JSON.stringify({
      type: "external_account",
      audience:
        "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
      subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
      token_url: `${exchange.url}/v1/token`,
      credential_source: { file: await dir.write("token", "a.b.c") },
    }),
  );
  const env = { GOOGLE_APPLICATION_CREDENTIALS: credentials };
  assertListed(await listed(gcsKeys(storage), env));
  assert.deepEqual(exchange.paths, ["POST /v1/token"]);
});

Deno.test("gcs: nothing anywhere is told with all ways", async () => {
  await using storage = googleStorage();
  const env = { METADATA_SERVER_DETECTION: "none" };
  const none = await listed(gcsKeys(storage), env);
  assert.equal(none.code, 6, allOf(none));
  assert.match(
    none.stderr,
    /there are no Google credentials[^]*Hint: .*GOOGLE_APPLICATION_CREDENTIALS/,
  );
});
