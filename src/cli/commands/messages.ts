import { type Command, Option } from "commander";
import type { QueueEntry } from "../../archive/manifest.ts";
import { didYouMean } from "../../config/nearest.ts";
import type { StoredMessage } from "../../engine/inspect/stored_message.ts";
import { base64Of } from "../../message/shown_value.ts";
import { EXIT } from "../../console/exit_code.ts";
import { formatCount } from "../../console/text/format.ts";
import {
  BODY_FORMS,
  messageLines,
  messageListLine,
  messageListTitle,
} from "../../console/text/message_text.ts";
import { openBackup } from "../backup_choice.ts";
import {
  addConfigOption,
  addSettings,
  addStreamFormatOption,
  type Launch,
  newCommand,
} from "../command.ts";
import { type CommandContext, usageError } from "../context.ts";
import { runEngineWork } from "../engine_run.ts";
import { DEFAULT_BODY, DEFAULT_LIMIT, type MessageWish, wishOf } from "../message_wish.ts";
import { isoTime } from "../output/document.ts";
import { STORAGE_SETTINGS } from "../setting_groups.ts";

const SETTINGS = [STORAGE_SETTINGS];

const HELP = {
  summary: "show messages of a queue in a backup",
  description:
    "Lists messages of one queue of a backup, read from the segments that have them. Bodies are shown " +
    "only with --body, properties and headers with --details. --search takes those that have a text " +
    "in body, headers, properties, routing key or exchange; upper and lower case of A to Z are alike. " +
    "Messages of streams are taken out of their chunks and batches.",
  examples: [
    ["the first ones", "rabbitmq-backup messages -p /backups -b latest --queue orders"],
    [
      "message 42, all of it",
      "rabbitmq-backup messages -p /backups -b latest --queue orders --from 42 --limit 1 --body auto",
    ],
    [
      "all of a customer, for a script",
      "rabbitmq-backup messages -p /backups -b latest --queue orders --search customer-17 \\\n" +
      "    --limit 0 --body text --json | jq -r 'select(.message_type == \"message\") | .body'",
    ],
  ],
} as const;

export function addMessagesCommand(program: Command, launch: Launch): void {
  const command = addConfigOption(newCommand(program, "messages", HELP))
    .requiredOption("--queue <name>", "the queue or stream")
    .option("--vhost <name>", "its virtual host, where several have one of that name")
    .option("--from <number>", "the first message to look at, from 1")
    .option("--limit <number>", `how many to show (default: ${DEFAULT_LIMIT}; 0: all)`)
    .option("--search <text>", "those that have this text in them")
    .option("--details", "show properties and headers")
    .addOption(
      new Option("--body <form>", "show bodies as well").choices(BODY_FORMS),
    )
    .option("--max-body <size>", `bytes of each body to show (default: ${DEFAULT_BODY})`);
  addSettings(addStreamFormatOption(command), SETTINGS).action(launch(messages));
}

async function messages(context: CommandContext): Promise<number> {
  // 1. What is asked for, where to look, and for which backup.
  const wish = wishOf(context.flags);
  await using backup = await openBackup(context, { settings: SETTINGS, verb: "look into" });
  const { storage, backupId } = backup;

  // 2. Its queue; of a stream with all that it stands on.
  const { loadManifest } = await import("../../engine/stored/list.ts");
  const { loadWhole } = await import("../../engine/stored/chain.ts");
  const { queueKey } = await import("../../engine/queue_key.ts");
  const named = queueOf((await loadManifest(storage, backupId)).queues, { wish, backupId });
  const isNamed = (entry: QueueEntry) => queueKey(entry) === queueKey(named);
  const entry = (await loadWhole(storage, backupId, isNamed)).queues.find(isNamed)!;

  // 3. Read as far as it takes, and show on the way.
  const { readStored } = await import("../../engine/inspect/read_messages.ts");
  const show = listing(context, { entry, wish });
  const result = await runEngineWork(context, {
    stopping: "ending",
    run: async ({ signal }) => {
      let shown = 0;
      let looked = 0;
      for await (const part of readStored(storage, entry, { ...wish, signal })) {
        looked = part.looked;
        for (const message of part.found.slice(0, wish.limit - shown)) {
          show(message);
          looked = message.number;
          shown++;
        }
        await context.output.flush();
        if (shown >= wish.limit) break;
        looked = part.looked;
      }
      return { shown, looked };
    },
  });

  // 4. What was not looked at.
  end(context, { ...result, entry, backupId });
  return EXIT.ok;
}

function queueOf(
  all: readonly QueueEntry[],
  { wish, backupId }: { wish: MessageWish; backupId: string },
): QueueEntry {
  const found = all.filter(({ name, vhost }) =>
    name === wish.queue && (wish.vhost === undefined || vhost === wish.vhost)
  );
  const cannot = `Cannot look into queue ${JSON.stringify(wish.queue)} of backup "${backupId}"`;
  if (found.length > 1) {
    throw usageError(
      `${cannot}: ${found.length} virtual hosts have one of that name`,
      `say which with --vhost: ${found.map(({ vhost }) => JSON.stringify(vhost)).join(", ")}`,
    );
  }
  if (found[0] !== undefined) return found[0];
  const names = new Set(all.map(({ name }) => name));
  throw usageError(
    `${cannot}: it is not in it${didYouMean(wish.queue, names)}`,
    "describe shows what is in a backup",
  );
}

/** What shows a message in the form that is wanted. */
function listing(
  { output }: CommandContext,
  { entry, wish }: { entry: QueueEntry; wish: MessageWish },
): (message: StoredMessage) => void {
  if (output.options.jsonLines) {
    return (message) => output.message("message", documentOf(message, { entry, wish }));
  }
  if (wish.hasDetails) return (message) => output.result(messageLines(message, wish.form));
  const digits = String(entry.message_count).length;
  let isFirst = true;
  return (message) => {
    if (isFirst) output.result(messageListTitle(digits));
    isFirst = false;
    output.result(messageListLine(message, digits));
  };
}

function documentOf(
  message: StoredMessage,
  { entry: { vhost, name }, wish }: { entry: QueueEntry; wish: MessageWish },
) {
  const { number, time, offset, redelivered, exchange, routingKey, bodySize, body } = message;
  const { bodyType, ...details } = wish.hasDetails ? message.details() : {};
  return {
    vhost,
    queue: name,
    number,
    offset,
    backed_up_at: isoTime(time),
    redelivered,
    exchange,
    routing_key: routingKey,
    body_size: bodySize,
    ...details,
    body_type: bodyType,
    ...wish.form === undefined ? {} : bodyOf(body, { isCut: body.length < bodySize }),
  };
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The body as text where it is UTF-8, else as base64. */
function bodyOf(body: Uint8Array, { isCut }: { isCut: boolean }) {
  const cut = isCut ? { body_is_cut: true } : {};
  try {
    return { body: strict.decode(body), ...cut };
  } catch {
    return { body_base64: base64Of(body), ...cut };
  }
}

function end(
  { output }: CommandContext,
  { shown, looked, entry, backupId }: {
    shown: number;
    looked: number;
    entry: QueueEntry;
    backupId: string;
  },
): void {
  const { vhost, name, message_count: total } = entry;
  if (output.options.jsonLines) {
    return output.message("summary", {
      backup_id: backupId,
      vhost,
      queue: name,
      messages_shown: shown,
      messages_total: total,
      last_looked_at: looked,
    });
  }
  const rest = looked < total ? `; --from ${looked + 1} goes on` : "";
  output.note(`${formatCount(shown)} shown of ${formatCount(total)}${rest}`);
}
