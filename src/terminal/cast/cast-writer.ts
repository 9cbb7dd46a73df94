import { Utf8Alignment } from '../screen/index.js';
import type { ProgramEnd } from '../stream/index.js';
import type { CastHeader } from './cast-event.js';

/** Codes of signals in the exit status of a shell: 128 and the signal's number. */
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

function statusOf({ exitCode, signal }: ProgramEnd): number {
  return exitCode ?? 128 + (SIGNAL_NUMBERS[signal ?? ''] ?? 0);
}

/**
 * An asciicast of version 3, line by line: a header, then `[seconds since the event before, code, data]`. Its text is
 * UTF-8, so that bytes which are none become U+FFFD. Times are milliseconds on any clock that does not go back.
 */
export class CastWriter {
  readonly #startMs: number;
  readonly #alignment = new Utf8Alignment(true);
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  /** The terminal's, as far as it is written. */
  #size = '';
  /** Of the event before, as it was written: what is rounded away counts for the next one. */
  #writtenMs = 0;

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  header({ columns, rows, timestamp, title }: CastHeader): string {
    this.#size = `${columns}x${rows}`;
    const header = {
      version: 3,
      term: { cols: columns, rows, type: 'xterm-256color' },
      ...(timestamp !== undefined && { timestamp: Math.trunc(timestamp) }),
      ...(title !== undefined && { title }),
    };
    return `${JSON.stringify(header)}\n`;
  }

  /** The line of what a program wrote, cut anywhere; empty while it is less than a character. */
  output(bytes: Uint8Array, nowMs: number): string {
    return this.#text(this.#alignment.push(bytes), nowMs);
  }

  /** Empty for the size that it has: a channel tells it again to each new reader. */
  size(columns: number, rows: number, nowMs: number): string {
    const size = `${columns}x${rows}`;
    if (size === this.#size) return '';
    this.#size = size;
    return this.#event('r', size, nowMs);
  }

  /** The program ended. */
  exit(end: ProgramEnd, nowMs: number): string {
    return this.finish(nowMs) + this.#event('x', String(statusOf(end)), nowMs);
  }

  /** What was held back of a character that will not be completed. */
  finish(nowMs: number): string {
    return this.#text(this.#alignment.end(), nowMs);
  }

  #text(data: Uint8Array | string, nowMs: number): string {
    const text = typeof data === 'string' ? data : this.#decoder.decode(data);
    return text === '' ? '' : this.#event('o', text, nowMs);
  }

  #event(code: string, data: string, nowMs: number): string {
    const timeMs = Math.max(this.#writtenMs, Math.round(nowMs - this.#startMs));
    const seconds = ((timeMs - this.#writtenMs) / 1000).toFixed(3);
    this.#writtenMs = timeMs;
    return `[${seconds}, "${code}", ${JSON.stringify(data)}]\n`;
  }
}
