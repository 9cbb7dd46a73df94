/**
 * The log of an agent on disk: what its terminal got, byte for byte, in segments named after the sequence of their first
 * byte, and beside each the times.
 *
 * ```
 * STATE/SESSION/AGENT/000000000000000.log     bytes as they were written
 * STATE/SESSION/AGENT/000000000000000.times   24 bytes each, little-endian:
 *                                             f64 sequence | f64 ms since the epoch | u32 what | u32 value
 * what   0 output: the bytes from this sequence on came then    1 size: columns << 16 | rows
 *        2 start of a program   3 its end: exit code, or 256 + number of the signal
 * ```
 *
 * A sequence is the offset of a byte since the first one ever logged under this name; it goes on over restarts of
 * programs and of the host. Only whole segments are removed, the oldest first.
 */
import { closeSync, mkdirSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface LogSegment {
  /** Sequence of its first byte. */
  readonly start: number;
  readonly byteLength: number;
  readonly path: string;
  readonly timesPath: string;
}

export const LOG_EVENT = { output: 0, size: 1, start: 2, end: 3 } as const;
export type LogEventKind = (typeof LOG_EVENT)[keyof typeof LOG_EVENT];

export const TIMES_RECORD_BYTES = 24;
const NAME = /^(\d{15})\.log$/;

export function segmentPaths(
  directory: string,
  start: number,
): { path: string; timesPath: string } {
  const stem = join(directory, String(start).padStart(15, '0'));
  return { path: `${stem}.log`, timesPath: `${stem}.times` };
}

/** In order. A directory that is not there has none. */
export function listSegments(directory: string): LogSegment[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const starts = names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number);
  return starts
    .sort((a, b) => a - b)
    .flatMap((start) => {
      const paths = segmentPaths(directory, start);
      const found = statSync(paths.path, { throwIfNoEntry: false });
      return found === undefined ? [] : [{ start, byteLength: found.size, ...paths }];
    });
}

export function makeLogDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
}

export function encodeTimesRecord(
  sequence: number,
  timeMs: number,
  what: LogEventKind,
  value: number,
): Uint8Array {
  const record = Buffer.alloc(TIMES_RECORD_BYTES);
  record.writeDoubleLE(sequence, 0);
  record.writeDoubleLE(timeMs, 8);
  record.writeUInt32LE(what, 16);
  record.writeUInt32LE(value >>> 0, 20);
  return record;
}

/** What a log still holds of `[from, to)`. */
export interface LogPiece {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** The next piece from `from` on, of at most `maxBytes`; undefined when the log has no more. It begins later than `from`
 * where that was removed. */
export function readLogPiece(
  directory: string,
  from: number,
  maxBytes: number,
): LogPiece | undefined {
  for (const { start, byteLength, path } of listSegments(directory)) {
    if (start + byteLength <= from) continue;
    const sequence = Math.max(from, start);
    const most = Math.min(maxBytes, start + byteLength - sequence);
    const bytes = readAt(path, sequence - start, most);
    if (bytes.byteLength > 0) return { sequence, bytes };
  }
  return undefined;
}

/** Nothing of a segment that was removed after it was listed. */
function readAt(path: string, offset: number, most: number): Uint8Array {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return new Uint8Array(0);
  }
  try {
    const bytes = Buffer.alloc(most);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, most, offset));
  } finally {
    closeSync(descriptor);
  }
}
