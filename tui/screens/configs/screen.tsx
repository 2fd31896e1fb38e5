import type { MoveCommand } from "../../app/keys.ts";
import type { Screen } from "../../app/screen.ts";
import type { Session } from "../../app/session.ts";
import { Store } from "../../app/store.ts";
import { TABLE_HEAD } from "../../components/table.tsx";
import { CONFIGS_KEYS, type ConfigsCommand } from "./keys.ts";
import { NO_CONFIGS, reduceConfigs } from "./state.ts";
import { ConfigsView } from "./view.tsx";

/** The configurations that were used before, of which one can be gone by. */
export function openConfigs(session: Session): Screen {
  const store = new Store(reduceConfigs, NO_CONFIGS);
  return {
    title: "Configurations",
    keys: () => CONFIGS_KEYS,
    press(command, area) {
      const known = command as ConfigsCommand;
      if (known === "use") return use();
      if (known === "forget") return void forget();
      const page = area.rows - TABLE_HEAD;
      store.dispatch({ type: "move", command: known as MoveCommand, page });
    },
    subscribe: (listener) => store.subscribe(listener),
    render: (area) => <ConfigsView state={store.state} area={area} now={session.call.now()} />,
    open: () => void list(),
  };

  async function list(): Promise<void> {
    store.dispatch({ type: "listed", configs: await session.recent.list() });
  }

  async function forget(): Promise<void> {
    const { configs, cursor } = store.state;
    const path = configs?.[cursor.index]?.path;
    if (path === undefined) return;
    await session.recent.forget(path);
    await list();
  }

  function use(): void {
    const { configs, cursor } = store.state;
    const path = configs?.[cursor.index]?.path;
    if (path === undefined) return;
    session.useConfig(path);
    session.navigator.back();
  }
}
