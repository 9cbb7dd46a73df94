import type { TerminalSize } from '../../ffi/index.js';
import { parseSize } from './messages.js';

/** A screen is not made larger, whatever size its terminal is said to have. */
export const MAX_COLUMNS = 1000;
export const MAX_ROWS = 1000;

/** A terminal that does not tell its size is taken for one of these. */
export const USUAL_SIZE: TerminalSize = { columns: 80, rows: 24 };

/** The size of the screen for a terminal that told its own, as a message; undefined for none, and for one that is too large. */
export function toldSize(bytes: Uint8Array): TerminalSize | undefined {
  const size = parseSize(bytes);
  if (size === undefined || size.columns > MAX_COLUMNS || size.rows > MAX_ROWS) return undefined;
  return { columns: Math.max(2, size.columns), rows: size.rows };
}

/** The same of the metadata of a terminal's channel, which is foreign; undefined for a channel of anything else. */
export function announcedSize(
  userData: Readonly<Record<string, unknown>>,
): TerminalSize | undefined {
  const { kind, columns, rows } = userData;
  if (kind !== 'terminal') return undefined;
  return toldSize(Buffer.from(JSON.stringify({ columns, rows })));
}
