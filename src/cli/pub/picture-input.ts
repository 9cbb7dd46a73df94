/**
 * Pictures of one size from a descriptor, read(2) straight into memory of the sink's choice, a slot on loan.
 *
 * A pipe goes through the event loop: a read in the thread pool would keep the process from ending while no data
 * comes. A file never waits, and is read by the thread pool.
 */
import { fstatSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { printable, SluiceError } from '../../core/index.js';
import {
  type ByteTarget,
  duplicateDescriptor,
  PipeReader,
  SystemCallError,
} from '../../ffi/index.js';

const readInto = promisify(read);

export interface PictureSink {
  /** Where the next picture goes, as long as a picture; asked for as soon as the one before is whole. */
  next(): Uint8Array;
  /** The picture is whole. Nothing is read while the promise is pending. */
  whole(): Promise<void>;
}

/**
 * Reads until the input ends or the signal comes; resolves to the bytes of a last, incomplete picture.
 * Rejects with SYSTEM, and with what the sink throws.
 */
export async function readPictures(
  descriptor: number,
  sink: PictureSink,
  signal: AbortSignal,
): Promise<number> {
  if (signal.aborted) return 0;
  const status = fstatSync(descriptor);
  if (!status.isFIFO() && !status.isSocket()) return readFile(descriptor, sink, signal);
  // The reader closes what it is given.
  const pictures = new PictureFilling(duplicateDescriptor(descriptor), sink);
  const stop = (): void => pictures.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await pictures.ended;
    return pictures.filled;
  } catch (error) {
    throw readFailure(error);
  } finally {
    signal.removeEventListener('abort', stop);
    pictures.close();
  }
}

async function readFile(
  descriptor: number,
  sink: PictureSink,
  signal: AbortSignal,
): Promise<number> {
  while (!signal.aborted) {
    const target = sink.next();
    let filled = 0;
    while (filled < target.byteLength) {
      const wanted = target.byteLength - filled;
      const { bytesRead } = await readInto(descriptor, target, filled, wanted, null);
      if (bytesRead === 0) return filled;
      filled += bytesRead;
    }
    await sink.whole();
  }
  return 0;
}

/** Pictures of a pipe: whole ones are dealt with before anything else is read. */
class PictureFilling implements ByteTarget {
  /** The sink has a picture to deal with before it can say where the next one goes. */
  waits = false;
  /** Bytes of a picture that is not whole. */
  filled = 0;
  readonly #sink: PictureSink;
  readonly #reader: PipeReader;
  #target: Uint8Array | undefined;

  constructor(descriptor: number, sink: PictureSink) {
    this.#sink = sink;
    this.#reader = new PipeReader(descriptor, this);
  }

  /** Resolves at the end of the pipe, or by `close()`. */
  get ended(): Promise<void> {
    return this.#reader.ended;
  }

  get bytesToCome(): number {
    return (this.#target?.byteLength ?? 0) - this.filled;
  }

  next(): Uint8Array {
    this.#target ??= this.#sink.next();
    return this.#target.subarray(this.filled);
  }

  advance(byteLength: number): void {
    this.filled += byteLength;
    if (this.bytesToCome > 0) return;
    this.waits = true;
    this.filled = 0;
    this.#target = undefined;
    this.#sink.whole().then(
      () => this.#reader.proceed(() => (this.waits = false)),
      (error: Error) => this.#reader.fail(error),
    );
  }

  close(): void {
    this.#reader.close();
  }
}

function readFailure(error: unknown): unknown {
  if (!(error instanceof SystemCallError)) return error;
  const message = `cannot read standard input: ${printable(error.message)}`;
  return new SluiceError('SYSTEM', message, { cause: error });
}
