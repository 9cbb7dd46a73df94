/**
 * GPU memory that other processes map: made by the driver's virtual memory management, passed on as a descriptor.
 *
 * The descriptor says nothing about who may write: the importer maps it for reading by its own choice, which turns a
 * stray store of its kernels into a fault of its own process, and stops nobody who means it.
 */
import { SluiceError, alignUp, assertInteger } from '../core/index.js';
import {
  CUDA_CONSTANTS,
  CUDA_RESULTS,
  checkCuda,
  checkCudaRelease,
  closeDescriptor,
  cudaDriver,
  cudaError,
  cudaOut,
  duplicateDescriptor,
  outI32,
  outU64,
  packAccessDescription,
  packAllocationProperties,
} from '../ffi/index.js';
import { type GpuDevice, releaseOn, useDevice } from './devices.js';
import { onOwnStream } from './stream.js';
import { fill32 } from './stream-operations.js';

/** GPU memory that is shared between processes, as this process sees it. */
export interface SharedAllocation {
  /** The GPU that it is mapped for. */
  readonly device: GpuDevice;
  /** Where kernels of that GPU find it. */
  readonly pointer: number;
  /** A multiple of the granularity: at least what was asked for. */
  readonly byteLength: number;
  /** To be passed on; belongs to this object. -1 for imports. */
  readonly descriptor: number;
  /** Only when no work that uses it is under way. Importers keep theirs. Twice is harmless. */
  close(): void;
}

/** How an import is mapped. */
export interface ImportOptions {
  /** Whose kernels are to read it; the memory itself may be on another GPU that this one can access. */
  readonly device: GpuDevice;
  /** The exact size of the allocation, as its owner announced it. */
  readonly byteLength: number;
  /** Completes "cannot …" in errors. */
  readonly attempt: string;
}

/** Addresses of a GPU have 47 bits at most. */
const MAX_BYTES = 2 ** 47;

const { CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR: POSIX_DESCRIPTOR } = CUDA_CONSTANTS;

/** What sizes of shared allocations are a multiple of: 2 MiB on the GPUs of today. */
export function granularityBytes(device: GpuDevice): number {
  useDevice(device);
  const code = cudaDriver().cuMemGetAllocationGranularity(
    cudaOut,
    packAllocationProperties(device.handle),
    CUDA_CONSTANTS.CU_MEM_ALLOC_GRANULARITY_MINIMUM,
  );
  const attempt = `ask for the granularity of memory of cuda:${device.index}`;
  checkCuda(code, 'cuMemGetAllocationGranularity', attempt);
  return outU64();
}

/**
 * New memory of `device`, all zero, that kernels of this process write. Throws `NO_SPACE` when the GPU has no more,
 * `CUDA_ERROR`.
 */
export function allocateShared(
  device: GpuDevice,
  byteLength: number,
  attempt: string,
): SharedAllocation {
  assertInteger('byteLength', byteLength, 1, MAX_BYTES);
  const roundedBytes = alignUp(byteLength, granularityBytes(device));
  const cuda = cudaDriver();
  const properties = packAllocationProperties(device.handle);
  checkCuda(cuda.cuMemCreate(cudaOut, roundedBytes, properties, 0), 'cuMemCreate', attempt);
  const allocation = outU64();
  let pointer = 0;
  try {
    pointer = mapAllocation(allocation, roundedBytes, attempt);
    allow(pointer, roundedBytes, device, 'read-write', attempt);
    const words = roundedBytes / Uint32Array.BYTES_PER_ELEMENT;
    onOwnStream(device, attempt, (stream) => fill32(stream, pointer, 0, words));
    const descriptor = exportAllocation(allocation, attempt);
    return new MappedAllocation(device, pointer, roundedBytes, descriptor);
  } catch (error) {
    if (pointer !== 0) unmap(device, pointer, roundedBytes);
    throw error;
  } finally {
    releaseAllocation(allocation, attempt);
  }
}

/**
 * Maps memory that another process exported, for reading. Owns `descriptor` from the call on: closed in every case.
 * Throws `PROTOCOL` when the driver does not take it for memory of that size, `WRONG_DEVICE` when `device` cannot reach
 * it, `CUDA_ERROR`.
 */
export function importShared(descriptor: number, options: ImportOptions): SharedAllocation {
  const { device, byteLength, attempt } = options;
  let allocation: number;
  try {
    assertInteger('byteLength', byteLength, 1, MAX_BYTES);
    useDevice(device);
    const code = cudaDriver().cuMemImportFromShareableHandle(cudaOut, descriptor, POSIX_DESCRIPTOR);
    checkReceived(code, 'cuMemImportFromShareableHandle', attempt);
    allocation = outU64();
  } finally {
    closeDescriptor(descriptor);
  }
  let pointer = 0;
  try {
    pointer = mapAllocation(allocation, byteLength, attempt, checkReceived);
    allow(pointer, byteLength, device, 'read', attempt);
    return new MappedAllocation(device, pointer, byteLength, -1);
  } catch (error) {
    if (pointer !== 0) unmap(device, pointer, byteLength);
    throw error;
  } finally {
    // The mapping keeps the memory.
    releaseAllocation(allocation, attempt);
  }
}

