/** The GPUs that the CUDA driver shows to this process, and the context each is used in. */
import { SluiceError, describe, isSluiceError } from '../core/index.js';
import {
  CUDA_CONSTANTS,
  CUDA_LAYOUT,
  CUDA_RESULTS,
  checkCuda,
  checkCudaRelease,
  cudaDriver,
  cudaError,
  cudaOut,
  type CudaDriver,
  isStickyCudaError,
  outI32,
  outU64,
} from '../ffi/index.js';

/** A GPU as this process numbers it. The UUID is the same in every process. */
export interface GpuDevice {
  /** Position among the GPUs that CUDA_VISIBLE_DEVICES leaves, as in `cuda:0`. */
  readonly index: number;
  /** 'GPU-' and 32 lower-case hexadecimal digits in five groups. */
  readonly uuid: string;
  readonly name: string;
  readonly computeCapability: readonly [major: number, minor: number];
  readonly memoryBytes: number;
  /** Such as '0000:1b:00.0'. */
  readonly pciBusId: string;
  /** CUdevice. */
  readonly handle: number;
}

/** cuDeviceGetName and cuDeviceGetPCIBusId cut what is longer. */
const TEXT_CAPACITY = 256;

let driver: CudaDriver | undefined;
let devices: readonly GpuDevice[] | undefined;

/**
 * Primary context of each device in `devices` that has been used. Never numbers alone: V8 would keep them unboxed, and
 * box one again at each `useDevice`.
 */
const contexts: (number | undefined)[] = [];

/** Why CUDA cannot be used in this process, or undefined when it can. Never throws. */
export function cudaProblem(): SluiceError | undefined {
  try {
    listDevices();
    return undefined;
  } catch (error) {
    if (isSluiceError(error)) return error;
    const message = `cannot use CUDA: ${error instanceof Error ? error.message : String(error)}`;
    return new SluiceError('CUDA_UNAVAILABLE', message, { cause: error });
  }
}

/** All of them, at least one. Throws `CUDA_UNAVAILABLE`. The list is made once; a failure is looked into again. */
export function listDevices(): readonly GpuDevice[] {
  return (devices ??= Object.freeze(findDevices()));
}

function findDevices(): GpuDevice[] {
  driver = cudaDriver();
  const attempt = 'use CUDA';
  const started = driver.cuInit(0);
  if (started !== CUDA_RESULTS.CUDA_SUCCESS) {
    // Whatever the reason, such as 999 for missing device files: there is no CUDA here.
    const { message, details } = cudaError(started, 'cuInit', attempt);
    throw new SluiceError('CUDA_UNAVAILABLE', message, { details });
  }
  checkCuda(driver.cuDeviceGetCount(cudaOut), 'cuDeviceGetCount', attempt);
  const count = outI32();
  if (count === 0) {
    throw new SluiceError('CUDA_UNAVAILABLE', `cannot ${attempt}: the driver shows no GPU`);
  }
  return Array.from({ length: count }, (_, index) => readDevice(index));
}

function readDevice(index: number): GpuDevice {
  const cuda = cudaDriver();
  const attempt = `look at GPU ${index}`;
  checkCuda(cuda.cuDeviceGet(cudaOut, index), 'cuDeviceGet', attempt);
  const handle = outI32();
  const text = Buffer.alloc(TEXT_CAPACITY);
  checkCuda(cuda.cuDeviceGetName(text, TEXT_CAPACITY, handle), 'cuDeviceGetName', attempt);
  const name = textOf(text);
  checkCuda(cuda.cuDeviceGetPCIBusId(text, TEXT_CAPACITY, handle), 'cuDeviceGetPCIBusId', attempt);
  const pciBusId = textOf(text).toLowerCase();
  const uuid = Buffer.alloc(CUDA_LAYOUT.uuidBytes);
  checkCuda(cuda.cuDeviceGetUuid(uuid, handle), 'cuDeviceGetUuid', attempt);
  checkCuda(cuda.cuDeviceTotalMem(cudaOut, handle), 'cuDeviceTotalMem', attempt);
  const memoryBytes = outU64();
  const { CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: MAJOR } = CUDA_CONSTANTS;
  const { CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: MINOR } = CUDA_CONSTANTS;
  const computeCapability = [attributeOf(handle, MAJOR), attributeOf(handle, MINOR)] as const;
  return Object.freeze({
    index,
    uuid: formatUuid(uuid),
    name,
    computeCapability: Object.freeze(computeCapability),
    memoryBytes,
    pciBusId,
    handle,
  });
}

