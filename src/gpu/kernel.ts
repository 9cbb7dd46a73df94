/** Kernels: functions that run on a GPU, loaded from PTX. */
import { SluiceError, assertInteger } from '../core/index.js';
import {
  addressOf,
  CUDA_CONSTANTS,
  CUDA_RESULTS,
  checkCuda,
  cudaDriver,
  cudaError,
  cudaOut,
  outU64,
} from '../ffi/index.js';
import { type GpuDevice, findDevice, releaseOn, useDevice } from './devices.js';
import { ArgumentList, type KernelArgument } from './kernel-arguments.js';
import { type StreamLike, streamHandle } from './stream-handle.js';

/** One launch of a kernel. */
export interface LaunchOptions {
  /** Blocks: their number, or as many as three numbers x, y, z. */
  readonly grid: number | readonly number[];
  /** Threads a block, likewise; 1024 at most in all. */
  readonly block: number | readonly number[];
  readonly stream: StreamLike;
  readonly args: readonly KernelArgument[];
  /** Dynamic shared memory a block. Default 0. */
  readonly sharedBytes?: number | undefined;
}

const MAX_DIMENSION = 0x7fffffff;
const JIT_LOG_BYTES = 8192;
const MAX_PARAMETERS = 4096;

/** A function of a GPU. To be closed. */
export class Kernel implements Disposable {
  readonly name: string;
  readonly device: GpuDevice;
  readonly #function: number;
  /** Bytes of each parameter; undefined where the driver (before CUDA 12.4) does not tell. */
  readonly #parameterBytes: readonly number[] | undefined;
  readonly #arguments = new ArgumentList();
  #module: number;

  /** For `loadKernel`: takes over `module`. */
  constructor(name: string, device: GpuDevice, module: number, handle: number) {
    this.name = name;
    this.device = device;
    this.#module = module;
    this.#function = handle;
    this.#parameterBytes = readParameterBytes(handle);
  }

  /**
   * Enqueues one run on a stream of this kernel's GPU. Throws `CUDA_ERROR`, and `TypeError` for arguments of other
   * sizes than the kernel's; their number and meaning are the caller's care on drivers before CUDA 12.4.
   */
  launch(options: LaunchOptions): void {
    const { grid, block, args } = options;
    const stream = streamHandle(options.stream);
    const handle = this.#open();
    const parameters = this.#arguments.pack(args);
    if (this.#parameterBytes !== undefined) {
      this.#arguments.assertSizes(this.name, this.#parameterBytes, args.length);
    }
    useDevice(this.device);
    const code = cudaDriver().cuLaunchKernel(
      handle,
      dimension('grid', grid, 0),
      dimension('grid', grid, 1),
      dimension('grid', grid, 2),
      dimension('block', block, 0),
      dimension('block', block, 1),
      dimension('block', block, 2),
      options.sharedBytes ?? 0,
      stream,
      parameters,
      null,
    );
    if (code !== 0) checkCuda(code, 'cuLaunchKernel', `run the kernel '${this.name}'`);
  }

  /** Blocks this thread until all work of this process on the GPU is done. Twice is harmless. */
  close(): void {
    if (this.#module === 0) return;
    const module = this.#module;
    this.#module = 0;
    releaseOn(this.device, 'cuModuleUnload', `close the kernel '${this.name}'`, (cuda) =>
      cuda.cuModuleUnload(module),
    );
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): number {
    if (this.#module !== 0) return this.#function;
    throw new SluiceError('CLOSED', `cannot run the kernel '${this.name}': it is closed`);
  }
}

function dimension(name: string, size: number | readonly number[], axis: number): number {
  const isNumber = typeof size === 'number';
  if (!isNumber && (size.length === 0 || size.length > 3)) {
    throw new RangeError(`${name} must have one to three numbers, got ${size.length}`);
  }
  const value = isNumber ? (axis === 0 ? size : 1) : (size[axis] ?? 1);
  assertInteger(name, value, 1, MAX_DIMENSION);
  return value;
}

function readParameterBytes(handle: number): readonly number[] | undefined {
  const cuda = cudaDriver();
  const sizes: number[] = [];
  const offset = new Uint8Array(8);
  const { CUDA_ERROR_INVALID_VALUE } = CUDA_RESULTS;
  for (let index = 0; index < MAX_PARAMETERS; index += 1) {
    const code = cuda.cuFuncGetParamInfo(handle, index, offset, cudaOut);
    if (code === CUDA_ERROR_INVALID_VALUE) return Object.freeze(sizes);
    if (code !== 0) return undefined;
    sizes.push(outU64());
  }
  return Object.freeze(sizes);
}

/**
 * Loads the kernel `name` (as the PTX has it) from the text of a PTX module; the driver compiles it for the GPU, or
 * finds it in its cache. Blocks this thread until all work of this process on the GPU is done: load kernels first.
 * Throws `CUDA_ERROR` with the driver's messages in `details.log`, `CUDA_UNAVAILABLE`,
 * `WRONG_DEVICE`.
 */
export function loadKernel(
  ptx: string,
  name: string,
  options: { readonly device?: number | string | undefined } = {},
): Kernel {
  const attempt = `load the kernel '${name}'`;
  const device = findDevice(options.device, attempt);
  return loadFunction({ ptx, entry: name, name, device, attempt });
}

/** For this layer: as {@link loadKernel}, with the name in the PTX apart from the one in messages. */
export function loadFunction(request: {
  readonly ptx: string;
  readonly entry: string;
  readonly name: string;
  readonly device: GpuDevice;
  readonly attempt: string;
}): Kernel {
  const { ptx, entry, name, device, attempt } = request;
  useDevice(device);
  const cuda = cudaDriver();
  const module = loadModule(ptx, attempt);
  const code = cuda.cuModuleGetFunction(cudaOut, module, entry);
  const handle = outU64();
  if (code !== 0) cuda.cuModuleUnload(module);
  checkCuda(code, 'cuModuleGetFunction', attempt);
  return new Kernel(name, device, module, handle);
}

function loadModule(ptx: string, attempt: string): number {
  const log = Buffer.alloc(JIT_LOG_BYTES);
  const options = new Uint8Array(
    Uint32Array.of(
      CUDA_CONSTANTS.CU_JIT_ERROR_LOG_BUFFER,
      CUDA_CONSTANTS.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
    ).buffer,
  );
  // The size is passed in the place of a pointer.
  const values = new Uint8Array(BigUint64Array.of(addressOf(log), BigInt(JIT_LOG_BYTES)).buffer);
  const image = Buffer.from(`${ptx}\0`);
  const code = cudaDriver().cuModuleLoadDataEx(cudaOut, image, 2, options, values);
  if (code === 0) return outU64();
  const error = cudaError(code, 'cuModuleLoadDataEx', attempt);
  const text = log.toString('utf8', 0, log.indexOf(0)).trim();
  const message = text === '' ? error.message : `${error.message}\n${text}`;
  throw new SluiceError(error.code, message, { details: { ...error.details, log: text } });
}
