import { type FileHandle, open, unlink } from 'node:fs/promises';
import { constants } from 'node:os';
import { SluiceError } from '../../core/index.js';
import type { TerminalSize } from '../../ffi/index.js';
import type { ProgramEnd } from '../stream/index.js';
import {
  encodeTimesRecord,
  listSegments,
  LOG_EVENT,
  type LogEventKind,
  type LogSegment,
  makeLogDirectory,
  segmentPaths,
  TIMES_RECORD_BYTES,
} from './log-files.js';

export const DEFAULT_MAX_LOG_BYTES = 256 << 20;
export const MIN_LOG_BYTES = 1 << 20;
/** The bound is kept by removing whole segments, so that at least 7/8 of it are there. */
const SEGMENTS = 8;
/** What waits for the disk: above the first the agent is not read, below the second it is read again. */
const HIGH_WATER_BYTES = 4 << 20;
const LOW_WATER_BYTES = 1 << 20;
const RETRY_MS = 1000;

export interface AgentLogOptions {
  readonly directory: string;
  readonly maxBytes: number;
  /** The log takes no more for the moment, or does again. */
  onPressure(pressed: boolean): void;
  /** In words: the disk is full, it is well again, so much was removed. */
  onNotice(text: string): void;
  /** Bytes up to this sequence can be read. */
  onWritten?(): void;
  readonly now?: () => number;
}

interface Pending {
  readonly bytes: Uint8Array;
  readonly times: Uint8Array;
}

/**
 * Writes the log of one agent, in order and without holding the event loop up. **A full disk loses nothing**: what
 * could not be written stays in memory, the agent is no longer read (its terminal fills, and it waits), the reason is
 * told, and writing is tried again every second.
 */
export class AgentLog {
  readonly directory: string;
  readonly #options: AgentLogOptions;
  readonly #segments: LogSegment[];
  readonly #segmentBytes: number;
  readonly #now: () => number;
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #sequence: number;
  #written: number;
  #log: FileHandle | undefined;
  #times: FileHandle | undefined;
  #current: { start: number; byteLength: number } | undefined;
  #pressed = false;
  #problem = '';
  #working: Promise<void> | undefined;
  #closing = false;
  #retry: (() => void) | undefined;

  /** Goes on where the segments on disk end. Throws `SYSTEM` when the directory cannot be made or read. */
  constructor(options: AgentLogOptions) {
    this.#options = options;
    this.directory = options.directory;
    this.#now = options.now ?? Date.now;
    this.#segmentBytes = Math.ceil(options.maxBytes / SEGMENTS);
    try {
      makeLogDirectory(options.directory);
      this.#segments = listSegments(options.directory);
    } catch (error) {
      throw logFailure(options.directory, error);
    }
    const last = this.#segments.at(-1);
    this.#sequence = last === undefined ? 0 : last.start + last.byteLength;
    this.#written = this.#sequence;
  }

  /** Of the next byte. */
  get sequence(): number {
    return this.#sequence;
  }

  /** Of the first byte that was not removed. */
  get firstSequence(): number {
    return this.#segments[0]?.start ?? this.#sequence;
  }

  /** Bytes before this sequence are in the files. */
  get writtenSequence(): number {
    return this.#written;
  }

  /** It takes nothing any more. */
  get closed(): boolean {
    return this.#closing;
  }

  /** Why nothing can be written at the moment; empty when all is well. */
  get problem(): string {
    return this.#problem;
  }

  /** Takes a copy; nothing once it is closed, as all that follows. */
  append(bytes: Uint8Array): void {
    if (this.#closing) return;
    this.#push(bytes.slice(), LOG_EVENT.output, 0);
    this.#sequence += bytes.byteLength;
  }

  noteSize({ columns, rows }: TerminalSize): void {
    this.#push(NOTHING, LOG_EVENT.size, (columns << 16) | rows);
  }

  noteStart(): void {
    this.#push(NOTHING, LOG_EVENT.start, 0);
  }

  noteEnd({ exitCode, signal }: ProgramEnd): void {
    const number = signal === undefined ? 0 : (constants.signals[signal as NodeJS.Signals] ?? 0);
    this.#push(NOTHING, LOG_EVENT.end, signal === undefined ? (exitCode ?? 0) : 256 + number);
  }

  /** Writes what waits, as far as the disk takes it, and closes the files. Resolves with the bytes that were lost. */
  async close(): Promise<number> {
    this.#closing = true;
    this.#retry?.();
    await this.#working;
    await this.#closeFiles();
    return this.#pendingBytes;
  }

  #push(bytes: Uint8Array, what: LogEventKind, value: number): void {
    // Its files would be opened again, and closed by nobody.
    if (this.#closing) return;
    const times = encodeTimesRecord(this.#sequence, this.#now(), what, value);
    this.#pending.push({ bytes, times });
    this.#pendingBytes += bytes.byteLength;
    if (!this.#pressed && this.#pendingBytes > HIGH_WATER_BYTES) this.#press(true);
    this.#working ??= this.#work();
  }

  #press(pressed: boolean): void {
    this.#pressed = pressed;
    this.#options.onPressure(pressed);
  }

  async #work(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#takeBatch();
      const rest = await this.#write(batch);
      if (rest.length > 0) {
        this.#pending = [...rest, ...this.#pending];
        // At the end nobody waits for a disk that is full.
        if (this.#closing) break;
        await this.#pause();
      }
      if (this.#pressed && this.#pendingBytes < LOW_WATER_BYTES && this.#problem === '') {
        this.#press(false);
      }
    }
    // In the turn in which it was seen that nothing is left: what comes next begins to work anew.
    this.#working = undefined;
  }

  /** No more than the segment has room for, or a piece at least: whole segments go, and should not be the whole log. */
  #takeBatch(): Pending[] {
    const { byteLength = 0 } = this.#current ?? {};
    let room = this.#segmentBytes - (byteLength < this.#segmentBytes ? byteLength : 0);
    let count = 0;
    for (const { bytes } of this.#pending) {
      room -= bytes.byteLength;
      if (count > 0 && room < 0) break;
      count += 1;
    }
    return this.#pending.splice(0, count);
  }

