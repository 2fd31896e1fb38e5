/** What the clouds answer to those who may not, or ask wrongly, as one clear message each. */
import assert from "node:assert/strict";
import { StorageMappingSchema } from "../config/schema/storage.ts";
import type { AppError } from "../errors.ts";
import { openStorage } from "./open.ts";
import { bytesOf, type Storage } from "./storage.ts";

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** A server that answers everything the same; gives its URL and what was asked. */
function fakeServer(answer: Answer) {
  const asked: { method: string; url: string }[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    asked.push({ method: request.method, url: request.url });
    await request.arrayBuffer();
    const { status, headers = {}, body = "" } = answer;
    const isBare = request.method === "HEAD" || status === 304;
    return new Response(isBare ? null : body, { status, headers });
  });
  return { url: `http://127.0.0.1:${server.addr.port}`, asked, server };
}

const KEYS = {
  s3: { backend: "s3", bucket: "bucket", access_key: "AK", secret_key: "CANARY-secret" },
  azure: {
    backend: "azure",
    account_name: "acc",
    container_name: "con",
    account_key: "Q0FOQVJZ",
  },
  gcs: { backend: "gcs", bucket: "bucket" },
} as const;

type Work = (storage: Storage) => Promise<unknown>;
const put: Work = (storage) => storage.put("k", bytesOf("content"));
const list: Work = (storage) => Array.fromAsync(storage.list(""));
const stat: Work = (storage) => storage.stat("k");

const s3Error = (code: string, more = "") =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>It is so.</Message>${more}` +
  `<RequestId>REQ-1</RequestId></Error>`;
const azureError = (status: number, code: string): Answer => ({
  status,
  headers: {
    "x-ms-error-code": code,
    "x-ms-request-id": "REQ-1",
    "content-type": "application/xml",
  },
  body:
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>It is so.\nRequestId:REQ-1</Message></Error>`,
});
const gcsError = (status: number, reason: string, message = "It is so."): Answer => ({
  status,
  headers: { "x-guploader-uploadid": "REQ-1" },
  body: JSON.stringify({ error: { code: status, message, errors: [{ reason }] } }),
});

interface Case {
  readonly store: keyof typeof KEYS;
  readonly name: string;
  readonly answer: Answer;
  readonly work: Work;
  readonly code: AppError["code"];
  readonly message: RegExp;
  readonly hint: RegExp;
}

