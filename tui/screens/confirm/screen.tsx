import type { Screen } from "../../app/screen.ts";
import { Store } from "../../app/store.ts";
import { CONFIRM_KEYS, type ConfirmCommand } from "./keys.ts";
import { reduceConfirm, UNANSWERED } from "./state.ts";
import { ConfirmView } from "./view.tsx";

/** What is asked, and what either answer does. */
export interface Confirmation {
  /** The name that has to be typed. */
  readonly target: string;
  readonly lines: readonly string[];
  /** What the button says that does it. */
  readonly button: string;
  commandLine(): string;
  cancel(): void;
  confirm(): void;
}

/** The last question before something is written: the name of the target has to be typed. */
export function openConfirm(question: Confirmation): Screen {
  const store = new Store(reduceConfirm, UNANSWERED);
  return {
    title: "Confirm",
    keys: () => CONFIRM_KEYS,
    typing: { text: (text) => store.dispatch({ type: "type", text }) },
    press(command) {
      const known = command as ConfirmCommand;
      if (known === "cancel") return question.cancel();
      if (known === "press") return answer();
      store.dispatch({ type: known });
    },
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => (
      <ConfirmView
        state={store.state}
        target={question.target}
        lines={question.lines}
        button={question.button}
        area={area}
      />
    ),
    commandLine: question.commandLine,
  };

  function answer(): void {
    const { focus, isTyping } = store.state;
    const typed = store.state.typed.trim();
    const isRight = typed === question.target;
    if (focus === "cancel") {
      // In the name, Enter ends the name; only on the button it presses that.
      if (!isTyping || typed === "") return question.cancel();
      return store.dispatch({ type: isRight ? "toConfirm" : "wrong" });
    }
    if (isRight) return question.confirm();
    store.dispatch({ type: "wrong" });
  }
}