function textOf(bytes: Buffer): string {
  return bytes.toString('latin1', 0, bytes.indexOf(0));
}

function formatUuid(bytes: Buffer): string {
  const digits = bytes.toString('hex');
  const ends = [8, 12, 16, 20, 32];
  return `GPU-${ends.map((end, group) => digits.slice(ends[group - 1] ?? 0, end)).join('-')}`;
}

function attributeOf(handle: number, attribute: number): number {
  const code = cudaDriver().cuDeviceGetAttribute(cudaOut, attribute, handle);
  checkCuda(code, 'cuDeviceGetAttribute', `read attribute ${attribute} of GPU ${handle}`);
  return outI32();
}

/** An attribute of the device, undefined when this driver is too old to know it. */
export function deviceAttribute(device: GpuDevice, attribute: number): number | undefined {
  const code = cudaDriver().cuDeviceGetAttribute(cudaOut, attribute, device.handle);
  if (code === CUDA_RESULTS.CUDA_ERROR_INVALID_VALUE) return undefined;
  checkCuda(code, 'cuDeviceGetAttribute', `read attribute ${attribute} of cuda:${device.index}`);
  return outI32();
}

/**
 * The device that `which` names: undefined or 'cuda' the first, 3 or 'cuda:3' by number, 'GPU-ab12…' or
 * 'cuda:GPU-ab12…' by the start of its UUID. Throws `WRONG_DEVICE` when there is none or more than one,
 * `CUDA_UNAVAILABLE`, and `TypeError` for what is no such name.
 */
export function findDevice(which: number | string | undefined, attempt: string): GpuDevice {
  const all = listDevices();
  if (which === undefined || which === 'cuda') return all[0]!;
  const name = String(which).replace(/^cuda:/, '');
  const isIndex = typeof which === 'number' || (/^\d+$/.test(name) && name !== which);
  const isUuid = typeof which === 'string' && /^GPU-[0-9a-f-]*$/i.test(name);
  if (!isIndex && !isUuid) {
    throw new TypeError(
      `a device must be a number, 'cuda', 'cuda:N' or 'GPU-…', got ${describe(which)}`,
    );
  }
  const found = isIndex
    ? all.filter(({ index }) => index === Number(name))
    : all.filter(({ uuid }) => uuid.toLowerCase().startsWith(name.toLowerCase()));
  if (found.length === 1) return found[0]!;
  const problem = found.length === 0 ? 'there is no' : 'there is more than one';
  throw new SluiceError(
    'WRONG_DEVICE',
    `cannot ${attempt}: ${problem} GPU ${describe(which)}; the GPUs of this process are ${deviceList(all)}`,
    {
      details: {
        which,
        devices: all.map(({ index, name: model, uuid }) => ({ index, name: model, uuid })),
      },
    },
  );
}

function deviceList(all: readonly GpuDevice[]): string {
  return all.map(({ index, name, uuid }) => `cuda:${index} ${name} (${uuid})`).join(', ');
}

/** The device with exactly that UUID, or undefined when this process does not see it. Throws `CUDA_UNAVAILABLE`. */
export function deviceByUuid(uuid: string): GpuDevice | undefined {
  return listDevices().find((device) => device.uuid === uuid);
}

