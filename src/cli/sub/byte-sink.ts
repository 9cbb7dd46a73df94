/** Where `--out` goes: a file, or standard output for `-`. Everything is written before the next unit is taken. */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { printable, type ReadonlyBytes } from '../../core/index.js';
import {
  copyFromSlot,
  type FrameFormat,
  rawByteLength,
  type RowRun,
  rowRuns,
} from '../../format/index.js';
import type { Frame } from '../../bus/subscriber/received-frame.js';
import { type Run, UsageError } from '../run.js';

export class ByteSink {
  readonly #run: Run;
  readonly #path: string;
  readonly #stream: NodeJS.WritableStream;
  readonly #toFile: boolean;
  #failure: Error | undefined;
  #epoch = -1;
  #runs: readonly RowRun[] = [];

  private constructor(run: Run, path: string, stream: NodeJS.WritableStream) {
    this.#run = run;
    this.#path = path;
    this.#stream = stream;
    this.#toFile = path !== '-';
  }

  /** Throws `UsageError` when the file cannot be made. */
  static async open(run: Run, path: string): Promise<ByteSink> {
    if (path === '-') return new ByteSink(run, path, process.stdout);
    const stream = createWriteStream(path);
    try {
      await once(stream, 'open');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new UsageError(`cannot write ${printable(path)}: ${code}`);
    }
    const sink = new ByteSink(run, path, stream);
    stream.on('error', (failure) => (sink.#failure = failure));
    return sink;
  }

  /** The frame as its publisher meant it: pictures without the padding of their rows. */
  async writeFrame(frame: Frame<FrameFormat>): Promise<void> {
    const { format } = frame;
    const bytes = frame.memory === 'host' ? frame.bytes : (await frame.toHost()).bytes;
    if (format.kind !== 'video') return this.write(bytes.subarray(0, frame.byteLength));
    if (this.#epoch !== frame.epoch) {
      this.#epoch = frame.epoch;
      this.#runs = rowRuns(format);
    }
    const byteLength = rawByteLength(format);
    if (this.#runs.length === 1) return this.write(bytes.subarray(0, byteLength));
    const raw = new Uint8Array(byteLength);
    copyFromSlot(this.#runs, bytes, raw);
    return this.write(raw);
  }

  /** Resolves when the bytes are handed over: memory that is only lent may then go. */
  async write(bytes: ReadonlyBytes): Promise<void> {
    if (bytes.byteLength === 0) return;
    await new Promise<void>((resolve) => {
      // write(2) reads the bytes where they lie; the type of a stream knows no read-only memory.
      this.#stream.write(bytes as Uint8Array, () => resolve());
    });
    if (this.#failure !== undefined && !this.#run.ended) {
      throw new UsageError(
        `cannot write ${printable(this.#path)}: ${(this.#failure as NodeJS.ErrnoException).code}`,
      );
    }
  }

  async close(): Promise<void> {
    if (!this.#toFile) return;
    this.#stream.end();
    await finished(this.#stream).catch(() => undefined);
  }
}
