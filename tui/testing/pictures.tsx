import { PLAN_KEYS } from "../screens/plan/keys.ts";
import { PlanView } from "../screens/plan/view.tsx";
import { QUEUES_KEYS } from "../screens/queues/keys.ts";
import { QueuesView } from "../screens/queues/view.tsx";
import { RUNNING_KEYS } from "../screens/run/keys.ts";
import { RunView } from "../screens/run/view.tsx";
import { START_KEYS } from "../screens/start/keys.ts";
import { StartView } from "../screens/start/view.tsx";
import { BACKUPS_KEYS } from "../screens/backups/keys.ts";
import { BackupsView } from "../screens/backups/view.tsx";
import { CONNECT_KEYS } from "../screens/connect/keys.ts";
import { NOT_FILLED } from "../screens/connect/state.ts";
import { ConnectView } from "../screens/connect/view.tsx";
import { openConfirm } from "../screens/confirm/screen.tsx";
import { CONTENTS_KEYS } from "../screens/contents/keys.ts";
import { ContentsView } from "../screens/contents/view.tsx";
import { RESTORE_PLAN_KEYS } from "../screens/restore_plan/keys.ts";
import { confirmLines, RestorePlanView } from "../screens/restore_plan/view.tsx";
import { MESSAGE_KEYS } from "../screens/message/keys.ts";
import { MessageView } from "../screens/message/view.tsx";
import { MESSAGES_KEYS, SEARCHED_KEYS } from "../screens/messages/keys.ts";
import { MessagesView } from "../screens/messages/view.tsx";
import { OPTIONS_KEYS } from "../screens/options/keys.ts";
import { OptionsView } from "../screens/options/view.tsx";
import { TRIED_TARGET_KEYS } from "../screens/target/keys.ts";
import { TargetView } from "../screens/target/view.tsx";
import { WINDOW_KEYS } from "../screens/window/keys.ts";
import { WindowView } from "../screens/window/view.tsx";
import {
  backupsSample,
  contentsSample,
  messageSample,
  messagesSample,
  optionsSample,
  restorePlanSample,
  searchSample,
  targetSample,
  windowSample,
} from "./restore_samples.ts";
import type { Screen } from "../app/screen.ts";
import { pickerKeys } from "../components/picker_keys.ts";
import { stillScreen } from "./render_frame.tsx";
import { NOW, planSample, queuesSample, runSample, startSample } from "./samples.ts";

const CONNECT_SAMPLE = {
  values: { ...NOT_FILLED.values, host: "mq.example", password: "secret" },
  focus: 2,
};

const start = stillScreen({
  title: "Start",
  keys: () => START_KEYS,
  render: (area) => <StartView state={startSample()} area={area} now={NOW} />,
});

const queues = stillScreen({
  title: "Back up",
  keys: () => pickerKeys(queuesSample().picker, QUEUES_KEYS),
  render: (area) => <QueuesView state={queuesSample()} area={area} />,
});

const plan = stillScreen({
  title: "Plan",
  keys: () => PLAN_KEYS,
  render: (area) => <PlanView state={planSample()} area={area} />,
  commandLine: () => "rabbitmq-backup backup --config backup.yaml",
});

const run = stillScreen({
  title: "Backing up",
  keys: () => RUNNING_KEYS,
  render: (area) => <RunView state={runSample()} area={area} stopping="giving the messages back" />,
  commandLine: () => "rabbitmq-backup backup --config backup.yaml",
});

const connect = stillScreen({
  title: "Connect",
  keys: () => CONNECT_KEYS,
  typing: { text: () => {} },
  render: (area) => <ConnectView state={CONNECT_SAMPLE} area={area} />,
});

const backups = stillScreen({
  title: "Restore",
  keys: () => pickerKeys(backupsSample().picker, BACKUPS_KEYS, { canMark: false }),
  render: (area) => <BackupsView state={backupsSample()} area={area} now={NOW} />,
  commandLine: () => "rabbitmq-backup list --config backup.yaml",
});

const contents = stillScreen({
  title: "nightly-20250303",
  keys: () => pickerKeys(contentsSample().picker, CONTENTS_KEYS),
  render: (area) => <ContentsView state={contentsSample()} area={area} />,
});

const ORDERS = { vhost: "/", name: "orders" };
const LOOK = "rabbitmq-backup messages --config backup.yaml --backup-id nightly-20250303 " +
  "--vhost=/ --queue=orders";

const messages = stillScreen({
  title: "orders",
  keys: () => MESSAGES_KEYS,
  render: (area) => <MessagesView state={messagesSample()} queue={ORDERS} area={area} />,
  commandLine: () => LOOK,
});

const search = stillScreen({
  title: "orders",
  keys: () => SEARCHED_KEYS,
  render: (area) => <MessagesView state={searchSample()} queue={ORDERS} area={area} />,
  commandLine: () => `${LOOK} --search=order.paid --limit 0`,
});

const message = stillScreen({
  title: "Message",
  keys: () => MESSAGE_KEYS,
  render: (area) => <MessageView state={messageSample()} area={area} />,
  commandLine: () => `${LOOK} --from 42 --limit 1 --body auto`,
});

