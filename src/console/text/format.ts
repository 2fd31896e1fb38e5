/** `1,234,567`. */
export function formatCount(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 message`, `2 messages`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** `0 B`, `1.5 KiB`, `128 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const shown = unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1);
  return `${shown} ${UNITS[unit]}`;
}

/** `0.3 s`, `12 s`, `4 min 05 s`, `2 h 03 min`, `3 d 04 h`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const two = (value: number) => String(value).padStart(2, "0");
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

/** A time in one unit, for columns: `now`, `5 min`, `3 h`, `12 d`. */
export function formatAge(seconds: number): string {
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `2025-03-04 05:06:07 UTC`. */
export function formatTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** `1,700/s`, or `0.4/s` for what is slow. */
export function formatRate(perSecond: number): string {
  return `${perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : formatCount(perSecond)}/s`;
}

/** `0 %` to `100 %`; 100 only when all is done. */
export function formatPercent(fraction: number): string {
  const percent = Math.min(100, Math.max(0, fraction * 100));
  return `${fraction < 1 ? Math.min(99, Math.floor(percent)) : 100} %`;
}
