import { PLAN_KEYS } from "../screens/plan/keys.ts";
import { PlanView } from "../screens/plan/view.tsx";
import { QUEUES_KEYS } from "../screens/queues/keys.ts";
import { QueuesView } from "../screens/queues/view.tsx";
import { PACED_KEYS } from "../screens/run/keys.ts";
import { RunView } from "../screens/run/view.tsx";
import { START_KEYS } from "../screens/start/keys.ts";
import { StartView } from "../screens/start/view.tsx";
import { BACKUPS_KEYS } from "../screens/backups/keys.ts";
import { BackupsView } from "../screens/backups/view.tsx";
import { TRIED_KEYS } from "../screens/connect/keys.ts";
import { type ConnectState, NOT_FILLED } from "../screens/connect/state.ts";
import { ConnectView } from "../screens/connect/view.tsx";
import { openConfirm } from "../screens/confirm/screen.tsx";
import { CONTENTS_KEYS } from "../screens/contents/keys.ts";
import { ContentsView } from "../screens/contents/view.tsx";
import { RESTORE_PLAN_KEYS } from "../screens/restore_plan/keys.ts";
import { confirmLines } from "../screens/restore_plan/summary.ts";
import { RestorePlanView } from "../screens/restore_plan/view.tsx";
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
import {
  configsSample,
  definitionsSample,
  differencesSample,
  doctorSample,
  FINDINGS,
  logSample,
} from "./other_samples.ts";
import { CONFIGS_KEYS } from "../screens/configs/keys.ts";
import { ConfigsView } from "../screens/configs/view.tsx";
import { DEFINITIONS_KEYS } from "../screens/definitions/keys.ts";
import { DefinitionsView } from "../screens/definitions/view.tsx";
import { DOCTOR_KEYS } from "../screens/doctor/keys.ts";
import { DoctorView } from "../screens/doctor/view.tsx";
import { logKeys } from "../screens/log/keys.ts";
import { LogView } from "../screens/log/view.tsx";
import { REPORT_KEYS } from "../screens/report/keys.ts";
import { ReportView } from "../screens/report/view.tsx";
import { NOW, planSample, queuesSample, runSample, startSample } from "./samples.ts";

/** Filled in, and tried. */
const CONNECT_SAMPLE: ConnectState = {
  ...NOT_FILLED,
  values: {
    ...NOT_FILLED.values,
    host: "mq.example",
    password: "secret",
    storage: "/var/backups/rabbitmq",
  },
  focus: 4,
  test: "done",
  findings: FINDINGS,
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
  keys: () => PACED_KEYS,
  render: (area) => <RunView state={runSample()} area={area} stopping="giving the messages back" />,
  commandLine: () => "rabbitmq-backup backup --config backup.yaml",
});

const connect = stillScreen({
  title: "Connect",
  keys: () => TRIED_KEYS,
  typing: { text: () => {} },
  render: (area) => <ConnectView state={CONNECT_SAMPLE} places={{}} area={area} />,
});

const checkSample = (backupId: string) =>
  backupId === "nightly-20250303"
    ? { deep: true, isWhole: true, at: NOW.getTime() - 300_000 }
    : undefined;

const backups = stillScreen({
  title: "Restore",
  keys: () => pickerKeys(backupsSample().picker, BACKUPS_KEYS, { canMark: false }),
  render: (area) => (
    <BackupsView state={backupsSample()} checkOf={checkSample} area={area} now={NOW} />
  ),
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
  button: "Restore",
  target: "mq.example:5672",
  lines: confirmLines(restorePlanSample().plan!, restorePlanSample().wishes),
  commandLine: () => "rabbitmq-backup restore --config backup.yaml --backup-id nightly-20250303",
  cancel: () => {},
  confirm: () => {},
});

const doctor = stillScreen({
  title: "Check",
  keys: () => DOCTOR_KEYS,
  render: (area) => <DoctorView state={doctorSample()} area={area} />,
  commandLine: () => "rabbitmq-backup doctor --config backup.yaml",
});

const configs = stillScreen({
  title: "Configurations",
  keys: () => CONFIGS_KEYS,
  render: (area) => <ConfigsView state={configsSample()} area={area} now={NOW} />,
});

const definitions = stillScreen({
  title: "Definitions",
  keys: () => DEFINITIONS_KEYS,
  render: (area) => <DefinitionsView state={definitionsSample()} area={area} now={NOW} />,
  commandLine: () => "rabbitmq-backup definitions-diff --config backup.yaml nightly-20250303 live",
});

const differences = stillScreen({
  title: "Differences",
  keys: () => REPORT_KEYS,
  render: (area) => <ReportView state={differencesSample()} area={area} asking="Comparing" />,
  commandLine: () => "rabbitmq-backup definitions-diff --config backup.yaml nightly-20250303 live",
});

const log = stillScreen({
  title: "Log",
  keys: () => logKeys(logSample()),
  render: (area) => <LogView state={logSample()} area={area} />,
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
    shows: [
      /Broker +mq\.example/,
      /Password +\*{6}/,
      /AMQP +! The connection is not encrypted/,
      /Storage +! .*is not there/,
      /\^S save as a file/,
      /esc cancel/,
    ],
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
    shows: [
      /40 %/,
      /214,330 of 535,824/,
      /1,200 held +20,824 returned/,
      /audit +reading 37 %/,
      /emails +✔ done/,
      /p pause +s stop safely/,
    ],
  },
  backups: {
    screens: [start, backups],
    shows: [
      /nightly-20250303 +✔ complete/,
      /weekly-20250228 +! partial/,
      /27 h/,
      /1 queue is not in it/,
      /CHECKED/,
      /✔ complete +27 h +✔ deep/,
      /Not checked since/,
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
      /From +2025-03-03 02:0.* --time-window-start=2/,
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
      /esc plan with these/,
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
  definitions: {
    screens: [start, definitions],
    shows: [
      /the broker, as it is now/,
      /› .*nightly-20250303/,
      /Enter compares nightly-20250303 with/,
    ],
  },
  differences: {
    screens: [start, definitions, differences],
    shows: [/Only in live:/, /\+ queue invoices/, /delivery-limit: 20 -> -1/, /1 different/],
  },
  doctor: {
    screens: [start, doctor],
    shows: [/A backup with this configuration can run, 2 warnings/, /Hint: Use amqps/, /try again/],
  },
  configs: {
    screens: [start, configs],
    shows: [/› .*production\.yaml +2 h/, /ops\/rabbitmq-backup\.yaml +4 d/, /Enter open/],
  },
  log: {
    screens: [start, log],
    shows: [/5 lines/, /05:06:\d\d +! warning/, /Hint: did messages expire/, /\/ filter/],
  },
};
