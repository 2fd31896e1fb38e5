/** What a person should hear of a restore, beside how far it is. */
import type { RestoreQueueRow, RunKey } from "../../checkpoint/rows.ts";
import type { CheckpointStore } from "../../checkpoint/store.ts";
import type { RestoreOptions } from "../../config/config.ts";
import type { EventSink } from "../events.ts";
import { counted, isOrAre } from "../names.ts";
import type { RestoreContext } from "./context.ts";
import { type OutgoingProperties, USER_ID_HEADER } from "./outgoing.ts";
import type { RestoreOutcome } from "./queues.ts";
import type { MessageSelection } from "./selection.ts";
import type { RestoreSurvey } from "./survey.ts";
import type { UndeliveredArchive } from "./undelivered.ts";

/** Times from now are resolved: a log should tell to what. */
export function tellWindow({ timeWindow }: MessageSelection, emit: EventSink): void {
  if (timeWindow === undefined) return;
  const { start, end, field } = timeWindow;
  const parts = [
    ...Number.isFinite(start) ? [`from ${new Date(start).toISOString()}`] : [],
    ...Number.isFinite(end) ? [`up to ${new Date(end).toISOString()}`] : [],
  ];
  const message = `Only messages whose ${field} is ${parts.join(" ")}`;
  emit({ type: "step", message });
}

/** A broker has many addresses, and a restore goes on under the one that it was begun with. */
export function tellOtherTargets(
  checkpoint: CheckpointStore,
  { key, emit }: { key: RunKey; emit: EventSink },
): void {
  for (const other of checkpoint.runs.otherScopes(key)) {
    emit({
      type: "warning",
      message: `An unfinished restore of "${key.backupId}" into ${other} is known, and this one, ` +
        `into ${key.scope}, is another`,
      hint:
        "if both are the same broker, write its address as it was: then that restore is gone on with",
    });
  }
}

/** What is not as it was in the backup: the plan has it too, and not everybody looks at it first. */
export function tellNotes({ notes }: RestoreSurvey, emit: EventSink): void {
  for (const [{ destination: { vhost, name } }, texts] of notes) {
    for (const text of texts) {
      emit({
        type: "warning",
        vhost,
        queue: name,
        message: `Queue "${name}" of vhost "${vhost}": ${text}`,
      });
    }
  }
}

/** A mistyped date or tenant looks like success otherwise. */
export function tellNoneChosen(
  { messages, leftOut, resumed }: RestoreOutcome,
  emit: EventSink,
): void {
  if (messages > 0 || leftOut === 0 || resumed > 0) return;
  emit({
    type: "warning",
    message:
      `No message was restored: none of ${leftOut} is of the time and kind that was asked for`,
    hint: "check the time window and the filters of the restore",
  });
}

/** The summary counts them; this says where to look. */
export function tellDuplicates(positions: readonly RestoreQueueRow[], emit: EventSink): void {
  for (const { vhost, name, resent } of positions) {
    if (resent === 0) continue;
    emit({
      type: "warning",
      vhost,
      queue: name,
      message:
        `Up to ${
          counted(resent, "message")
        } of queue "${name}" of vhost "${vhost}" may be there twice, ` +
        "because of an interruption",
    });
  }
}

/** Says where they are, and how to try once more. */
export function tellUndelivered(
  archives: readonly UndeliveredArchive[],
  { mode, emit }: { mode: RestoreOptions["publish_mode"]; emit: EventSink },
): void {
  for (const { backupId, location, messages } of archives) {
    emit({
      type: "warning",
      message: `${counted(messages, "message")} that the target did not take ` +
        `${isOrAre(messages)} kept in ${location} as backup "${backupId}"`,
      hint: mode === "exchange"
        ? "other queues of the same exchange may have taken them: where they did, restore them " +
          "with publish_mode direct-to-queue into the queues that lack them"
        : "when there is room or a queue for them, with the same configuration and mappings: " +
          `restore --path ${location} --backup-id ${backupId} --if-not-empty append`,
    });
  }
}

/** Says what of the properties of messages is not as it was. */
export function tellChanges(
  { rules, emit }: Pick<RestoreContext, "rules" | "emit">,
  { entry: { vhost, name }, outgoing: { copying, userIds } }: {
    entry: { vhost: string; name: string };
    outgoing: OutgoingProperties;
  },
): void {
  const warn = (message: string, hint: string) =>
    emit({ type: "warning", vhost, queue: name, message, hint });
  if (copying > 0) {
    warn(
      `${counted(copying, "message")} had CC or BCC headers, which were left out`,
      "the broker would have copied each of them to the queues named there once more",
    );
  }
  if (userIds > 0) {
    const what = rules.foreignUserId === "header"
      ? `is the header ${USER_ID_HEADER} now`
      : "was left out";
    warn(
      `${counted(userIds, "message")} had the user_id of another user, which ${what}`,
      `with the tag impersonator "${rules.username}" may keep it`,
    );
  }
}
