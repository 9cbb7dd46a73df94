/**
 * The CUDA driver by its C interface (libcuda.so.1), raw: each call returns its CUresult, which `checkCuda` turns into
 * an error. Results come back through {@link cudaOut}. Addresses, handles, sizes and sequences are numbers: addresses
 * end at 2^47, sequences at 2^53.
 *
 * Nothing is loaded before the first call of `cudaDriver`.
 */
import { SluiceError, isSluiceError, joinUnsigned } from '../core/index.js';
import { keepLibraryLoaded, koffi, loadLibrary } from './koffi.js';
import {
  CUDA_PROTOTYPES,
  CUDA_STRUCTS,
  CUDA_TYPES,
  OLDER_CUDA_SYMBOLS,
  type CudaCall,
} from './cuda-prototypes.js';

type Out = Uint8Array;
type Library = ReturnType<typeof loadLibrary>;

/** Functions as CUDA_PROTOTYPES declares them; see "CUDA Driver API" for what each does. */
export interface CudaDriver {
  cuInit(flags: number): number;
  cuDriverGetVersion(version: Out): number;
  cuGetErrorName(code: number, name: Out): number;
  cuGetErrorString(code: number, text: Out): number;

  cuDeviceGetCount(count: Out): number;
  cuDeviceGet(device: Out, ordinal: number): number;
  cuDeviceGetName(name: Out, capacity: number, device: number): number;
  cuDeviceGetUuid(uuid: Out, device: number): number;
  cuDeviceGetPCIBusId(id: Out, capacity: number, device: number): number;
  cuDeviceTotalMem(byteLength: Out, device: number): number;
  cuDeviceGetAttribute(value: Out, attribute: number, device: number): number;
  cuDeviceCanAccessPeer(can: Out, device: number, peer: number): number;

  cuDevicePrimaryCtxRetain(context: Out, device: number): number;
  cuCtxSetCurrent(context: number): number;
  cuCtxPushCurrent(context: number): number;
  cuCtxPopCurrent(context: Out): number;
  cuCtxGetDevice(device: Out): number;
  cuCtxEnablePeerAccess(peer: number, flags: number): number;

  cuStreamCreate(stream: Out, flags: number): number;
  cuStreamDestroy(stream: number): number;
  cuStreamGetCtx(stream: number, context: Out): number;
  cuStreamQuery(stream: number): number;
  cuStreamSynchronize(stream: number): number;
  cuStreamWaitEvent(stream: number, event: number, flags: number): number;
  cuStreamWriteValue32(stream: number, address: number, value: number, flags: number): number;
  cuStreamWriteValue64(stream: number, address: number, value: number, flags: number): number;
  cuStreamWaitValue64(stream: number, address: number, value: number, flags: number): number;

  cuEventCreate(event: Out, flags: number): number;
  cuEventDestroy(event: number): number;
  cuEventRecord(event: number, stream: number): number;
  cuEventQuery(event: number): number;
  cuEventElapsedTime(milliseconds: Out, start: number, end: number): number;

  cuMemHostRegister(memory: number, byteLength: number, flags: number): number;
  cuMemHostUnregister(memory: number): number;
  cuMemHostGetDevicePointer(address: Out, memory: number, flags: number): number;

  cuMemAlloc(address: Out, byteLength: number): number;
  cuMemFree(address: number): number;
  cuMemGetInfo(available: Out, total: Out): number;
  cuMemcpyDtoHAsync(to: number, from: number, byteLength: number, stream: number): number;
  cuMemcpyHtoDAsync(to: number, from: number, byteLength: number, stream: number): number;
  cuMemcpyDtoDAsync(to: number, from: number, byteLength: number, stream: number): number;
  cuMemcpy2DAsync(copy: Uint8Array, stream: number): number;
  cuMemsetD32Async(address: number, value: number, words: number, stream: number): number;

  cuMemGetAllocationGranularity(granularity: Out, properties: Uint8Array, option: number): number;
  cuMemCreate(allocation: Out, byteLength: number, properties: Uint8Array, flags: number): number;
  cuMemRelease(allocation: number): number;
  cuMemExportToShareableHandle(
    shareable: Out,
    allocation: number,
    type: number,
    flags: number,
  ): number;
  cuMemImportFromShareableHandle(allocation: Out, shareable: number, type: number): number;
  cuMemAddressReserve(
    address: Out,
    byteLength: number,
    alignment: number,
    wish: number,
    flags: number,
  ): number;
  cuMemAddressFree(address: number, byteLength: number): number;
  cuMemMap(
    address: number,
    byteLength: number,
    offset: number,
    allocation: number,
    flags: number,
  ): number;
  cuMemUnmap(address: number, byteLength: number): number;
  cuMemSetAccess(
    address: number,
    byteLength: number,
    descriptions: Uint8Array,
    count: number,
  ): number;