const restorePlan = stillScreen({
  title: "Plan",
  keys: () => RESTORE_PLAN_KEYS,
  render: (area) => <RestorePlanView state={restorePlanSample()} area={area} />,
  commandLine: () => "rabbitmq-backup restore --config backup.yaml --backup-id nightly-20250303",
});

const RESTORE = "rabbitmq-backup restore --config backup.yaml";

const window = stillScreen({
  title: "Time",
  keys: () => WINDOW_KEYS,
  render: (area) => <WindowView state={windowSample()} area={area} />,
  commandLine: () =>
    `${RESTORE} --time-window-start=2025-03-03T02:03:09Z ` +
    "--time-window-end=2025-03-03T04:22:05Z --backup-id nightly-20250303",
});

const options = stillScreen({
  title: "Options",
  keys: () => pickerKeys(optionsSample().picker, OPTIONS_KEYS, { canMark: false }),
  render: (area) => <OptionsView state={optionsSample()} area={area} />,
  commandLine: () =>
    `${RESTORE} --if-not-empty=append --queue-mapping='*=restored.$1' ` +
    "--backup-id nightly-20250303",
});

const target = stillScreen({
  title: "Target",
  keys: () => TRIED_TARGET_KEYS,
  typing: { text: () => {} },
  render: (area) => <TargetView state={targetSample()} area={area} />,
  commandLine: () =>
    `${RESTORE} --amqp-url "$RABBITMQ_BACKUP_AMQP_URL" --backup-id nightly-20250303`,
});

const confirm = openConfirm({
  target: "mq.example:5672",
  lines: confirmLines(restorePlanSample().plan!),
  commandLine: () => "rabbitmq-backup restore --config backup.yaml --backup-id nightly-20250303",
  cancel: () => {},
  confirm: () => {},
});

/** Each screen as the documentation shows it, and what tests look for in it, in any size. */
export const PICTURES: Readonly<
  Record<string, { screens: readonly Screen[]; shows: readonly RegExp[] }>
> = {
  start: {
    screens: [start],
    shows: [/mq\.example:5672/, /1 backup, the last one 27 h ago/, /Back up/],
  },
  connect: {
    screens: [start, connect],
    shows: [/Broker +mq\.example/, /Password +\*{6}/, /with the tag|is not shown/, /esc cancel/],
  },
  queues: {
    screens: [start, queues],
    shows: [/6 queues, 1 marked/, /QUEUE/, /› [·*●].*session|›.*orders/, /20,000/, /space mark/],
  },
  plan: {
    screens: [start, queues, plan],
    shows: [
      /Reads 5 queues, 535,824 messages, 1 at a cost, 1 left out/,
      /REFUSED/,
      /raise delivery-limit/,
      /Enter start/,
    ],
  },
  run: {
    screens: [start, queues, run],
    shows: [/40 %/, /214,330 of 535,824/, /audit +reading/, /emails +✔ done/, /s stop safely/],
  },
  backups: {
    screens: [start, backups],
    shows: [
      /nightly-20250303 +✔ complete/,
      /weekly-20250228 +! partial/,
      /27 h/,
      /1 queue is not in it/,
    ],
  },
  contents: {
    screens: [start, backups, contents],
    shows: [/2 queues, none marked/, /orders +classic +20,000|orders +20,000/, /Only in part/],
  },
  messages: {
    screens: [start, backups, contents, messages],
    shows: [/orders +20,000 messages/, /› +2 .*order\.created +\d+ B/, /Enter show +\/ search/],
  },
  search: {
    screens: [start, backups, contents, search],
    shows: [/3 found so far, in 9,400 of 20,000 messages/, /esc all again/, /› +3 .*order\.paid/],
  },
  message: {
    screens: [start, backups, contents, messages, message],
    shows: [
      /Message +42/,
      /Routing key +order\.paid/,
      /header tenant +acme\\u\{1b\}\[31m/,
      /header retries \(int32\) +2/,
      /Body +as json/,
      /text, JSON, hex/,
    ],
  },
  restore_plan: {
    screens: [start, backups, contents, restorePlan],
    shows: [
      /1 queue, 20,000 messages to restore/,
      /1 skipped/,
      /it holds 12 messages/,
      /Enter restore/,
    ],
  },
  window: {
    screens: [start, backups, contents, restorePlan, window],
    shows: [
      /From +2025-03-03 02:0/,
      /› To +2025-03-03 04:2/,
      /\[─+\]/,
      /[\d,]+ to [\d,]+ of 68,000 messages/,
      /Enter take it/,
    ],
  },
  options: {
    screens: [start, backups, contents, restorePlan, options],
    shows: [
      /› queue-mapping +\*=restored\.\$1/,
      /as configured/,
      /Enter change/,
      /into another queue/,
    ],
  },
  target: {
    screens: [start, backups, contents, restorePlan, target],
    shows: [/Broker +drill\.example/, /\*{6}/, /✔ RabbitMQ 4\.3\.0, 0 queues/, /Enter take it/],
  },
  confirm: {
    screens: [start, backups, contents, restorePlan, confirm],
    shows: [/Type mq\.example:5672 to confirm/, /\[ Cancel \] +Restore/],
  },
};
