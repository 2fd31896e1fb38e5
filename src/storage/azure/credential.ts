import {
  ClientSecretCredential,
  DefaultAzureCredential,
  type TokenCredential,
  WorkloadIdentityCredential,
} from "@azure/identity";
import type { AzureConfig } from "../../config/storage.ts";

/** A credential that asks Entra ID for tokens: as configured, else as Azure's tools find one. */
export function tokenCredential(config: AzureConfig): TokenCredential {
  const { client_id: clientId, tenant_id: tenantId, client_secret } = config;
  const named = {
    ...(clientId === undefined ? {} : { clientId }),
    ...(tenantId === undefined ? {} : { tenantId }),
  };
  if (config.use_workload_identity) return new WorkloadIdentityCredential(named);
  if (client_secret !== undefined) {
    return new ClientSecretCredential(tenantId!, clientId!, client_secret.reveal());
  }
  return new DefaultAzureCredential({
    ...(clientId === undefined
      ? {}
      : { managedIdentityClientId: clientId, workloadIdentityClientId: clientId }),
    ...(tenantId === undefined ? {} : { tenantId }),
  });
}
