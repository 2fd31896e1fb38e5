import type { Binding, MoveCommand } from "../../app/keys.ts";
import type { Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { scrolledTop } from "../../components/text_lines.tsx";
import { REPORT_KEYS, type ReportCommand } from "./keys.ts";
import { NOT_TOLD, reduceReport } from "./state.ts";
import { ReportView } from "./view.tsx";

/** Something to be asked for, that is told in lines. */
export interface Report {
  readonly title: string;
  /** What is seen until it has come: "Comparing". */
  readonly asking: string;
  readonly commandLine: string;
  ask(signal: AbortSignal): Promise<readonly string[]>;
  /** What can be done with it, once it is there; undefined where nothing can. */
  next?(): { readonly binding: Binding<"next">; go(): void } | undefined;
}

/** Asks, and shows what came of it. */
export function openReport(session: Session, report: Report): Screen {
  const store = new Store(reduceReport, NOT_TOLD);
  let left = new AbortController().signal;
  const next = () => store.state.lines === undefined ? undefined : report.next?.();
  return {
    title: report.title,
    keys() {
      const binding = next()?.binding;
      return binding === undefined ? REPORT_KEYS : [binding, ...REPORT_KEYS];
    },
    press(command, area) {
      const known = command as ReportCommand;
      if (known === "next") return next()?.go();
      if (known === "again") return void ask();
      const { top, lines = [] } = store.state;
      const scrolled = scrolledTop(top, known as MoveCommand, { lines, area });
      store.dispatch({ type: "scroll", top: scrolled });
    },
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <ReportView state={store.state} area={area} asking={report.asking} />,
    commandLine: () => report.commandLine,
    open(signal) {
      left = signal;
      void ask();
    },
  };

  async function ask(): Promise<void> {
    store.dispatch({ type: "asking" });
    try {
      store.dispatch({ type: "told", lines: await report.ask(left) });
    } catch (error) {
      if (!left.aborted) store.dispatch({ type: "failed", failure: session.failure(error) });
    }
  }
}