/** Whether kernels of `reader` can read memory of `owner`: the same GPU, or one with peer access to it. */
export function canAccess(reader: GpuDevice, owner: GpuDevice): boolean {
  if (reader.handle === owner.handle) return true;
  const code = cudaDriver().cuDeviceCanAccessPeer(cudaOut, reader.handle, owner.handle);
  const attempt = `ask whether cuda:${reader.index} reaches cuda:${owner.index}`;
  checkCuda(code, 'cuDeviceCanAccessPeer', attempt);
  return outI32() !== 0;
}

/**
 * Makes the primary context of `device` current on this thread: it is the one that CUDA's runtime, PyTorch and others
 * use. It is set each time, because other libraries of this thread set theirs; it is kept until the process ends.
 */
export function useDevice(device: GpuDevice): void {
  const context = contexts[device.index] ?? retainContext(device);
  const code = driver!.cuCtxSetCurrent(context);
  if (code !== 0) checkCuda(code, 'cuCtxSetCurrent', `use cuda:${device.index}`);
}

function retainContext(device: GpuDevice): number {
  const all = listDevices();
  const code = cudaDriver().cuDevicePrimaryCtxRetain(cudaOut, device.handle);
  checkCuda(code, 'cuDevicePrimaryCtxRetain', `make a context on cuda:${device.index}`);
  while (contexts.length < all.length) contexts.push(undefined);
  const context = outU64();
  contexts[device.index] = context;
  return context;
}

/**
 * Runs a call that gives something back, in the context of `device`. That earlier work has failed is no failure of it:
 * then every call fails, and the driver has taken back what it gave.
 */
export function releaseOn(
  device: GpuDevice,
  call: string,
  attempt: string,
  release: (cuda: CudaDriver) => number,
): void {
  try {
    useDevice(device);
  } catch (error) {
    if (isStickyCudaError(error)) return;
    throw error;
  }
  checkCudaRelease(release(cudaDriver()), call, attempt);
}

/**
 * The device of a stream's context. For the default streams (0, 1 and 2), which belong to whatever context is current,
 * the device of that one, or the first device when there is none.
 */
export function deviceOfStream(stream: number): GpuDevice {
  const all = listDevices();
  const cuda = cudaDriver();
  const attempt = `find the GPU of stream 0x${stream.toString(16)}`;
  if (stream <= 2) {
    const code = cuda.cuCtxGetDevice(cudaOut);
    if (code === CUDA_RESULTS.CUDA_ERROR_INVALID_CONTEXT) return all[0]!;
    checkCuda(code, 'cuCtxGetDevice', attempt);
    return deviceByHandle(outI32());
  }
  checkCuda(cuda.cuStreamGetCtx(stream, cudaOut), 'cuStreamGetCtx', attempt);
  const context = outU64();
  const index = contexts.indexOf(context);
  return index >= 0 ? all[index]! : deviceOfContext(context, attempt);
}

/** For contexts that were made by others. */
function deviceOfContext(context: number, attempt: string): GpuDevice {
  const cuda = cudaDriver();
  checkCuda(cuda.cuCtxPushCurrent(context), 'cuCtxPushCurrent', attempt);
  const code = cuda.cuCtxGetDevice(cudaOut);
  const handle = outI32();
  checkCuda(cuda.cuCtxPopCurrent(cudaOut), 'cuCtxPopCurrent', attempt);
  checkCuda(code, 'cuCtxGetDevice', attempt);
  return deviceByHandle(handle);
}

function deviceByHandle(handle: number): GpuDevice {
  return listDevices().find((device) => device.handle === handle)!;
}

/** The newest version of CUDA that the driver knows, such as '13.0'. Throws `CUDA_UNAVAILABLE`. */
export function driverVersion(): string {
  listDevices();
  checkCuda(cudaDriver().cuDriverGetVersion(cudaOut), 'cuDriverGetVersion', 'ask for its version');
  const version = outI32();
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}
