import { GoogleAuth } from "google-auth-library";
import { type GcsConfig, isLoopback } from "../../config/storage.ts";
import { gcsCredentialsFailure } from "./failure.ts";

const SCOPE = "https://www.googleapis.com/auth/devstorage.read_write";

/**
 * Gives the headers that authorize a request: of the configured service account, or by Application
 * Default Credentials. Tokens are kept and renewed by Google's library. An emulator on this machine
 * gets none.
 */
export function tokenSource(
  { service_account_path, endpoint, user_project }: GcsConfig,
): (url: string) => Promise<Headers> {
  const isEmulator = endpoint !== undefined && isLoopback(new URL(endpoint));
  if (isEmulator && service_account_path === undefined) return () => Promise.resolve(new Headers());
  const auth = new GoogleAuth({
    scopes: SCOPE,
    ...(service_account_path === undefined ? {} : { keyFile: service_account_path }),
    // Nothing here needs it; left out, the library would ask other services, which may refuse.
    projectId: user_project ?? "none",
  });
  return async (url) => {
    try {
      return new Headers(await auth.getRequestHeaders(url));
    } catch (error) {
      throw gcsCredentialsFailure(error);
    }
  };
}
