import type { Manifest, QueueEntry, StoredConsumer, StreamReport } from "../../archive/manifest.ts";
import type { Chain } from "../../engine/stored/chain.ts";
import { escapeLines, escapeText, queueLabel } from "./escape.ts";
import { formatBytes, formatCount, formatSeconds, formatTime, plural } from "./format.ts";
import { paint, type Style } from "./style.ts";
import { renderFields, renderTable } from "./table.ts";

/** What is in a backup, for a person. */
export function manifestLines(
  manifest: Manifest,
  { location, chains, style }: {
    location: string;
    /** What streams stand on. */
    chains: ReadonlyMap<QueueEntry, Chain>;
    style: Style;
  },
): string[] {
  return [
    ...renderFields(fieldsOf(manifest, location, style)),
    "",
    ...queueLines(manifest),
    ...captureLines(manifest),
    ...streamLines(manifest, { chains, style }),
    ...partialLines(manifest),
    ...skippedLines(manifest),
    ...manifest.warnings.flatMap((warning) => ["", `Warning: ${escapeLines(warning)}`]),
  ];
}

function fieldsOf(
  manifest: Manifest,
  location: string,
  style: Style,
): [string, string | undefined][] {
  const { created_at, completed_at, definitions } = manifest;
  const tone = manifest.state === "complete" ? "good" : "attention";
  const took = completed_at === null
    ? ""
    : `, took ${formatSeconds((completed_at - created_at) / 1000)}`;
  const source = manifest.source_cluster ?? "unknown";
  const version = manifest.rabbitmq_version ?? "unknown version";
  return [
    ["Backup", escapeText(manifest.backup_id)],
    ["Where", escapeText(location)],
    ["State", paint(style, tone, manifest.state)],
    ["Created", formatTime(created_at) + took],
    ["Source", escapeText(`${source} (RabbitMQ ${version})`)],
    ["Messages", `${formatCount(manifest.total_messages)} (${messageBytes(manifest)})`],
    [
      "Stored",
      `${formatBytes(manifest.total_bytes)} in ${plural(manifest.total_segments, "segment")}`,
    ],
    ["Format", `version ${manifest.format_version}, ${manifest.compression}`],
    ["Definitions", definitions === null ? "none" : definitionsText(definitions)],
    ["Written by", escapeText(`rabbitmq-backup ${manifest.backup_tool_version}`)],
  ];
}

/** Version 1 does not tell the sizes of bodies. */
function messageBytes({ format_version, total_body_bytes, queues }: Manifest): string {
  if (format_version === 2) return formatBytes(total_body_bytes);
  const records = queues.flatMap(({ segments }) => segments)
    .reduce((sum, segment) => sum + segment.uncompressed_bytes, 0);
  return `${formatBytes(records)} as records`;
}

function definitionsText(definitions: NonNullable<Manifest["definitions"]>): string {
  return [
    plural(definitions.vhost_count, "vhost"),
    plural(definitions.queue_count, "queue"),
    plural(definitions.exchange_count, "exchange"),
    plural(definitions.user_count, "user"),
  ].join(", ");
}

function queueLines({ queues, format_version }: Manifest): string[] {
  if (queues.length === 0) return ["No queues."];
  return renderTable(
    [
      { title: "VHOST" },
      { title: "QUEUE" },
      { title: "TYPE" },
      { title: "MESSAGES", align: "right" },
      { title: "BODIES", align: "right" },
      { title: "LARGEST", align: "right" },
      { title: "STORED", align: "right" },
      { title: "HELD", align: "right" },
    ],
    queues.map((queue) => [
      escapeText(queue.vhost),
      escapeText(queue.name),
      escapeText(queue.queue_type),
      formatCount(queue.message_count),
      // Version 1 does not tell.
      format_version === 1 ? "-" : formatBytes(queue.body_bytes),
      format_version === 1 ? "-" : formatBytes(queue.largest_body),
      formatBytes(queue.segments.reduce((sum, segment) => sum + segment.size_bytes, 0)),
      queue.capture === null ? "-" : formatSeconds(queue.capture.hold_ms / 1000),
    ]),
  );
}

/** What reading did to the queues, where it did anything, and what others did meanwhile. */
function captureLines({ queues }: Manifest): string[] {
  const told = queues.flatMap((queue) => {
    const text = queue.capture === null ? "" : captureText(queue.capture);
    return text === "" ? [] : [`  ${queueLabel(queue.vhost, queue.name)}: ${text}`];
  });
  return told.length === 0 ? [] : ["", "Read:", ...told];
}

