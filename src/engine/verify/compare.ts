/** How what a queue holds differs from what it should. */
export interface Comparison {
  readonly expected: number;
  readonly actual: number;
  /** `other`: as many, but not the same ones; `order`: the same ones in another order. */
  readonly result: "same" | "missing" | "extra" | "other" | "order";
  /** Place of the first message that is not the expected one, from 0; where order is compared. */
  readonly firstDifference?: number;
}

/**
 * Compares two sequences of digests, in memory that does not depend on their lengths: place by place,
 * and as sets by the sums of their digests.
 *
 * @param isOrdered whether the order has to be the same, too
 */
export async function compareDigests(
  expected: AsyncIterable<Uint8Array>,
  actual: AsyncIterable<Uint8Array>,
  { isOrdered }: { isOrdered: boolean },
): Promise<Comparison> {
  const wanted = new Sum();
  const found = new Sum();
  const left = expected[Symbol.asyncIterator]();
  const right = actual[Symbol.asyncIterator]();
  let firstDifference: number | undefined;
  try {
    for (let place = 0;; place++) {
      const [one, other] = [await left.next(), await right.next()];
      if (one.done && other.done) break;
      const first = one.done ? undefined : wanted.add(one.value);
      if (first !== (other.done ? undefined : found.add(other.value))) firstDifference ??= place;
    }
  } finally {
    await Promise.all([left.return?.(), right.return?.()]);
  }
  const isSameSet = wanted.count === found.count && wanted.value === found.value;
  return {
    expected: wanted.count,
    actual: found.count,
    result: resultOf({
      wanted,
      found,
      isSameSet,
      isInOrder: firstDifference === undefined || !isOrdered,
    }),
    ...(isOrdered && firstDifference !== undefined ? { firstDifference } : {}),
  };
}

function resultOf(
  { wanted, found, isSameSet, isInOrder }: {
    wanted: Sum;
    found: Sum;
    isSameSet: boolean;
    isInOrder: boolean;
  },
): Comparison["result"] {
  if (found.count < wanted.count) return "missing";
  if (found.count > wanted.count) return "extra";
  if (!isSameSet) return "other";
  return isInOrder ? "same" : "order";
}

/** The number of digests, and their sum as numbers of 128 bits. */
class Sum {
  count = 0;
  value = 0n;

  /** Returns the number of the digest. */
  add(digest: Uint8Array): bigint {
    const view = new DataView(digest.buffer, digest.byteOffset, digest.byteLength);
    const number = (view.getBigUint64(0) << 64n) | view.getBigUint64(8);
    this.count++;
    this.value = BigInt.asUintN(128, this.value + number);
    return number;
  }
}
