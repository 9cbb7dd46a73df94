/** CUDA events: points in the work of a stream, seen without waiting. */
import { SluiceError } from '../core/index.js';
import {
  CUDA_CONSTANTS,
  CUDA_RESULTS,
  checkCuda,
  cudaDriver,
  cudaOut,
  outF32,
  outU64,
} from '../ffi/index.js';
import { type GpuDevice, findDevice, releaseOn, useDevice } from './devices.js';
import { type StreamLike, streamHandle } from './stream-handle.js';

/** What an event is made with. */
export interface EventOptions {
  /** The GPU whose streams it is recorded in: a number, 'cuda:1', 'GPU-…'; default the first. */
  readonly device?: number | string | undefined;
  /** Whether `elapsedMs` is wanted; events without are cheaper. Default false. */
  readonly timing?: boolean | undefined;
}

/** A point in the work of a stream. To be closed. */
export class Event implements Disposable {
  readonly device: GpuDevice;
  #handle: number;

  /** Throws `CUDA_UNAVAILABLE`, `WRONG_DEVICE`, `CUDA_ERROR`. */
  static create(options: EventOptions = {}): Event {
    const attempt = 'make an event';
    const device = findDevice(options.device, attempt);
    useDevice(device);
    const flags =
      options.timing === true
        ? CUDA_CONSTANTS.CU_EVENT_DEFAULT
        : CUDA_CONSTANTS.CU_EVENT_DISABLE_TIMING;
    checkCuda(cudaDriver().cuEventCreate(cudaOut, flags), 'cuEventCreate', attempt);
    return new Event(device, outU64());
  }

  private constructor(device: GpuDevice, handle: number) {
    this.device = device;
    this.#handle = handle;
  }

  /** CUevent, the same as cudaEvent_t. Throws `CLOSED` after `close`. */
  get handle(): bigint {
    return BigInt(this.#open());
  }

  /** From now on this event stands for the work that is in `stream` at this moment. The stream is of its device. */
  record(stream: StreamLike): void {
    const handle = streamHandle(stream);
    useDevice(this.device);
    const code = cudaDriver().cuEventRecord(this.#open(), handle);
    if (code !== 0) checkCuda(code, 'cuEventRecord', 'record an event');
  }

  /** Whether that work is done; true before the first `record`. Throws `CUDA_ERROR` when the work failed. */
  get reached(): boolean {
    const code = cudaDriver().cuEventQuery(this.#open());
    if (code === CUDA_RESULTS.CUDA_ERROR_NOT_READY) return false;
    if (code !== 0) checkCuda(code, 'cuEventQuery', 'look at an event');
    return true;
  }

  /** Milliseconds of the GPU's clock from `since` to this event, to about 0.5 µs; both made with timing and reached. */
  elapsedMs(since: Event): number {
    const code = cudaDriver().cuEventElapsedTime(cudaOut, since.#open(), this.#open());
    checkCuda(code, 'cuEventElapsedTime', 'measure the time between two events');
    return outF32();
  }

  /** Twice is harmless. Streams that wait for it go on waiting for the work it stood for. */
  close(): void {
    if (this.#handle === 0) return;
    const handle = this.#handle;
    this.#handle = 0;
    releaseOn(this.device, 'cuEventDestroy', 'close an event', (cuda) =>
      cuda.cuEventDestroy(handle),
    );
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): number {
    if (this.#handle !== 0) return this.#handle;
    throw new SluiceError('CLOSED', 'cannot use an event: it is closed');
  }
}
