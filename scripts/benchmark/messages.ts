/** Bytes of one body. */
export const BODY_BYTES = 1024;

/** The properties of a message as amqplib takes them. */
export interface MixProperties {
  readonly contentType: string;
  readonly deliveryMode: 2;
  readonly headers: Readonly<Record<string, string | number>>;
}

const TENANTS = 40;
const REGIONS = ["eu-central", "eu-west", "us-east", "us-west", "ap-south"];
const CURRENCIES = ["EUR", "USD", "GBP", "CHF", "JPY"];
const WORDS =
  ("order invoice parcel pallet courier customer deposit refund voucher express standard " +
    "fragile insured tracked replaced damaged warehouse counter pickup delivery address doorbell " +
    "neighbour weekend reception signature arrival required").split(" ");

/** Properties of message `index`: three headers, persistent. */
export function propertiesOf(index: number): MixProperties {
  return {
    contentType: "application/json",
    deliveryMode: 2,
    headers: {
      tenant: `tenant-${index % TENANTS}`,
      sequence: index,
      region: REGIONS[index % REGIONS.length] ?? "",
    },
  };
}

/**
 * Writes the bodies of all messages one after the other, {@linkcode BODY_BYTES} each: made before
 * the clock runs, so that no publisher pays for making them. Same count, same bytes.
 */
export async function writeBodies(path: string, count: number): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const writer = file.writable.getWriter();
  const encoder = new TextEncoder();
  const random = new Random(1);
  for (let index = 0; index < count;) {
    const batch = Math.min(1000, count - index);
    let text = "";
    for (let made = 0; made < batch; made++) text += bodyOf(index++, random);
    await writer.write(encoder.encode(text));
  }
  await writer.close();
}

/**
 * One body: an order as JSON, in ASCII, filled up to {@linkcode BODY_BYTES} with the words of a
 * note. How well it compresses is chosen so that the earlier tool's format takes the space that was
 * measured with it, see `earlier_tool.ts`.
 */
export function bodyOf(index: number, random: Random): string {
  const order = {
    id: random.uuid(),
    number: 1_000_000 + index,
    created: new Date(1_750_000_000_000 + index * 37 + random.below(30)).toISOString(),
    customer: { id: random.below(90_000_000), tenant: `tenant-${index % TENANTS}` },
    currency: random.pick(CURRENCIES),
    lines: Array.from({ length: 2 }, () => ({
      sku: `SKU-${random.below(1_000_000).toString().padStart(6, "0")}`,
      quantity: 1 + random.below(9),
      price: random.below(50_000) / 100,
      tax: random.pick([0.07, 0.19]),
    })),
    note: "",
  };
  const bare = JSON.stringify(order);
  const room = BODY_BYTES - bare.length;
  let note = "";
  while (note.length < room) note += `${random.pick(WORDS)} `;
  return `${bare.slice(0, -2)}${note.slice(0, room)}"}`;
}

/** A small generator of pseudo-random numbers (mulberry32): same seed, same numbers. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** A whole number from 0 to `limit` - 1. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000 * limit);
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError("Cannot pick: there is no choice");
    return choice;
  }

  hex(digits: number): string {
    let text = "";
    while (text.length < digits) text += this.below(0x1_0000_0000).toString(16).padStart(8, "0");
    return text.slice(0, digits);
  }

  uuid(): string {
    return [8, 4, 4, 4, 12].map((digits) => this.hex(digits)).join("-");
  }
}
