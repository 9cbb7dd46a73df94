/** Plain GPU memory of this process. */
import { SluiceError, assertInteger } from '../core/index.js';
import { checkCuda, cudaDriver, cudaOut, outU64 } from '../ffi/index.js';
import { type GpuDevice, findDevice, releaseOn, useDevice } from './devices.js';

/** Addresses of a GPU have 47 bits at most. */
const MAX_BYTES = 2 ** 47;

/** GPU memory that is not shared, not zeroed, aligned to 256 bytes. To be closed. */
export class DeviceBuffer implements Disposable {
  readonly device: GpuDevice;
  readonly byteLength: number;
  #pointer: number;

  /** Throws `NO_SPACE`, `CUDA_UNAVAILABLE`, `WRONG_DEVICE`, `CUDA_ERROR`. */
  static create(
    byteLength: number,
    options: { readonly device?: number | string | undefined } = {},
  ): DeviceBuffer {
    assertInteger('byteLength', byteLength, 1, MAX_BYTES);
    const attempt = `take ${byteLength} bytes of GPU memory`;
    const device = findDevice(options.device, attempt);
    useDevice(device);
    checkCuda(cudaDriver().cuMemAlloc(cudaOut, byteLength), 'cuMemAlloc', attempt);
    return new DeviceBuffer(device, byteLength, outU64());
  }

  private constructor(device: GpuDevice, byteLength: number, pointer: number) {
    this.device = device;
    this.byteLength = byteLength;
    this.#pointer = pointer;
  }

  /** Its first byte, for kernels. Throws `CLOSED` after `close`. */
  get pointer(): bigint {
    if (this.#pointer !== 0) return BigInt(this.#pointer);
    throw new SluiceError('CLOSED', 'cannot use GPU memory: it is closed');
  }

  /** Blocks this thread until all work of this process on the GPU is done. Twice is harmless. */
  close(): void {
    if (this.#pointer === 0) return;
    const pointer = this.#pointer;
    this.#pointer = 0;
    releaseOn(this.device, 'cuMemFree', 'give GPU memory back', (cuda) => cuda.cuMemFree(pointer));
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