function mapAllocation(
  allocation: number,
  byteLength: number,
  attempt: string,
  check: typeof checkCuda = checkCuda,
): number {
  const cuda = cudaDriver();
  const reserved = cuda.cuMemAddressReserve(cudaOut, byteLength, 0, 0, 0);
  check(reserved, 'cuMemAddressReserve', attempt);
  const pointer = outU64();
  const mapped = cuda.cuMemMap(pointer, byteLength, 0, allocation, 0);
  if (mapped !== 0) cuda.cuMemAddressFree(pointer, byteLength);
  check(mapped, 'cuMemMap', attempt);
  return pointer;
}

function allow(
  pointer: number,
  byteLength: number,
  device: GpuDevice,
  access: 'read' | 'read-write',
  attempt: string,
): void {
  const description = packAccessDescription(device.handle, access);
  const code = cudaDriver().cuMemSetAccess(pointer, byteLength, description, 1);
  const { CUDA_ERROR_INVALID_DEVICE, CUDA_ERROR_PEER_ACCESS_UNSUPPORTED } = CUDA_RESULTS;
  if (code === CUDA_ERROR_INVALID_DEVICE || code === CUDA_ERROR_PEER_ACCESS_UNSUPPORTED) {
    const { message, details } = cudaError(code, 'cuMemSetAccess', attempt);
    throw new SluiceError('WRONG_DEVICE', `${message} (cuda:${device.index} does not reach it)`, {
      details: { ...details, device: device.uuid },
    });
  }
  checkCuda(code, 'cuMemSetAccess', attempt);
}

/** The descriptor closes on exec: what inherits it could map the memory. */
function exportAllocation(allocation: number, attempt: string): number {
  const code = cudaDriver().cuMemExportToShareableHandle(cudaOut, allocation, POSIX_DESCRIPTOR, 0);
  checkCuda(code, 'cuMemExportToShareableHandle', attempt);
  const exported = outI32();
  try {
    return duplicateDescriptor(exported);
  } finally {
    closeDescriptor(exported);
  }
}

/** What the driver refuses of a received descriptor is the sender's fault, unless memory ran out or CUDA is broken. */
function checkReceived(code: number, call: string, attempt: string): void {
  if (code === CUDA_RESULTS.CUDA_SUCCESS) return;
  const error = cudaError(code, call, attempt);
  const refusals: readonly number[] = [
    CUDA_RESULTS.CUDA_ERROR_INVALID_VALUE,
    CUDA_RESULTS.CUDA_ERROR_INVALID_DEVICE,
    CUDA_RESULTS.CUDA_ERROR_INVALID_HANDLE,
    CUDA_RESULTS.CUDA_ERROR_NOT_SUPPORTED,
    CUDA_RESULTS.CUDA_ERROR_UNKNOWN,
  ];
  if (!refusals.includes(code)) throw error;
  throw new SluiceError('PROTOCOL', `refused received memory: ${error.message}`, {
    details: error.details,
  });
}

function releaseAllocation(allocation: number, attempt: string): void {
  checkCudaRelease(cudaDriver().cuMemRelease(allocation), 'cuMemRelease', attempt);
}

function unmap(device: GpuDevice, pointer: number, byteLength: number): void {
  const attempt = `unmap ${byteLength} bytes of GPU memory`;
  releaseOn(device, 'cuMemUnmap', attempt, (cuda) => cuda.cuMemUnmap(pointer, byteLength));
  releaseOn(device, 'cuMemAddressFree', attempt, (cuda) =>
    cuda.cuMemAddressFree(pointer, byteLength),
  );
}

class MappedAllocation implements SharedAllocation {
  readonly device: GpuDevice;
  readonly pointer: number;
  readonly byteLength: number;
  #descriptor: number;
  #closed = false;

  constructor(device: GpuDevice, pointer: number, byteLength: number, descriptor: number) {
    this.device = device;
    this.pointer = pointer;
    this.byteLength = byteLength;
    this.#descriptor = descriptor;
  }

  get descriptor(): number {
    return this.#descriptor;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#descriptor >= 0) closeDescriptor(this.#descriptor);
    this.#descriptor = -1;
    unmap(this.device, this.pointer, this.byteLength);
  }
}
