/** Numbers as people read them in a table. */

const DECIMAL_PREFIXES = ['', 'k', 'M', 'G', 'T', 'P'] as const;

function scaled(value: number): { readonly digits: string; readonly prefix: string } {
  let step = 0;
  let rest = value;
  // 999.5 would be shown as 1000.
  while (rest >= 999.5 && step < DECIMAL_PREFIXES.length - 1) {
    rest /= 1000;
    step += 1;
  }
  const digits = step > 0 && rest < 9.95 ? rest.toFixed(1) : rest.toFixed(0);
  return { digits, prefix: DECIMAL_PREFIXES[step] ?? '' };
}

/** `0`, `840 B`, `1.2 kB`, `311 MB`. */
export function formatBytes(byteLength: number): string {
  if (byteLength === 0) return '0';
  const { digits, prefix } = scaled(byteLength);
  return `${digits} ${prefix}B`;
}

/** `0`, `25.0`, `980`, `1.2M`. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return '0';
  if (perSecond < 99.95) return perSecond.toFixed(1);
  return formatCount(perSecond);
}

/** `12`, `9999`, `12k`, `1.2M`. */
export function formatCount(count: number): string {
  if (count < 9999.5) return count.toFixed(0);
  const { digits, prefix } = scaled(count);
  return `${digits}${prefix}`;
}

/** `41 s`, `3 m`, `3 h 12 m`, `2 d 4 h`. */
export function formatDuration(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} m`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `1 channel`, `2 channels`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : noun.endsWith('s') ? 'es' : 's'}`;
}
