import { Box } from "ink";
import { escapeText } from "../../../src/console/text/escape.ts";
import { formatAge, plural } from "../../../src/console/text/format.ts";
import { pad } from "../../../src/console/text/width.ts";
import type { BackupListing } from "../../../src/engine/stored/list.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { Line, type Span, span } from "../../components/line.tsx";
import type { Glyphs } from "../../theme/theme.ts";
import { type StartState, TASKS } from "./state.ts";

const TASK_WIDTH = 11;
const LABEL_WIDTH = 10;
/** Lines that are always there: two places of two, three blanks, and what can be done. */
const FIXED_ROWS = 7 + TASKS.length;

export function StartView({ state, area, now }: { state: StartState; area: Area; now: Date }) {
  const { theme, columns } = area;
  const line = { theme, columns };
  // A configuration that cannot be read is told once.
  const failures = [state.broker, state.backups].filter((answer) => answer.state === "failed")
    .filter(({ failure }, index, all) => failure.message !== all[index - 1]?.failure.message);
  const rows = Math.max(1, Math.floor((area.rows - FIXED_ROWS) / Math.max(1, failures.length)));
  return (
    <Box flexDirection="column">
      <Line {...line} spans={[]} />
      <Place
        label="Broker"
        where={state.places.source ??
          (state.places.login === undefined ? undefined : state.places.target)}
        told={brokerTold(state, area)}
        area={area}
      />
      <Place
        label="Storage"
        where={state.places.storage}
        told={storageTold(state, { area, now })}
        area={area}
      />
      <Line {...line} spans={[]} />
      {TASKS.map(({ name, title, about: usual }, index) => {
        const about = name === "configs" && state.lying !== undefined
          ? `${state.lying}, which lies in this folder`
          : usual;
        const isCursor = index === state.cursor.index;
        const sign = isCursor ? `  ${theme.glyphs.cursor} ` : "    ";
        return (
          <Box key={name} aria-role="listitem" aria-state={{ selected: isCursor }}>
            <Line
              {...line}
              spans={[
                span(sign, "accent"),
                span(pad(title, TASK_WIDTH), isCursor ? "cursor" : "strong"),
                span(`  ${about}`, "dim"),
              ]}
              spoken={`${title}: ${about}`}
            />
          </Box>
        );
      })}
      <Line {...line} spans={[]} />
      {failures.map(({ failure }, index) => (
        <FailureLines key={index} failure={failure} area={{ ...area, rows }} />
      ))}
    </Box>
  );
}

/** What is connected, and below it what it says. */
function Place(
  { label, where, told, area: { theme, columns } }: {
    label: string;
    where: string | undefined;
    told: readonly Span[];
    area: Area;
  },
) {
  const line = { theme, columns };
  return (
    <>
      <Line
        {...line}
        spans={[
          span(`  ${pad(label, LABEL_WIDTH)}`, "dim"),
          span(escapeText(where ?? ""), "strong"),
        ]}
      />
      <Line {...line} spans={[span(" ".repeat(LABEL_WIDTH + 2)), ...told]} />
    </>
  );
}

function brokerTold({ broker, places }: StartState, { theme: { glyphs } }: Area): Span[] {
  if (places.login !== undefined) {
    const unset = escapeText(places.login.variables.join(", "));
    return [span(`c asks for the password: ${unset} is not set`, "attention")];
  }
  if (broker.state === "missing" && places.target !== undefined) {
    return [span(`only a target for restores is known: ${escapeText(places.target)}`, "dim")];
  }
  if (broker.state !== "there") {
    return unansweredSpans(broker.state, {
      glyphs,
      missing: "set --config or --amqp-url",
    });
  }
  const { cluster, version, queues, messages } = broker.value;
  const figures = `${plural(queues, "queue")}, ${plural(messages, "message")}`;
  return [
    span(`${glyphs.ok} `, "good"),
    span(`RabbitMQ ${escapeText(version)}, ${figures}, cluster ${escapeText(cluster)}`, "dim"),
  ];
}

function storageTold(
  { backups }: StartState,
  { area: { theme: { glyphs } }, now }: { area: Area; now: Date },
): Span[] {
  if (backups.state !== "there") {
    return unansweredSpans(backups.state, {
      glyphs,
      missing: "set --config or --path",
    });
  }
  const { listings, isNew } = backups.value;
  if (isNew) return [span("- a folder that is not there yet: the first backup makes it", "dim")];
  const told = `${countText(listings)}${newestText(listings, now)}`;
  return [span(`${glyphs.ok} `, "good"), span(told, "dim")];
}

function unansweredSpans(
  state: "asking" | "missing" | "failed",
  { glyphs, missing }: { glyphs: Glyphs; missing: string },
): Span[] {
  switch (state) {
    case "asking":
      return [span(`asking${glyphs.ellipsis}`, "dim")];
    case "missing":
      return [span(`none is known yet: c asks for it, or ${missing}`, "attention")];
    case "failed":
      return [span(`${glyphs.failed} cannot be used`, "bad")];
  }
}

function countText(backups: readonly BackupListing[]): string {
  return backups.length === 0 ? "no backups yet" : plural(backups.length, "backup");
}

function newestText(backups: readonly BackupListing[], now: Date): string {
  const at = backups.at(-1)?.createdAt;
  if (at === undefined || at === null) return "";
  const age = formatAge((now.getTime() - at) / 1000);
  return age === "now" ? ", the last one just now" : `, the last one ${age} ago`;
}
