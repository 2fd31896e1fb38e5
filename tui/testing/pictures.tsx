import { PLAN_KEYS } from "../screens/plan/keys.ts";
import { PlanView } from "../screens/plan/view.tsx";
import { QUEUES_KEYS } from "../screens/queues/keys.ts";
import { QueuesView } from "../screens/queues/view.tsx";
import { RUNNING_KEYS } from "../screens/run/keys.ts";
import { RunView } from "../screens/run/view.tsx";
import { START_KEYS } from "../screens/start/keys.ts";
import { StartView } from "../screens/start/view.tsx";
import type { Screen } from "../app/screen.ts";
import { pickerKeys } from "../components/picker_keys.ts";
import { stillScreen } from "./render_frame.tsx";
import { NOW, planSample, queuesSample, runSample, startSample } from "./samples.ts";

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
  title: "backup-20250304T050607Z",
  keys: () => RUNNING_KEYS,
  render: (area) => <RunView state={runSample()} area={area} stopping="giving the messages back" />,
  commandLine: () => "rabbitmq-backup backup --config backup.yaml",
});

/** Each screen as the documentation shows it, and what tests look for in it, in any size. */
export const PICTURES: Readonly<
  Record<string, { screens: readonly Screen[]; shows: readonly RegExp[] }>
> = {
  start: {
    screens: [start],
    shows: [/mq\.example:5672/, /1 backup, the last one 27 h ago/, /Back up/],
  },
  queues: {
    screens: [start, queues],
    shows: [/6 queues, 1 marked/, /QUEUE/, /› [·*●].*session|›.*orders/, /20,000/, /space mark/],
  },
  plan: {
    screens: [start, queues, plan],
    shows: [/5 queues with 535,824 messages/, /REFUSED/, /raise delivery-limit/, /Enter start/],
  },
  run: {
    screens: [start, queues, run],
    shows: [/40 %/, /214,330 of 535,824/, /audit +reading/, /emails +✔ done/, /s stop safely/],
  },
};