/** Offsets and times of the segments of streams: what a restore can begin and end at. */
function streamLines(
  { queues }: Manifest,
  { chains, style }: { chains: ReadonlyMap<QueueEntry, Chain>; style: Style },
): string[] {
  return queues.flatMap((queue) => {
    const { vhost, name, stream, amqp_stream: byAmqp, segments } = queue;
    const bounds = stream ?? byAmqp;
    if (bounds === undefined) return [];
    const rows = segments.map(({ sequence, stream: range, first_timestamp, last_timestamp }) => [
      String(sequence),
      `${range!.first_offset} to ${range!.last_offset}`,
      formatCount(range!.message_count),
      `${formatTime(first_timestamp)} to ${formatTime(last_timestamp)}`,
    ]);
    const filtered = !stream?.filtered_messages
      ? ""
      : `, up to ${formatCount(stream.filtered_messages)} messages with filter values`;
    const lacks = byAmqp === undefined ? [] : [`  Lacks: ${byAmqp.losses.join("; ")}`];
    return [
      "",
      `Stream ${queueLabel(vhost, name)}: ${offsetsText(bounds)}${filtered}` +
      (byAmqp === undefined ? "" : ", by AMQP 0-9-1"),
      ...lacks,
      ...consumerLines(stream?.consumers ?? []),
      ...chainLines(chains.get(queue), style),
      ...rows.length === 0 ? [] : renderTable(
        [
          { title: "  SEGMENT", align: "right" },
          { title: "OFFSETS" },
          { title: "MESSAGES", align: "right" },
          { title: byAmqp === undefined ? "WRITTEN" : "READ" },
        ],
        rows,
      ),
    ];
  });
}

function offsetsText(
  { first_offset: first, last_offset: last }: Pick<StreamReport, "first_offset" | "last_offset">,
): string {
  return first > last ? `nothing from offset ${first} on` : `offsets ${first} to ${last}`;
}

function consumerLines(consumers: readonly StoredConsumer[]): string[] {
  if (consumers.length === 0) return [];
  const texts = consumers.map(({ name, offset }) => `${escapeText(name)} at ${offset}`);
  return [`  consumers: ${texts.join(", ")}`];
}

/** The backups that a restore of the stream takes as well. */
function chainLines(chain: Chain | undefined, style: Style): string[] {
  if (chain === undefined) return [];
  const links = chain.links.map(({ backupId, entry: { stream } }) =>
    `${escapeText(backupId)} (${offsetsText(stream!)})`
  );
  return [
    ...links.length === 0 ? [] : [`  stands on ${links.join(", ")}`],
    ...chain.problem === undefined ? [] : [
      `  ${paint(style, "bad", "BROKEN")}: it stands on others, and ${escapeLines(chain.problem)}`,
    ],
  ];
}

function captureText(capture: NonNullable<QueueEntry["capture"]>): string {
  const { depth_before, depth_after, first_after, traffic } = capture;
  const { delivery_attempts, highest_delivery_count } = capture;
  const parts: string[] = [];
  if (delivery_attempts > 0) {
    const highest = (highest_delivery_count ?? 0) + delivery_attempts;
    parts.push(
      `charged ${plural(delivery_attempts, "delivery attempt")}, at most ${highest} in all`,
    );
  }
  if (depth_after !== null && depth_after !== depth_before) {
    parts.push(`depth ${formatCount(depth_before)} before, ${formatCount(depth_after)} after`);
  }
  if (first_after === "different") parts.push("another first message after");
  if (traffic !== undefined) {
    const { published, consumed } = traffic;
    parts.push(`others published ${formatCount(published)} and took ${formatCount(consumed)}`);
  }
  return parts.join("; ");
}

function partialLines({ queues }: Manifest): string[] {
  const partial = queues.filter(({ partial }) => partial !== undefined);
  if (partial.length === 0) return [];
  return [
    "",
    "Only in part:",
    ...partial.map(({ vhost, name, partial }) =>
      `  ${queueLabel(vhost, name)}: ${escapeLines(partial!)}`
    ),
  ];
}

function skippedLines({ skipped }: Manifest): string[] {
  if (skipped.length === 0) return [];
  return [
    "",
    "Not in this backup:",
    ...skipped.flatMap(({ vhost, name, kind, reason, hint }) => [
      `  ${queueLabel(vhost, name)}, ${kind}: ${escapeLines(reason)}`,
      ...hint === undefined ? [] : [`    Hint: ${escapeLines(hint)}`],
    ]),
  ];
}
