const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 2 ** 10,
  kib: 2 ** 10,
  m: 2 ** 20,
  mib: 2 ** 20,
  g: 2 ** 30,
  gib: 2 ** 30,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
};
const SIZE = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/;

/** Reads `134217728`, `128MiB`, `128M` (binary) or `128MB` (decimal); `undefined` when it is none. */
export function parseByteSize(size: string): number | undefined {
  const match = SIZE.exec(size.trim());
  const unit = UNITS[match?.[2]?.toLowerCase() ?? "?"];
  return unit === undefined ? undefined : Math.round(Number(match![1]) * unit);
}
