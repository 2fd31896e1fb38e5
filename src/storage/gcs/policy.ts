import type { GcsConfig } from "../../config/storage.ts";
import { type AccessPolicy, type AccessUse, shellQuoted } from "../access_policy.ts";

/** A role of one's own for a service account. */
export function gcsPolicies(config: GcsConfig, use: AccessUse): AccessPolicy[] {
  const { bucket, user_project, kms_key } = config;
  // Writing over an object is deleting the one before, which a backup does that goes on.
  const permissions = [
    "storage.objects.get",
    "storage.objects.list",
    ...use.use === "backup" || use.importsDefinitions ? ["storage.objects.create"] : [],
    ...use.use === "backup" ? ["storage.objects.delete"] : [],
  ];
  const role = use.use === "backup" ? "rabbitmqBackup" : "rabbitmqRestore";
  const member = '--member "serviceAccount:$ACCOUNT"';
  const lines = [
    `gcloud iam roles create ${role} --project "$PROJECT" --stage GA \\`,
    `  --permissions ${permissions.join(",")}`,
    `gcloud storage buckets add-iam-policy-binding ${shellQuoted(`gs://${bucket}`)} \\`,
    `  ${member} --role "projects/$PROJECT/roles/${role}"`,
    ...user_project === undefined ? [] : [
      `gcloud projects add-iam-policy-binding ${shellQuoted(user_project)} \\`,
      `  ${member} --role roles/serviceusage.serviceUsageConsumer`,
    ],
    ...kms_key === undefined ? [] : [
      "# the bucket's own service agent uses the key",
      `gcloud storage service-agent --project "$PROJECT" --authorize-cmek ${shellQuoted(kms_key)}`,
    ],
  ];
  return [{
    title: `Role for the service account that runs ${use.use}s, on the bucket`,
    language: "sh",
    text: lines.join("\n"),
  }];
}
