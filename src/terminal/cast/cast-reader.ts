import { MAX_TERMINAL_CELLS } from '../../ffi/index.js';
import { printable, SluiceError } from '../../core/index.js';
import type { CastEvent, CastHeader } from './cast-event.js';

/** A longer line is refused: no recorder writes so much at once. */
export const MAX_CAST_LINE_LENGTH = 16 * 1024 * 1024;

/** A year: a time that is further away is a mistake. */
const MAX_SECONDS = 366 * 24 * 3600;

/** The year 5138: what is more has another unit. */
const MAX_TIMESTAMP_S = 1e11;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

/** Seconds since 1970, and no other unit: what is added to them is milliseconds. */
function isTimestamp(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_TIMESTAMP_S;
}

function isSize(columns: unknown, rows: unknown): boolean {
  return (
    Number.isInteger(columns) &&
    Number.isInteger(rows) &&
    (columns as number) >= 1 &&
    (rows as number) >= 1 &&
    (columns as number) * (rows as number) <= MAX_TERMINAL_CELLS
  );
}

/** Reads an asciicast of version 2 or 3, a line at a time. Other kinds of events are passed over, comments too. */
export class CastReader {
  readonly #path: string;
  #version = 0;
  #lineNumber = 0;
  #timeMs = 0;
  #header: CastHeader | undefined;

  /** `path`: for messages. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Known after the first line. */
  get header(): CastHeader | undefined {
    return this.#header;
  }

  /** The event of a line without its end, if it is one. Throws `FORMAT_MISMATCH` for what no recorder writes. */
  read(line: string): CastEvent | undefined {
    this.#lineNumber += 1;
    if (line.length > MAX_CAST_LINE_LENGTH)
      throw this.#wrong(`a line of ${line.length} characters`);
    if (this.#header === undefined) {
      this.#header = this.#readHeader(line);
      return undefined;
    }
    if (line.trim() === '' || line.startsWith('#')) return undefined;
    const event = parseJson(line);
    if (!Array.isArray(event) || event.length < 3) throw this.#wrong(line);
    const [seconds, code, data] = event as readonly unknown[];
    if (typeof seconds !== 'number' || !(seconds >= 0 && seconds <= MAX_SECONDS)) {
      throw this.#wrong(line);
    }
    if (typeof code !== 'string' || typeof data !== 'string') throw this.#wrong(line);
    const timeMs = this.#version === 2 ? seconds * 1000 : this.#timeMs + seconds * 1000;
    this.#timeMs = Math.max(this.#timeMs, timeMs);
    return this.#event(code, data, line);
  }

  #event(code: string, data: string, line: string): CastEvent | undefined {
    const timeMs = this.#timeMs;
    if (code === 'o') return { type: 'output', timeMs, text: data };
    if (code === 'r') {
      const [columns, rows] = (/^(\d{1,5})x(\d{1,5})$/.exec(data) ?? []).slice(1).map(Number);
      if (!isSize(columns, rows)) throw this.#wrong(line);
      return { type: 'size', timeMs, columns: columns as number, rows: rows as number };
    }
    if (code === 'x') {
      if (!/^\d{1,3}$/.test(data)) throw this.#wrong(line);
      return { type: 'exit', timeMs, end: { exitCode: Number(data) } };
    }
    return undefined;
  }

  #readHeader(line: string): CastHeader {
    const header = parseJson(line);
    if (!isRecord(header)) throw this.#wrong(line);
    const { version, timestamp, title } = header;
    const term = version === 3 && isRecord(header['term']) ? header['term'] : {};
    const columns = version === 2 ? header['width'] : term['cols'];
    const rows = version === 2 ? header['height'] : term['rows'];
    if (!isSize(columns, rows)) throw this.#wrong(line);
    this.#version = version as number;
    return {
      columns: columns as number,
      rows: rows as number,
      ...(isTimestamp(timestamp) && { timestamp }),
      ...(typeof title === 'string' && { title }),
    };
  }

  #wrong(line: string): SluiceError {
    const found = printable(line, 80);
    const place = `${printable(this.#path)}, line ${this.#lineNumber}`;
    return new SluiceError(
      'FORMAT_MISMATCH',
      `${place} is no asciicast of version 2 or 3: found ${found}; record it again, or cut the file before this line`,
      { details: { path: this.#path, line: this.#lineNumber } },
    );
  }
}