  cuModuleLoadDataEx(
    module: Out,
    image: Uint8Array,
    count: number,
    options: Uint8Array,
    values: Uint8Array,
  ): number;
  cuModuleUnload(module: number): number;
  cuModuleGetFunction(handle: Out, module: number, name: string): number;
  cuFuncGetParamInfo(handle: number, index: number, offset: Out, byteLength: Out): number;
  cuLaunchKernel(
    handle: number,
    gridX: number,
    gridY: number,
    gridZ: number,
    blockX: number,
    blockY: number,
    blockZ: number,
    sharedBytes: number,
    stream: number,
    parameters: Uint8Array | null,
    extra: null,
  ): number;
}

/** Where the library is by default: by its soname, then where the Windows subsystem for Linux has it. */
const LIBRARY_NAMES = ['libcuda.so.1', '/usr/lib/wsl/lib/libcuda.so.1'] as const;

/** CUDA_ERROR_NOT_SUPPORTED: what a function answers that this driver does not have. */
const NOT_SUPPORTED = 801;

const outWords = new DataView(new ArrayBuffer(16));

/** Where a call of the driver writes its one result, to be read before the next call. */
export const cudaOut = new Uint8Array(outWords.buffer);

/** The result of the last call as an unsigned 64-bit integer: an address, a handle, a size. Exact below 2^53. */
export function outU64(): number {
  return joinUnsigned(outWords.getUint32(0, true), outWords.getUint32(4, true));
}

/** The result of the last call as an int. */
export function outI32(): number {
  return outWords.getInt32(0, true);
}

/** The result of the last call as a float. */
export function outF32(): number {
  return outWords.getFloat32(0, true);
}

let driver: CudaDriver | undefined;

/**
 * The driver, loaded at the first call: `$SLUICE_CUDA_LIBRARY` when that is set, else where it usually is.
 * Throws `CUDA_UNAVAILABLE` with every attempt in `details`. Does not call cuInit.
 */
export function cudaDriver(): CudaDriver {
  return (driver ??= loadDriver());
}

function loadDriver(): CudaDriver {
  const chosen = process.env['SLUICE_CUDA_LIBRARY'];
  const names = chosen === undefined || chosen === '' ? LIBRARY_NAMES : [chosen];
  const library = loadCudaLibrary('the CUDA driver', names);
  declareTypes();
  const bound: Partial<Record<CudaCall, unknown>> = {};
  for (const call of Object.keys(CUDA_PROTOTYPES) as CudaCall[]) {
    bound[call] = bind(library, call);
  }
  return bound as unknown as CudaDriver;
}

/** For this file and its neighbours: the first of `names` that loads, or `CUDA_UNAVAILABLE`. */
export function loadCudaLibrary(
  what: string,
  names: readonly string[],
  options: { readonly remedy?: string } = {},
): Library {
  const attempts: unknown[] = [];
  for (const name of names) {
    try {
      const library = loadLibrary([name]);
      // It has threads and exit handlers of its own, and a worker that ends would unload it under them.
      keepLibraryLoaded(name);
      return library;
    } catch (error) {
      if (!isSluiceError(error) || error.details['attempts'] === undefined) throw error;
      attempts.push(...(error.details['attempts'] as unknown[]));
    }
  }
  const message = `cannot load ${what}, which should be ${names.join(' or ')}`;
  throw new SluiceError('CUDA_UNAVAILABLE', message, { ...options, details: { attempts } });
}

function bind(library: Library, call: CudaCall): unknown {
  const prototype: string = CUDA_PROTOTYPES[call];
  const older = OLDER_CUDA_SYMBOLS.get(call);
  const candidates = older === undefined ? [prototype] : [prototype, withSymbol(prototype, older)];
  for (const candidate of candidates) {
    try {
      return library.func(candidate);
    } catch {
      // Not in this driver. The prototypes themselves are tested.
    }
  }
  return () => NOT_SUPPORTED;
}

function withSymbol(prototype: string, symbol: string): string {
  return prototype.replace(/\w+\(/, `${symbol}(`);
}

let typesAreDeclared = false;

/** koffi keeps type names for the whole thread. */
function declareTypes(): void {
  if (typesAreDeclared) return;
  for (const [name, type] of Object.entries(CUDA_TYPES)) koffi().alias(name, type);
  for (const name of CUDA_STRUCTS) koffi().opaque(name);
  typesAreDeclared = true;
}

/** The C string whose address the last call wrote to {@link cudaOut}. */
export function outText(): string {
  return outU64() === 0 ? '' : (koffi().decode(cudaOut, 'char *') as string);
}
