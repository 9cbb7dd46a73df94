/** Host memory that kernels, copies and stream memory operations of a GPU reach: pinned and mapped for it. */
import { addressOf, CUDA_CONSTANTS, checkCuda, cudaDriver, cudaOut, outU64 } from '../ffi/index.js';
import { type GpuDevice, releaseOn, useDevice } from './devices.js';

/** Memory of this process that a GPU reaches. */
export interface Registration {
  /** Where the GPU finds its first byte. */
  readonly devicePointer: number;
  readonly byteLength: number;
  /**
   * Before the memory is unmapped. Blocks this thread until every stream of the GPU that this process uses is idle, also
   * those that never used this memory: never while one of them waits for what this thread is to do. Twice is harmless.
   */
  close(): void;
}

/** How memory is registered. */
export interface RegistrationOptions {
  /** The GPU that will use it; the others can, too. */
  readonly device: GpuDevice;
  /** For memory that is mapped with PROT_READ: the GPU may only read it. */
  readonly readOnly?: boolean | undefined;
  /** Completes "cannot …" in errors. */
  readonly attempt: string;
}

/**
 * Registers the bytes of `memory`, which stay where they are and are kept alive until `close`: 34 µs for a page, 0.1 s
 * for 256 MiB. The same bytes cannot be registered twice. Throws `CUDA_ERROR`, `NO_SPACE`.
 */
export function registerHostMemory(memory: Uint8Array, options: RegistrationOptions): Registration {
  const { device, attempt, readOnly = false } = options;
  const { byteLength } = memory;
  if (byteLength === 0) throw new RangeError(`cannot ${attempt}: there are no bytes to register`);
  useDevice(device);
  const cuda = cudaDriver();
  const address = Number(addressOf(memory));
  const { CU_MEMHOSTREGISTER_PORTABLE, CU_MEMHOSTREGISTER_DEVICEMAP } = CUDA_CONSTANTS;
  let flags = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP;
  if (readOnly) flags |= CUDA_CONSTANTS.CU_MEMHOSTREGISTER_READ_ONLY;
  checkCuda(cuda.cuMemHostRegister(address, byteLength, flags), 'cuMemHostRegister', attempt);
  const code = cuda.cuMemHostGetDevicePointer(cudaOut, address, 0);
  const devicePointer = outU64();
  if (code !== 0) cuda.cuMemHostUnregister(address);
  checkCuda(code, 'cuMemHostGetDevicePointer', attempt);
  return new HostRegistration(device, memory, address, devicePointer);
}

class HostRegistration implements Registration {
  readonly devicePointer: number;
  readonly byteLength: number;
  readonly #device: GpuDevice;
  readonly #address: number;
  #memory: Uint8Array | undefined;

  constructor(device: GpuDevice, memory: Uint8Array, address: number, devicePointer: number) {
    this.devicePointer = devicePointer;
    this.byteLength = memory.byteLength;
    this.#device = device;
    this.#address = address;
    this.#memory = memory;
  }

  close(): void {
    if (this.#memory === undefined) return;
    releaseOn(this.#device, 'cuMemHostUnregister', 'unregister host memory', (cuda) =>
      cuda.cuMemHostUnregister(this.#address),
    );
    this.#memory = undefined;
  }
}