const s3 = (name: string, rest: Omit<Case, "store" | "name">): Case => ({
  store: "s3",
  name,
  ...rest,
});
const CASES: readonly Case[] = [
  s3("an unknown access key", {
    answer: { status: 403, body: s3Error("InvalidAccessKeyId") },
    work: put,
    code: "storage_denied",
    message:
      /^Cannot store "k" in s3:\/\/bucket\S*: InvalidAccessKeyId \(403\): It is so\. \(request REQ-1\)$/,
    hint: /storage\.access_key/,
  }),
  s3("a wrong secret key", {
    answer: { status: 403, body: s3Error("SignatureDoesNotMatch") },
    work: list,
    code: "storage_denied",
    message: /^Cannot list s3:\/\/bucket\S*: SignatureDoesNotMatch/,
    hint: /storage\.secret_key/,
  }),
  s3("an expired token", {
    answer: { status: 400, body: s3Error("ExpiredToken") },
    work: put,
    code: "storage_denied",
    message: /ExpiredToken \(400\)/,
    hint: /have expired; get new ones/,
  }),
  s3("a right that lacks", {
    answer: { status: 403, body: s3Error("AccessDenied") },
    work: put,
    code: "storage_denied",
    message: /AccessDenied/,
    hint: /docs\/storage\.md has the policy/,
  }),
  s3("a right that lacks, told without a body", {
    answer: { status: 403 },
    work: stat,
    code: "storage_denied",
    message: /AccessDenied \(403\)/,
    hint: /docs\/storage\.md has the policy/,
  }),
  s3("a bucket that is not there", {
    answer: { status: 404, body: s3Error("NoSuchBucket") },
    work: put,
    code: "storage_missing",
    message: /NoSuchBucket \(404\)/,
    hint: /Create it, or correct its name/,
  }),
  s3("a bucket of another region, by redirect", {
    answer: {
      status: 301,
      headers: { "x-amz-bucket-region": "eu-west-1" },
      body: s3Error("PermanentRedirect"),
    },
    work: put,
    code: "storage_denied",
    message: /the bucket is in another region/,
    hint: /Set storage\.region to eu-west-1/,
  }),
  s3("a bucket of another region, by refusal", {
    answer: {
      status: 400,
      body: s3Error("AuthorizationHeaderMalformed", "<Region>eu-central-1</Region>"),
    },
    work: list,
    code: "storage_denied",
    message: /the bucket is in another region/,
    hint: /Set storage\.region to eu-central-1/,
  }),
  s3("a wrong clock", {
    answer: { status: 403, body: s3Error("RequestTimeTooSkewed") },
    work: put,
    code: "storage_unreachable",
    message: /RequestTimeTooSkewed/,
    hint: /clock of this machine/,
  }),
  s3("a full store", {
    answer: { status: 507, body: s3Error("XMinioStorageFull") },
    work: put,
    code: "storage_full",
    message: /XMinioStorageFull/,
    hint: /Raise the quota/,
  }),
  s3("a store that cannot do it", {
    answer: { status: 501, body: s3Error("NotImplemented") },
    work: put,
    code: "storage_denied",
    message: /NotImplemented/,
    hint: /lacks what is asked for/,
  }),
  {
    store: "azure",
    name: "a wrong key",
    answer: azureError(403, "AuthenticationFailed"),
    work: put,
    code: "storage_denied",
    message:
      /^Cannot store "k" in azure:\/\/acc\/con\S*: AuthenticationFailed \(403\): It is so\. \(request REQ-1\)$/,
    hint: /account key, SAS token or sign-in is wrong/,
  },
  {
    store: "azure",
    name: "a role that lacks",
    answer: azureError(403, "AuthorizationPermissionMismatch"),
    work: list,
    code: "storage_denied",
    message: /AuthorizationPermissionMismatch/,
    hint: /Storage Blob Data Contributor/,
  },
  {
    store: "azure",
    name: "a container that is not there",
    answer: azureError(404, "ContainerNotFound"),
    work: put,
    code: "storage_missing",
    message: /ContainerNotFound \(404\)/,
    hint: /Create it, or correct its name/,
  },
  {
    store: "gcs",
    name: "a token that has expired",
    answer: gcsError(401, "authError"),
    work: put,
    code: "storage_denied",
    message:
      /^Cannot store "k" in gs:\/\/bucket\S*: authError \(401\): It is so\. \(request REQ-1\)$/,
    hint: /credentials are wrong or have expired/,
  },
  {
    store: "gcs",
    name: "a role that lacks",
    answer: gcsError(403, "forbidden"),
    work: list,
    code: "storage_denied",
    message: /forbidden \(403\)/,
    hint: /roles\/storage\.objectUser/,
  },
  {
    store: "gcs",
    name: "a bucket that is not there",
    answer: gcsError(404, "notFound", "The specified bucket does not exist."),
    work: put,
    code: "storage_missing",
    message: /The specified bucket does not exist/,
    hint: /Create it, or correct its name/,
  },
  {
    store: "gcs",
    name: "a bucket whose requesters pay",
    answer: gcsError(400, "required", "Bucket is a requester pays bucket but no user project."),
    work: put,
    code: "storage_denied",
    message: /requester pays/,
    hint: /storage\.user_project/,
  },
];

for (const { store, name, answer, work, code, message, hint } of CASES) {
  Deno.test(`${store}: ${name} is told with the way out`, async () => {
    const { url, server } = fakeServer(answer);
    const storage = await openStorage(
      StorageMappingSchema.parse({ ...KEYS[store], endpoint: url, retry_max_secs: 0 }),
    );
    try {
      await assert.rejects(() => work(storage), (error: AppError) => {
        assert.equal(error.code, code);
        assert.match(error.message, message);
        assert.match(error.hint ?? "", hint);
        assert.ok(!Deno.inspect(error, { depth: 20 }).includes("CANARY"));
        return true;
      });
    } finally {
      await storage.close();
      await server.shutdown();
    }
  });
}

Deno.test("what cannot help is not tried again", async () => {
  const { url, asked, server } = fakeServer({ status: 403, body: s3Error("AccessDenied") });
  const storage = await openStorage(
    StorageMappingSchema.parse({ ...KEYS.s3, endpoint: url, retry_max_secs: 300 }),
  );
  await assert.rejects(() => list(storage), { code: "storage_denied" });
  assert.equal(asked.length, 1);
  await storage.close();
  await server.shutdown();
});

Deno.test("a store that nobody answers for is unreachable", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const endpoint = `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`;
  listener.close();
  for (const keys of Object.values(KEYS)) {
    const config = StorageMappingSchema.parse({ ...keys, endpoint, retry_max_secs: 0 });
    const storage = await openStorage(config);
    for (const work of [put, list, stat]) {
      await assert.rejects(() => work(storage), (error: AppError) => {
        assert.equal(error.code, "storage_unreachable");
        assert.match(error.message, /127\.0\.0\.1:\d+: .*refused/i);
        return true;
      });
    }
    await storage.close();
  }
});
