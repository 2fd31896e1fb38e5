import type { S3Config } from "../../config/storage.ts";
import {
  type AccessPolicy,
  type AccessUse,
  DELETED_KEYS,
  SNAPSHOT_KEYS,
} from "../access_policy.ts";

/** One statement of an IAM policy. */
interface Statement {
  readonly Sid: string;
  readonly Effect: "Allow";
  readonly Action: readonly string[];
  readonly Resource: string | readonly string[];
}

/** An IAM policy for a role or user. MinIO takes the same. */
export function s3Policies(config: S3Config, use: AccessUse): AccessPolicy[] {
  const policy = {
    Version: "2012-10-17",
    Statement: use.use === "backup" ? backupStatements(config) : restoreStatements(config, use),
  };
  return [{
    title: `IAM policy for the role or user that runs ${use.use}s`,
    language: "json",
    text: JSON.stringify(policy, null, 2),
  }];
}

function backupStatements(config: S3Config): Statement[] {
  const { tags, object_lock_mode } = config;
  return [
    listStatement(config),
    {
      Sid: "KeepBackups",
      Effect: "Allow",
      Action: [
        "s3:GetObject",
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        ...tags === undefined ? [] : ["s3:PutObjectTagging"],
        ...object_lock_mode === undefined ? [] : ["s3:PutObjectRetention"],
      ],
      Resource: arnOf(config, "*"),
    },
    {
      Sid: "RemoveWhatIsNotKept",
      Effect: "Allow",
      Action: ["s3:DeleteObject"],
      Resource: DELETED_KEYS.map((key) => arnOf(config, key)),
    },
    ...keyStatements(config, ["kms:GenerateDataKey", "kms:Decrypt"]),
  ];
}

function restoreStatements(config: S3Config, { importsDefinitions }: AccessUse): Statement[] {
  const snapshot: Statement = {
    Sid: "KeepWhatWasBefore",
    Effect: "Allow",
    Action: ["s3:PutObject", "s3:AbortMultipartUpload"],
    Resource: arnOf(config, SNAPSHOT_KEYS),
  };
  const onKey = importsDefinitions ? ["kms:GenerateDataKey", "kms:Decrypt"] : ["kms:Decrypt"];
  return [
    listStatement(config),
    {
      Sid: "ReadBackups",
      Effect: "Allow",
      Action: ["s3:GetObject"],
      Resource: arnOf(config, "*"),
    },
    ...importsDefinitions ? [snapshot] : [],
    ...keyStatements(config, onKey),
  ];
}

/** Without a condition on the prefix: S3 would answer 403, not 404, where there is no object. */
function listStatement({ bucket }: S3Config): Statement {
  return {
    Sid: "FindBackups",
    Effect: "Allow",
    Action: ["s3:ListBucket"],
    Resource: `arn:aws:s3:::${bucket}`,
  };
}

function keyStatements({ sse_kms_key_id: key, region }: S3Config, actions: string[]): Statement[] {
  if (key === undefined) return [];
  const arn = key.startsWith("arn:") ? key : `arn:aws:kms:${region ?? "REGION"}:ACCOUNT:key/${key}`;
  return [{ Sid: "UseTheKey", Effect: "Allow", Action: actions, Resource: arn }];
}

function arnOf({ bucket, prefix }: S3Config, key: string): string {
  const folder = prefix.replace(/^\/+|\/+$/g, "");
  return `arn:aws:s3:::${bucket}/${folder === "" ? "" : `${folder}/`}${key}`;
}