  /** What is left of the batch when the disk took no more. */
  async #write(batch: Pending[]): Promise<Pending[]> {
    const bytes = Buffer.concat(batch.map((piece) => piece.bytes));
    let taken = 0;
    try {
      const { log, times } = await this.#files();
      await writeWhole(times, Buffer.concat(batch.map((piece) => piece.times)), () => undefined);
      await writeWhole(log, bytes, (count) => (taken += count));
      if (this.#problem !== '') this.#options.onNotice('the log can be written again');
      this.#problem = '';
    } catch (error) {
      this.#tell(error);
    }
    this.#took(taken);
    if (this.#problem !== '') await this.#closeFiles().catch(() => undefined);
    if (this.#problem === '') return [];
    // Its times may stand twice in their file then: a reader takes the first of equal sequences.
    return restOf(batch, taken);
  }

  #took(count: number): void {
    this.#pendingBytes -= count;
    this.#written += count;
    if (this.#current !== undefined) this.#current.byteLength += count;
    const last = this.#segments.at(-1);
    if (last !== undefined) {
      this.#segments[this.#segments.length - 1] = { ...last, byteLength: last.byteLength + count };
    }
    if (count > 0) this.#options.onWritten?.();
  }

  async #files(): Promise<{ log: FileHandle; times: FileHandle }> {
    if (this.#current !== undefined && this.#current.byteLength >= this.#segmentBytes) {
      await this.#closeFiles();
    }
    if (this.#log === undefined || this.#times === undefined) {
      const start = this.#written;
      const paths = segmentPaths(this.directory, start);
      // Somebody may have cleared it away: the bytes that are there now go on.
      makeLogDirectory(this.directory);
      this.#times = await open(paths.timesPath, 'a', 0o600);
      // A disk that filled up in the middle of a record left a part of it.
      const { size } = await this.#times.stat();
      await this.#times.truncate(size - (size % TIMES_RECORD_BYTES));
      this.#log = await open(paths.path, 'a', 0o600);
      this.#current = { start, byteLength: 0 };
      if (this.#segments.at(-1)?.start !== start) {
        this.#segments.push({ start, byteLength: 0, ...paths });
      }
      await this.#removeOldest();
    }
    return { log: this.#log, times: this.#times };
  }

  async #removeOldest(): Promise<void> {
    const limit = this.#options.maxBytes - this.#segmentBytes;
    const total = (): number => this.#segments.reduce((sum, { byteLength }) => sum + byteLength, 0);
    while (this.#segments.length > 1 && total() > limit) {
      const { start, byteLength, path, timesPath } = this.#segments[0] as LogSegment;
      await removed(path);
      await removed(timesPath).catch(() => undefined);
      this.#segments.shift();
      const what = `bytes ${start} to ${start + byteLength - 1} were removed`;
      this.#options.onNotice(`${what}: the log is bounded to ${this.#options.maxBytes} bytes`);
    }
  }

  async #closeFiles(): Promise<void> {
    const files = [this.#log, this.#times];
    this.#log = undefined;
    this.#times = undefined;
    this.#current = undefined;
    for (const file of files) await file?.close();
  }

  #tell(error: unknown): void {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : (code ?? message);
    if (this.#problem === why) return;
    this.#problem = why;
    this.#options.onNotice(
      `the log in ${this.directory} cannot be written: ${why}. The agent waits; nothing is lost, and it goes on by itself.`,
    );
    if (!this.#pressed) this.#press(true);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS);
      this.#retry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const NOTHING = new Uint8Array(0);

async function writeWhole(
  file: FileHandle,
  bytes: Uint8Array,
  took: (count: number) => void,
): Promise<void> {
  for (let at = 0; at < bytes.byteLength;) {
    const { bytesWritten } = await file.write(bytes, at);
    at += bytesWritten;
    took(bytesWritten);
  }
}

/** Also when somebody else has done it. */
async function removed(path: string): Promise<void> {
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

function restOf(batch: readonly Pending[], taken: number): Pending[] {
  let before = 0;
  const rest: Pending[] = [];
  for (const { bytes, times } of batch) {
    const skipped = Math.min(bytes.byteLength, Math.max(0, taken - before));
    before += bytes.byteLength;
    const isOpen = bytes.byteLength === 0 ? before >= taken : skipped < bytes.byteLength;
    if (isOpen) rest.push({ bytes: bytes.subarray(skipped), times });
  }
  return rest;
}

function logFailure(directory: string, error: unknown): SluiceError {
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  return new SluiceError('SYSTEM', `cannot keep a log in ${directory}: ${code}`, {
    details: { directory, errno: code },
    remedy: 'Make it writable, or set XDG_STATE_HOME to a directory that is.',
    cause: error,
  });
}
