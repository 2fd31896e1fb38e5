/** Arbitrary messages of AMQP 1.0, in every encoding that the specification has (1.6, 3.2). */
import fc from "fast-check";
import { concat } from "./amqp_wire.ts";

type Bytes = fc.Arbitrary<Uint8Array>;

const sized = (size: number): Bytes => fc.uint8Array({ minLength: size, maxLength: size });
const utf8 = (maxLength: number): Bytes =>
  fc.string({ unit: "grapheme", maxLength }).map((text) => new TextEncoder().encode(text));
const ascii = (maxLength: number): Bytes =>
  fc.string({ unit: "grapheme-ascii", maxLength }).map((text) => new TextEncoder().encode(text));

/** A constructor in front of what belongs to it. */
const coded = (code: number, content: Bytes): Bytes =>
  content.map((bytes) => concat(Uint8Array.of(code), bytes));
const lengthOf = (width: 1 | 4, value: number): Uint8Array => {
  if (width === 1) return Uint8Array.of(value);
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
};
/** Content with its length in front, of one byte or of four. */
const variable = (codes: readonly [number, number], content: Bytes): Bytes =>
  fc.tuple(content, fc.boolean()).map(([bytes, isLong]) =>
    isLong || bytes.length > 255
      ? concat(Uint8Array.of(codes[1]), lengthOf(4, bytes.length), bytes)
      : concat(Uint8Array.of(codes[0]), lengthOf(1, bytes.length), bytes)
  );

/** Constructors of primitives of a fixed size, and the size. */
const FIXED: Readonly<Record<number, number>> = {
  0x40: 0, // null
  0x41: 0, // true
  0x42: 0, // false
  0x56: 1, // boolean
  0x50: 1, // ubyte
  0x60: 2, // ushort
  0x70: 4, // uint
  0x52: 1,
  0x43: 0,
  0x80: 8, // ulong
  0x53: 1,
  0x44: 0,
  0x51: 1, // byte
  0x61: 2, // short
  0x71: 4, // int
  0x54: 1,
  0x81: 8, // long
  0x55: 1,
  0x72: 4, // float
  0x82: 8, // double
  0x74: 4, // decimal32
  0x84: 8, // decimal64
  0x94: 16, // decimal128
  0x73: 4, // char
  0x83: 8, // timestamp
  0x98: 16, // uuid
};

const primitives: Bytes[] = [
  ...Object.entries(FIXED).map(([code, size]) =>
    coded(
      Number(code),
      Number(code) === 0x56 ? fc.nat(1).map((bit) => Uint8Array.of(bit)) : sized(size),
    )
  ),
  variable([0xa0, 0xb0], fc.uint8Array({ maxLength: 300 })),
  variable([0xa1, 0xb1], utf8(40)),
  variable([0xa3, 0xb3], ascii(40)),
];

/** A compound value: its size, the number of its elements, and these. */
const compound = (codes: readonly [number, number], elements: fc.Arbitrary<Uint8Array[]>): Bytes =>
  fc.tuple(elements, fc.boolean()).map(([values, isLong]) => {
    const content = concat(...values);
    const isShort = !isLong && content.length < 254 && values.length < 256;
    const width = isShort ? 1 : 4;
    return concat(
      Uint8Array.of(codes[isShort ? 0 : 1]),
      lengthOf(width, content.length + width),
      lengthOf(width, values.length),
      content,
    );
  });

/** An array: one constructor for all of its elements. */
const arrays: Bytes = fc.constantFrom(...Object.entries(FIXED)).chain(([code, size]) =>
  compound([0xe0, 0xf0], fc.array(sized(size), { minLength: 1, maxLength: 5 })).map((bytes) => {
    // Behind size and count stands the constructor, which counts in the size.
    const isLong = bytes[0] === 0xf0;
    const at = isLong ? 9 : 3;
    const whole = concat(bytes.subarray(0, at), Uint8Array.of(Number(code)), bytes.subarray(at));
    if (isLong) new DataView(whole.buffer).setUint32(1, whole.length - 5);
    else whole[1]!++;
    return whole;
  })
);

/** Any value. */
const { value } = fc.letrec<{ value: Uint8Array }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(...primitives),
    fc.constant(Uint8Array.of(0x45)), // the empty list
    compound([0xc0, 0xd0], fc.array(tie("value"), { maxLength: 5 })),
    compound(
      [0xc1, 0xd1],
      fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 3 }).map((all) => all.flat()),
    ),
    arrays,
    fc.tuple(tie("value"), tie("value")).map((both) => concat(Uint8Array.of(0), ...both)),
  ),
}));

const section = (code: number, content: Bytes): Bytes =>
  fc.tuple(content, fc.boolean()).map(([bytes, isLong]) =>
    concat(
      isLong
        ? concat(Uint8Array.of(0, 0x80, 0, 0, 0, 0, 0, 0, 0, code))
        : Uint8Array.of(0, 0x53, code),
      bytes,
    )
  );
const map = compound(
  [0xc1, 0xd1],
  fc.array(fc.tuple(variable([0xa3, 0xb3], ascii(20)), value), { maxLength: 4 })
    .map((all) => all.flat()),
);
const list = compound([0xc0, 0xd0], fc.array(value, { maxLength: 6 }));
const optional = (bytes: Bytes): Bytes => fc.option(bytes, { nil: new Uint8Array(0), freq: 1 });

/** A message with any of the sections, its body of any of the three kinds. */
const message: Bytes = fc.tuple(
  optional(section(0x70, list)),
  optional(section(0x71, map)),
  optional(section(0x72, map)),
  optional(section(0x73, list)),
  optional(section(0x74, map)),
  fc.oneof(
    fc.array(section(0x75, variable([0xa0, 0xb0], fc.uint8Array({ maxLength: 2000 }))), {
      minLength: 1,
      maxLength: 3,
    }).map((all) => concat(...all)),
    fc.array(section(0x76, list), { minLength: 1, maxLength: 3 }).map((all) => concat(...all)),
    section(0x77, value),
  ),
  optional(section(0x78, map)),
).map((sections) => concat(...sections));

/** What may be published by the stream protocol: messages, and bytes that are none. */
export const streamMessages: Bytes = fc.oneof(
  { weight: 4, arbitrary: message },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 500 }) },
);
