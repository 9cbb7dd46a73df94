/**
 * Pictures of one size from a descriptor, read(2) straight into memory of the sink's choice, a slot on loan.
 *
 * A pipe goes through the event loop (net.Socket with `onread`): a read in the thread pool would keep the process
 * from ending while no data comes. A file never waits, and is read by the thread pool.
 */
import { fstatSync, read } from 'node:fs';
import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';
import { promisify } from 'node:util';
import { printable, SluiceError } from '../../core/index.js';

const readInto = promisify(read);

/** More than a line of text between pictures; each costs a copy. */
const DETOUR_BYTES = 64;
const NO_BYTES = new Uint8Array(0);

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
  const pipe = new PipeReader(descriptor, sink);
  const stop = (): void => pipe.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await pipe.ended;
  } finally {
    signal.removeEventListener('abort', stop);
    pipe.close();
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

class PipeReader {
  /** Resolves to the bytes of an incomplete picture. */
  readonly ended: Promise<number>;
  readonly #sink: PictureSink;
  readonly #socket: Socket;
  #target: Uint8Array | undefined;
  #filled = 0;
  #failure: Error | undefined;
  /** The sink has a picture to deal with before it can say where the next one goes. */
  #busy = false;
  /** Where Node was told to put the next bytes meanwhile. */
  #detour: Uint8Array | undefined;

  constructor(descriptor: number, sink: PictureSink) {
    this.#sink = sink;
    const onread: OnReadOpts = {
      buffer: () => this.#rest(),
      callback: (bytesRead) => this.#onRead(bytesRead),
    };
    const options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
      fd: descriptor,
      readable: true,
      writable: false,
      onread,
    };
    this.#socket = new Socket(options);
    this.ended = new Promise((resolve, reject) => {
      this.#socket.on('error', (cause) => reject(readFailure(cause)));
      this.#socket.on('end', () => resolve(this.#filled));
      this.#socket.on('close', () => resolve(this.#filled));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  /**
   * Where the next read(2) goes. Called from native code: what it throws would end the process. Node asks as soon as a
   * read is done, also when it is told to read no more: then the first bytes after the pause come by a detour.
   */
  #rest(): Uint8Array {
    this.#detour = undefined;
    if (this.#busy) return (this.#detour = new Uint8Array(DETOUR_BYTES));
    try {
      this.#target ??= this.#sink.next();
    } catch (error) {
      this.#failure = error as Error;
      // The socket is still being made when this is called for the first time.
      setImmediate(() => this.#socket.destroy(error as Error));
      return new Uint8Array(1);
    }
    return this.#target.subarray(this.#filled);
  }

  /** False holds the reading up until `resume()`. */
  #onRead(bytesRead: number): boolean {
    if (this.#failure !== undefined) return false;
    const strayed = this.#detour?.subarray(0, bytesRead);
    if (strayed === undefined) this.#filled += bytesRead;
    if (strayed === undefined && this.#filled < (this.#target?.byteLength ?? 0)) return true;
    this.#busy = true;
    this.#deliver(strayed ?? NO_BYTES).then(
      () => {
        this.#busy = false;
        this.#socket.resume();
      },
      (error: Error) => this.#socket.destroy(error),
    );
    return false;
  }

  /** Gives the sink what is whole, and what came by the detour. */
  async #deliver(strayed: Uint8Array): Promise<void> {
    let left = strayed;
    for (;;) {
      if (this.#target !== undefined && this.#filled === this.#target.byteLength) {
        this.#filled = 0;
        this.#target = undefined;
        await this.#sink.whole();
      }
      if (left.byteLength === 0) return;
      this.#target ??= this.#sink.next();
      const taken = left.subarray(0, this.#target.byteLength - this.#filled);
      this.#target.set(taken, this.#filled);
      this.#filled += taken.byteLength;
      left = left.subarray(taken.byteLength);
    }
  }
}

function readFailure(error: Error): Error {
  if (!('syscall' in error)) return error;
  const message = `cannot read standard input: ${printable(error.message)}`;
  return new SluiceError('SYSTEM', message, { cause: error });
}
