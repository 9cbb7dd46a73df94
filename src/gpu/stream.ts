/** CUDA streams: queues of work on a GPU. */
import { SluiceError } from '../core/index.js';
import {
  CUDA_CONSTANTS,
  checkCuda,
  cudaDriver,
  cudaOut,
  isStickyCudaError,
  outU64,
} from '../ffi/index.js';
import { type GpuDevice, findDevice, releaseOn, useDevice } from './devices.js';
import { Event } from './event.js';
import type { CudaStream } from './stream-handle.js';
import { enqueueWaitEvent, streamIdle } from './stream-operations.js';

/** What a stream is made with. */
export interface StreamOptions {
  /** A number, 'cuda:1', 'GPU-…'; default the first. */
  readonly device?: number | string | undefined;
  /** Whether its work runs beside that of the legacy default stream. Default true. */
  readonly nonBlocking?: boolean | undefined;
}

/** How long `synchronize` looks at every turn of the event loop, before it looks once a millisecond. */
const EAGER_MS = 1;

/** A queue of work on one GPU. To be closed. */
export class Stream implements CudaStream, AsyncDisposable {
  readonly device: GpuDevice;
  #handle: number;

  /** Throws `CUDA_UNAVAILABLE`, `WRONG_DEVICE`, `CUDA_ERROR`. */
  static async create(options: StreamOptions = {}): Promise<Stream> {
    const device = findDevice(options.device, 'make a stream');
    return new Stream(device, makeStream(device, options.nonBlocking ?? true));
  }

  /** @internal As `create`, non-blocking, for those who cannot wait for a promise. */
  static on(device: GpuDevice): Stream {
    return new Stream(device, makeStream(device, true));
  }

  private constructor(device: GpuDevice, handle: number) {
    this.device = device;
    this.#handle = handle;
  }

  /** CUstream, the same as cudaStream_t. Throws `CLOSED` after `close`. */
  get handle(): bigint {
    return BigInt(this.#open());
  }

  /** Whether all its work is done. Throws `CUDA_ERROR` when it failed. */
  get idle(): boolean {
    return streamIdle(this.#open());
  }

  /**
   * Resolves once the work that is in the stream now is done. The thread goes on meanwhile. Rejects with `CUDA_ERROR`
   * when the work failed, and with the signal's reason: the work itself cannot be stopped.
   */
  async synchronize(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    options.signal?.throwIfAborted();
    const event = Event.create({ device: this.device.index });
    try {
      event.record(this);
      await untilReached(event, options.signal);
    } finally {
      event.close();
    }
  }

  /** Later work of this stream starts once `event` is reached; the event may be of another GPU. */
  waitFor(event: Event): void {
    const handle = this.#open();
    useDevice(this.device);
    enqueueWaitEvent(handle, event);
  }

  /** Waits for its work, then ends it. Work that failed is no obstacle. Twice is harmless. */
  async close(): Promise<void> {
    if (this.#handle === 0) return;
    const handle = this.#handle;
    try {
      await this.synchronize();
    } catch (error) {
      if (!isStickyCudaError(error)) throw error;
    }
    if (this.#handle === 0) return;
    this.#handle = 0;
    releaseStream(this.device, handle);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(): number {
    if (this.#handle !== 0) return this.#handle;
    throw new SluiceError('CLOSED', 'cannot use a stream: it is closed');
  }
}

/** For this layer: the handle of a new stream, to be given to {@link releaseStream}. */
export function makeStream(device: GpuDevice, nonBlocking: boolean): number {
  useDevice(device);
  const { CU_STREAM_DEFAULT, CU_STREAM_NON_BLOCKING } = CUDA_CONSTANTS;
  const flags = nonBlocking ? CU_STREAM_NON_BLOCKING : CU_STREAM_DEFAULT;
  checkCuda(cudaDriver().cuStreamCreate(cudaOut, flags), 'cuStreamCreate', 'make a stream');
  return outU64();
}

/** Ends a stream; the driver lets its work run to the end. */
export function releaseStream(device: GpuDevice, stream: number): void {
  releaseOn(device, 'cuStreamDestroy', 'close a stream', (cuda) => cuda.cuStreamDestroy(stream));
}

/**
 * Runs `work` on a stream that is made for it, then waits, blocking the thread: for setting memory up, where the default
 * stream would wait for the work of others.
 */
export function onOwnStream(
  device: GpuDevice,
  attempt: string,
  work: (stream: number) => void,
): void {
  const stream = makeStream(device, true);
  try {
    work(stream);
    checkCuda(cudaDriver().cuStreamSynchronize(stream), 'cuStreamSynchronize', attempt);
  } finally {
    releaseStream(device, stream);
  }
}

/** Looks at every turn of the event loop first, because most work is short, then once a millisecond. */
function untilReached(event: Event, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    const look = (): void => {
      try {
        signal?.throwIfAborted();
        if (event.reached) resolve();
        else if (performance.now() - startedMs < EAGER_MS) setImmediate(look);
        else setTimeout(look, 1);
      } catch (error) {
        reject(error);
      }
    };
    look();
  });
}
