import { AppError, messageOf } from "../../errors.ts";
import { brokerWords } from "./broker_words.ts";

/** Says why the broker ended a channel that was published on; `cannot` names the place. */
export function publishError(error: unknown, cannot: string): AppError {
  const text = brokerWords(error);
  const denied = (what: string, hint: string) =>
    new AppError("broker_denied", `${cannot}: ${what}`, { cause: error, hint });
  const [, owner, user] =
    /user_id property set to '(.*)' but authenticated user was '(.*)'/s.exec(text) ?? [];
  if (user !== undefined) {
    return denied(
      `a message has user_id "${owner}", which the target takes from that user only, not from ` +
        `"${user}"`,
      `restore as that user, or give "${user}" the tag "impersonator" as well`,
    );
  }
  const [, size, limit] = /message size (\d+) is larger than .*?(\d+)/.exec(text) ?? [];
  if (size !== undefined) {
    return denied(
      `a message of ${size} bytes is larger than the ${limit} that the target takes`,
      "raise max_message_size in the target's rabbitmq.conf and run the same command again",
    );
  }
  const [, exchange] =
    /^ACCESS_REFUSED - cannot publish to internal (exchange '.*') in/.exec(text) ??
      [];
  if (exchange !== undefined) {
    return denied(
      `${exchange}, through which a message came, is internal`,
      "restore with publish_mode direct-to-queue",
    );
  }
  if (/^ACCESS_REFUSED/.test(text)) {
    return denied(
      `the user may not write to it (${text})`,
      "grant write permission: rabbitmqctl set_permissions -p VHOST USER '.*' '.*' '.*'",
    );
  }
  return new AppError("failed", `${cannot}: ${messageOf(error)}`, { cause: error });
}
