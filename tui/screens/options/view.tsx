import { Box } from "ink";
import { escapeText } from "../../../src/console/text/escape.ts";
import type { Area } from "../../app/screen.ts";
import { FailureLines } from "../../components/failure.tsx";
import { Line, type Span, span } from "../../components/line.tsx";
import { Paragraphs } from "../../components/paragraphs.tsx";
import { currentRow } from "../../components/picker.ts";
import { pageOf } from "../../components/picker_keys.ts";
import { pickerStatus } from "../../components/picker_status.tsx";
import { Table, TABLE_HEAD } from "../../components/table.tsx";
import type { TableColumn } from "../../components/table_layout.ts";
import { caretOf } from "../../components/text_field.ts";
import type { OptionRow, OptionsState } from "./state.ts";

const STATUS_ROWS = 1;
/** Below the list: the flag and its value, what it is, what is wrong. */
const VALUE_ROWS = 1;
const ABOUT_ROWS = 2;
const FAILURE_ROWS = 2;

/** Lines of options that there is room for. */
export function optionsPage(area: Area): number {
  return pageOf(area, STATUS_ROWS + VALUE_ROWS + ABOUT_ROWS + FAILURE_ROWS + TABLE_HEAD);
}

export function OptionsView({ state, area }: { state: OptionsState; area: Area }) {
  const { theme, columns } = area;
  const line = { theme, columns };
  const { picker, failure } = state;
  const row = currentRow(picker);
  return (
    <Box flexDirection="column">
      <Line {...line} spans={pickerStatus(picker, { noun: "option", theme, canMark: false })} />
      <Table
        rows={picker.shown}
        columns={columnsOf(state)}
        cursor={picker.cursor}
        area={{ ...area, rows: optionsPage(area) + TABLE_HEAD }}
      />
      <Line {...line} spans={row === undefined ? [] : valueSpans(row, state, area)} />
      <Paragraphs
        parts={row === undefined ? [] : [span(aboutText(row))]}
        area={{ ...area, rows: ABOUT_ROWS }}
        indent={2}
      />
      {failure !== undefined && (
        <FailureLines failure={failure} area={{ ...area, rows: FAILURE_ROWS }} />
      )}
    </Box>
  );
}

function valueSpans({ setting }: OptionRow, { typed }: OptionsState, { theme }: Area): Span[] {
  return [
    span(`  ${setting.flags}`, "strong"),
    ...typed === undefined
      ? []
      : [span(`  ${escapeText(typed)}`, "accent"), span(caretOf(theme), "accent")],
  ];
}

function aboutText({ setting: { help, list } }: OptionRow): string {
  return list ? `${help}; several: with commas between them` : help;
}

function columnsOf({ values }: OptionsState): TableColumn<OptionRow>[] {
  return [
    { title: "OPTION", width: 26, cell: ({ key }) => span(key) },
    {
      title: "VALUE",
      width: "fill",
      cell: ({ key, setting }) => {
        const value = values[key];
        if (value === undefined) return span("as configured", "dim");
        const isOff = setting.flags.includes("--no-");
        return span(value === true ? isOff ? "off" : "on" : escapeText(value), "accent");
      },
    },
    { title: "ABOUT", width: 28, rank: 1, cell: ({ group }) => span(group, "dim") },
  ];
}
