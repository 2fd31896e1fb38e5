import type { DefinitionsDiff } from "../../src/definitions/diff.ts";
import type { Finding } from "../../src/engine/doctor/findings.ts";
import { diffLines } from "../../src/console/text/diff_text.ts";
import { LogBook } from "../app/log_book.ts";
import { type ConfigsState, NO_CONFIGS, reduceConfigs } from "../screens/configs/state.ts";
import {
  type DefinitionsState,
  NO_SIDES,
  reduceDefinitions,
} from "../screens/definitions/state.ts";
import { type DoctorState, NOT_EXAMINED, reduceDoctor } from "../screens/doctor/state.ts";
import { type LogState, NO_LOG, reduceLog } from "../screens/log/state.ts";
import { NOT_TOLD, reduceReport, type ReportState } from "../screens/report/state.ts";
import { LISTED, NOW } from "./samples.ts";

export const FINDINGS: readonly Finding[] = [
  {
    area: "storage",
    check: "list",
    status: "warning",
    message: "/var/backups/rabbitmq is not there; a backup creates it",
    hint: "If it is to be on a disk of its own, see whether that is mounted",
  },
  {
    area: "source",
    check: "management",
    status: "ok",
    message: "Management API at http://mq.example:15672: RabbitMQ 4.0.5, Erlang 27.2",
  },
  { area: "source", check: "alarms", status: "ok", message: "1 node runs, without alarm" },
  {
    area: "source",
    check: "amqp",
    status: "ok",
    message: 'AMQP at mq.example:5672: "guest" is in',
  },
  {
    area: "source",
    check: "tls",
    status: "warning",
    message: "The connection is not encrypted: password and messages can be read on the way",
    hint: "Use amqps:// in amqp_url",
  },
  {
    area: "machine",
    check: "spool",
    status: "ok",
    message: "The spool has room for 38 GiB, and the largest queue takes 201 MiB",
  },
];

export function doctorSample(): DoctorState {
  let state = reduceDoctor(NOT_EXAMINED, { type: "begun", side: "backup" });
  for (const finding of FINDINGS) state = reduceDoctor(state, { type: "found", finding });
  state = reduceDoctor(state, { type: "ended" });
  for (let step = 0; step < 4; step++) {
    state = reduceDoctor(state, { type: "move", command: "down", page: 10 });
  }
  return state;
}

export function configsSample(): ConfigsState {
  const ago = (hours: number) => NOW.getTime() - hours * 3_600_000;
  return reduceConfigs(NO_CONFIGS, {
    type: "listed",
    configs: [
      { path: "/etc/rabbitmq-backup/production.yaml", usedAt: ago(2) },
      { path: "/home/ops/rabbitmq-backup.yaml", usedAt: ago(100) },
    ],
  });
}

export function definitionsSample(): DefinitionsState {
  const listed = reduceDefinitions(NO_SIDES, { type: "listed", backups: LISTED });
  return reduceDefinitions(listed, { type: "move", command: "down", page: 10 });
}

const DIFF: DefinitionsDiff = {
  removed: [{ kind: "queues", vhost: "/", name: "invoices.old" }],
  added: [
    { kind: "queues", vhost: "/", name: "invoices" },
    { kind: "bindings", vhost: "/", name: "billing -> invoices (invoice.*)" },
  ],
  changed: [{
    kind: "policies",
    vhost: "/",
    name: "limits",
    fields: [{ field: "definition.delivery-limit", from: "20", to: "-1" }],
  }],
  same: 41,
};

export function differencesSample(): ReportState {
  const style = { color: false, unicode: true };
  const lines = diffLines(DIFF, { from: "nightly-20250303", to: "live", style, all: true });
  return reduceReport(NOT_TOLD, { type: "told", lines });
}

export function logSample(): LogState {
  let at = NOW.getTime();
  const book = new LogBook(() => new Date(at += 700));
  book.add({ kind: "step", text: "The backup begins" });
  book.add({ kind: "step", text: "Looking at the queues" });
  book.add({
    kind: "warning",
    text: 'Queue "orders" holds 19990 messages after it was read, and held 20000 before',
    hint: "did messages expire, or was somebody reading or purging it? this backup has them",
  });
  book.add({ kind: "queue", text: "orders (/) done: 20,000 messages, in 2.1 s, held for 0.6 s" });
  book.add({
    kind: "result",
    text: "Backup nightly is complete: 1 queue, 20,000 messages, 6.7 MiB",
  });
  const state = reduceLog(NO_LOG, { type: "entries", entries: book.entries });
  return [1, 2].reduce(
    (state) =>
      reduceLog(state, { type: "pick", action: { type: "move", command: "up", page: 10 } }),
    state,
  );
}
