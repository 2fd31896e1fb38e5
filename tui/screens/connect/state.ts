import type { Finding } from "../../../src/engine/doctor/findings.ts";
import type { Failure } from "../../app/failure.ts";
import { type EraseCommand, erased } from "../../components/text_field.ts";

/** What is asked to connect. */
export const FIELDS = [
  { name: "host", label: "Broker", about: "host, host:port, or an amqp:// URL" },
  { name: "user", label: "User", about: "with the tag monitoring, at least" },
  { name: "password", label: "Password", about: "is not shown, and stored nowhere" },
  {
    name: "management",
    label: "Management",
    about: "host:port or URL of its HTTP API; empty: port 15672",
  },
  { name: "storage", label: "Storage", about: "a folder, or a URL such as s3://bucket/prefix" },
] as const;

export type FieldName = (typeof FIELDS)[number]["name"];

/** A form that is filled in, and what came of trying it. */
export interface ConnectState {
  readonly values: Readonly<Record<FieldName, string>>;
  /** Index of the field that is typed into. */
  readonly focus: number;
  /** Whether what is typed was tried, and with what result so far. */
  readonly test: "none" | "running" | "done";
  readonly findings: readonly Finding[];
  readonly failure?: Failure | undefined;
}

const UNTRIED = { test: "none", findings: [], failure: undefined } as const;

export const NOT_FILLED: ConnectState = {
  values: { host: "", user: "guest", password: "", management: "", storage: "" },
  focus: 0,
  ...UNTRIED,
};

/** Whether it was tried, and something that is needed failed. */
export function hasFailedTest({ failure, findings }: ConnectState): boolean {
  return failure !== undefined || findings.some(({ status }) => status === "failed");
}

/** Whether the parts of a connection that a field stands for have failed. */
function hasFailed({ findings }: ConnectState, ...names: (typeof PARTS)[number]["name"][]) {
  return PARTS.some(({ name, has }) =>
    names.includes(name) &&
    findings.some((finding) => finding.status === "failed" && has(finding))
  );
}

/** The form when it is seen again: on what failed first, else on what is asked first. */
export function reopened(state: ConnectState): ConnectState {
  const failed: FieldName | undefined = hasFailed(state, "AMQP")
    ? "host"
    : hasFailed(state, "Management API")
    ? "management"
    : hasFailed(state, "Storage")
    ? "storage"
    : undefined;
  const index = FIELDS.findIndex(({ name }) => name === failed);
  return { ...state, focus: Math.max(0, index) };
}

export type ConnectAction =
  | { type: "type"; text: string }
  | { type: EraseCommand | "next" | "previous" }
  | { type: "trying" | "tried" }
  | { type: "found"; finding: Finding }
  | { type: "failed"; failure: Failure };

/** The form after a key, or after something was found out. */
export function reduceConnect(state: ConnectState, action: ConnectAction): ConnectState {
  switch (action.type) {
    case "type":
      return edited(state, (value) => value + action.text);
    case "next":
      return { ...state, focus: Math.min(state.focus + 1, FIELDS.length - 1) };
    case "previous":
      return { ...state, focus: Math.max(state.focus - 1, 0) };
    case "trying":
      return { ...state, ...UNTRIED, test: "running" };
    case "found":
      return { ...state, findings: [...state.findings, action.finding] };
    case "tried":
      return { ...state, test: "done" };
    case "failed":
      return { ...state, test: "done", failure: action.failure };
    default: {
      const { type } = action;
      return edited(state, (value) => erased(value, type));
    }
  }
}

/** What was tried is another thing once a field is. */
function edited(state: ConnectState, edit: (value: string) => string): ConnectState {
  const { name } = FIELDS[state.focus]!;
  return {
    ...state,
    ...UNTRIED,
    values: { ...state.values, [name]: edit(state.values[name]) },
  };
}

/** What the management API tells, as against what takes a connection for messages. */
const API_CHECKS = ["management", "version", "tag", "alarms", "clock", "cluster"];
const AMQP_CHECKS = ["amqp", "tls", "vhost", "rights"];

/** The parts of a connection, each with what is to be known of it; all else, the plan tells. */
export const PARTS = [
  {
    name: "Management API",
    has: ({ area, check }: Finding) => area === "source" && API_CHECKS.includes(check),
  },
  {
    name: "AMQP",
    has: ({ area, check }: Finding) => area === "source" && AMQP_CHECKS.includes(check),
  },
  { name: "Storage", has: ({ area }: Finding) => area === "storage" },
] as const;

/** Of some findings, the one to be told: what fails, else what is only so-so, else the first. */
export function worstOf(findings: readonly Finding[]): Finding | undefined {
  return findings.find(({ status }) => status === "failed") ??
    findings.find(({ status }) => status === "warning") ?? findings[0];
}
