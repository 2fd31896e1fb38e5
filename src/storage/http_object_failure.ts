import type { HttpFailure } from "./http_answer.ts";
import { ObjectFailure } from "./object_driver.ts";

/** In the words of OpenSSL, Node and rustls. */
const CERTIFICATE = /certificate|UnknownIssuer|unable to get (local )?issuer|altname|self.signed/i;

/** What it means that a service gave no answer. A certificate does not become right by waiting. */
export function httpObjectFailure(failure: HttpFailure): ObjectFailure {
  const { message } = failure;
  return CERTIFICATE.test(message)
    ? new ObjectFailure("untrusted", message, { cause: failure })
    : new ObjectFailure("transient", message, { cause: failure });
}
