/** What is asked to connect. */
export const FIELDS = [
  { name: "host", label: "Broker", about: "host, host:port, or an amqp:// URL" },
  { name: "user", label: "User", about: "with the tag monitoring, at least" },
  { name: "password", label: "Password", about: "is not shown, and stored nowhere" },
  { name: "management", label: "Management", about: "its HTTP API; empty: http://host:15672" },
  { name: "storage", label: "Storage", about: "a folder, or a URL such as s3://bucket/prefix" },
] as const;

export type FieldName = (typeof FIELDS)[number]["name"];

/** A form that is filled in. */
export interface ConnectState {
  readonly values: Readonly<Record<FieldName, string>>;
  /** Index of the field that is typed into. */
  readonly focus: number;
}

export const NOT_FILLED: ConnectState = {
  values: { host: "", user: "guest", password: "", management: "", storage: "" },
  focus: 0,
};

export type ConnectAction =
  | { type: "type"; text: string }
  | { type: "erase" | "clear" | "next" | "previous" };

/** The form after a key. */
export function reduceConnect(state: ConnectState, action: ConnectAction): ConnectState {
  const { name } = FIELDS[state.focus]!;
  const value = state.values[name];
  switch (action.type) {
    case "type":
      return withValue(state, name, value + action.text);
    case "erase":
      return withValue(state, name, [...value].slice(0, -1).join(""));
    case "clear":
      return withValue(state, name, "");
    case "next":
      return { ...state, focus: Math.min(state.focus + 1, FIELDS.length - 1) };
    case "previous":
      return { ...state, focus: Math.max(state.focus - 1, 0) };
  }
}

function withValue(state: ConnectState, name: FieldName, value: string): ConnectState {
  return { ...state, values: { ...state.values, [name]: value } };
}
