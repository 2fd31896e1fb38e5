import { z } from "zod";
import { TRANSFORMATION_NAMES } from "../transformations.ts";
import { patterns, text } from "./values.ts";

/** A list, or names with commas between them, as rabbitmqadmin takes them. */
const transformations = () =>
  z.union([z.array(text()), text()], { error: "expected a list of transformations" })
    .transform((names) => [names].flat().flatMap((name) => name.split(",")))
    .transform((names) => names.map((name) => name.trim()).filter((name) => name !== ""))
    .pipe(z.array(z.enum(TRANSFORMATION_NAMES)));

const RENAMES = "expected old names with new ones, as old: new or as texts old=new";

const renames = () =>
  z.union([z.record(text(), text()), z.array(text()), text()], { error: RENAMES })
    .transform((names, context) => {
      if (typeof names === "object" && !Array.isArray(names)) return names;
      const pairs = [names].flat().map((pair) => /^(.+?)=(.+)$/s.exec(pair)?.slice(1));
      if (pairs.every((pair) => pair !== undefined)) return Object.fromEntries(pairs);
      context.issues.push({ code: "custom", message: RENAMES, input: names });
      return z.NEVER;
    });

/** Which definitions, and what is done to them; `backup` and `restore` have these keys. */
export const definitionsKeys = {
  definitions_selection: z.strictObject({
    vhosts: patterns().prefault([]).describe(
      "Virtual hosts, names or patterns. Alone: all that is in them. With queues or exchanges: where " +
        "these are.",
    ),
    queues: patterns().prefault([]).describe(
      "Queues, with the exchanges and bindings through which messages reach them.",
    ),
    exchanges: patterns().prefault([]).describe(
      "Exchanges, with the bindings whose both ends are selected.",
    ),
    users: z.boolean().default(false).describe(
      "With vhosts alone: the users that have permissions in them, too.",
    ),
  }).prefault({}).describe("Which definitions. Default: all."),
  definitions_transformations: transformations().prefault([])
    .describe("What is done to them, in this order; the names are rabbitmqadmin's."),
  definitions_rename_vhosts: renames().prefault({}).describe("Other names for virtual hosts."),
};
