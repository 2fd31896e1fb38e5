import type { ManagementClient } from "../broker/management/client.ts";
import { AppError } from "../errors.ts";
import { type Definitions, objectsOf, VHOST_KINDS } from "./document.ts";
import { partsOf, partText, type Placed, placed } from "./parts.ts";

/** An object that the broker refused. */
export interface Refusal extends Placed {
  /** The broker's words. */
  readonly reason: string;
}

/** Options of {@linkcode sendDefinitions}. */
export interface SendOptions {
  /** Of objects that name none; they are then all of this one. */
  vhost?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** Well below what the brokers take in one request. */
const PART_BYTES = 4 * 1024 * 1024;

/** So many refusals are no slip of single objects. */
const MAX_REFUSALS = 100;

/**
 * Hands definitions to the broker in parts. A broker that refuses one object of a request does not
 * look at those behind it, so the request is halved until what is refused stands alone, and all
 * else is there.
 *
 * @throws AppError `failed` when more than 100 objects are refused (what the broker took stays);
 * `broker_denied`, `broker_missing`, `broker_unreachable`
 */
export async function sendDefinitions(
  client: ManagementClient,
  definitions: Definitions,
  { vhost, signal }: SendOptions,
): Promise<Refusal[]> {
  const named = vhost === undefined || client.isAddressable(vhost);
  const whole = named ? definitions : withVhost(definitions, vhost);
  const refusals: Refusal[] = [];
  const send = async (objects: readonly Placed[]): Promise<void> => {
    signal?.throwIfAborted();
    try {
      await client.putDefinitions(partText(whole, objects), {
        vhost: named ? vhost : undefined,
        signal,
      });
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "failed") throw error;
      if (objects.length > 1) {
        const half = Math.ceil(objects.length / 2);
        await send(objects.slice(0, half));
        return await send(objects.slice(half));
      }
      if (refusals.length >= MAX_REFUSALS) throw tooMany(error);
      refusals.push({ ...objects[0]!, reason: brokersWords(error) });
    }
  };
  for (const part of partsOf(placed(whole), PART_BYTES)) await send(part);
  return refusals;
}

function tooMany(cause: AppError): AppError {
  return new AppError(
    "failed",
    `${cause.message} (and more than ${MAX_REFUSALS} objects before it)`,
    {
      hint: "What the broker took stays. Correct the file and run this again: what is there " +
        "already is left alone",
      cause,
    },
  );
}

/** What the broker said, without what was tried where. */
function brokersWords({ message }: AppError): string {
  return message.replace(/^.*?: the broker answers \d+(, )?/s, "").replace(/\s+/g, " ").trim();
}

/** The objects of a single vhost with its name, as the definitions of a whole broker have them. */
function withVhost(wanted: Definitions, vhost: string): Definitions {
  const entries = VHOST_KINDS.map((kind) => [
    kind,
    objectsOf(wanted, kind).map((object) => ({ ...object, vhost })),
  ]);
  return Object.fromEntries(entries) as Definitions;
}
