import { parseEnd, parseSize, TERMINAL_TYPE, type TerminalMessage } from '../stream/index.js';
import type { CastWriter } from './cast-writer.js';

/** A message of a terminal as a line of its recording; empty for attention, which is no part of one, and for nonsense. */
export function terminalLine(
  writer: CastWriter,
  { type, bytes }: TerminalMessage,
  timeMs: number,
): string {
  if (type === TERMINAL_TYPE.output) return writer.output(bytes, timeMs);
  if (type === TERMINAL_TYPE.size) {
    const size = parseSize(bytes);
    return size === undefined ? '' : writer.size(size.columns, size.rows, timeMs);
  }
  const end = type === TERMINAL_TYPE.exit ? parseEnd(bytes) : undefined;
  return end === undefined ? '' : writer.exit(end, timeMs);
}
