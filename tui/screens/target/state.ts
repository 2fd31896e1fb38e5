import type { Failure } from "../../app/failure.ts";
import { type EraseCommand, erased } from "../../components/text_field.ts";

/** What is asked of a broker that is restored into. */
export const TARGET_FIELDS = [
  {
    name: "host",
    label: "Broker",
    about: "host, host:port, or an amqp:// URL; empty: as configured",
  },
  {
    name: "user",
    label: "User",
    about: "who may write to the queues, and create those that it lacks",
  },
  { name: "password", label: "Password", about: "is not shown, and stored nowhere" },
  {
    name: "management",
    label: "Management",
    about: "host:port or URL of its HTTP API; empty: port 15672",
  },
] as const;

export type TargetField = (typeof TARGET_FIELDS)[number]["name"];

/** What a broker has answered. */
export interface TargetAnswer {
  readonly cluster: string;
  readonly version: string;
  readonly queues: number;
  readonly messages: number;
}

/** A broker that is told, and what came of trying it. */
export interface TargetState {
  readonly values: Readonly<Record<TargetField, string>>;
  /** Index of the field that is typed into. */
  readonly focus: number;
  readonly test:
    | { readonly state: "none" | "asking" }
    | { readonly state: "there"; readonly answer: TargetAnswer }
    | { readonly state: "failed"; readonly failure: Failure };
}

export const NO_TARGET: TargetState = {
  values: { host: "", user: "guest", password: "", management: "" },
  focus: 0,
  test: { state: "none" },
};

export type TargetAction =
  | { type: "type"; text: string }
  | { type: EraseCommand | "next" | "previous" | "asking" }
  | { type: "answered"; answer: TargetAnswer }
  | { type: "failed"; failure: Failure };

/** The form after a key, or an answer. */
export function reduceTarget(state: TargetState, action: TargetAction): TargetState {
  switch (action.type) {
    case "type":
      return edited(state, (value) => value + action.text);
    case "next":
      return { ...state, focus: Math.min(state.focus + 1, TARGET_FIELDS.length - 1) };
    case "previous":
      return { ...state, focus: Math.max(state.focus - 1, 0) };
    case "asking":
      return { ...state, test: { state: "asking" } };
    case "answered":
      return { ...state, test: { state: "there", answer: action.answer } };
    case "failed":
      return { ...state, test: { state: "failed", failure: action.failure } };
    default: {
      const { type } = action;
      return edited(state, (value) => erased(value, type));
    }
  }
}

/** What was tried is another broker once a field is another. */
function edited(state: TargetState, edit: (value: string) => string): TargetState {
  const { name } = TARGET_FIELDS[state.focus]!;
  const values = { ...state.values, [name]: edit(state.values[name]) };
  return { ...state, values, test: { state: "none" } };
}
