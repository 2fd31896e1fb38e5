import type { AzureConfig } from "../../config/storage.ts";
import { type AccessPolicy, type AccessUse, shellQuoted } from "../access_policy.ts";

const BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs";

/** A role of one's own for an identity, and the letters of a SAS token for those who use one. */
export function azurePolicies(config: AzureConfig, use: AccessUse): AccessPolicy[] {
  const writes = use.use === "backup" || use.importsDefinitions;
  const tagged = writes && config.tags !== undefined;
  // Listing blobs is reading them.
  const actions = [
    "read",
    ...writes ? ["write", "add/action"] : [],
    ...use.use === "backup" ? ["delete"] : [],
    ...tagged ? ["tags/write"] : [],
  ];
  const name = `RabbitMQ ${use.use} storage`;
  const role = {
    Name: name,
    IsCustom: true,
    Description: `What rabbitmq-backup needs for ${use.use}s`,
    Actions: [],
    DataActions: actions.map((action) => `${BLOBS}/${action}`),
    AssignableScopes: ["/subscriptions/SUBSCRIPTION"],
  };
  return [
    {
      title: `Azure role for the identity that runs ${use.use}s, as role.json`,
      language: "json",
      text: JSON.stringify(role, null, 2),
    },
    {
      title: "The role, given to the identity on the container",
      language: "sh",
      text: [
        "az role definition create --role-definition role.json",
        `az role assignment create --role ${shellQuoted(name)} --assignee "$CLIENT_ID" \\`,
        `  --scope "$ACCOUNT_ID/blobServices/default/containers/${config.container_name}"`,
      ].join("\n"),
    },
    {
      title: "Or a SAS token of the container (storage.sas_token)",
      language: "sh",
      text: [
        `az storage container generate-sas --account-name ${config.account_name} \\`,
        `  --name ${config.container_name} --permissions ${sasPermissions(config, use)} \\`,
        '  --https-only --expiry "$EXPIRY" --output tsv',
      ].join("\n"),
    },
  ];
}

/** In the order that Azure wants. */
export function sasPermissions({ tags }: AzureConfig, use: AccessUse): string {
  const writes = use.use === "backup" || use.importsDefinitions;
  const letters = ["r", ...writes ? ["c", "w"] : [], ...use.use === "backup" ? ["d"] : [], "l"];
  return [...letters, ...writes && tags !== undefined ? ["t"] : []].join("");
}
