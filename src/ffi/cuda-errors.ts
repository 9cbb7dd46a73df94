/** Failures of the CUDA driver as conditions that a user can act on. */
import { SluiceError, isSluiceError, type ErrorCode } from '../core/index.js';
import { cudaDriver, cudaOut, outText } from './cuda-driver.js';

/** CUresult, cuda.h: those that decide something here. */
export const CUDA_RESULTS = Object.freeze({
  CUDA_SUCCESS: 0,
  CUDA_ERROR_INVALID_VALUE: 1,
  CUDA_ERROR_OUT_OF_MEMORY: 2,
  CUDA_ERROR_NOT_INITIALIZED: 3,
  CUDA_ERROR_DEINITIALIZED: 4,
  CUDA_ERROR_STUB_LIBRARY: 34,
  CUDA_ERROR_DEVICE_UNAVAILABLE: 46,
  CUDA_ERROR_NO_DEVICE: 100,
  CUDA_ERROR_INVALID_DEVICE: 101,
  CUDA_ERROR_INVALID_CONTEXT: 201,
  CUDA_ERROR_ECC_UNCORRECTABLE: 214,
  CUDA_ERROR_PEER_ACCESS_UNSUPPORTED: 217,
  CUDA_ERROR_NVLINK_UNCORRECTABLE: 220,
  CUDA_ERROR_CONTAINED: 226,
  CUDA_ERROR_INVALID_HANDLE: 400,
  CUDA_ERROR_NOT_READY: 600,
  CUDA_ERROR_ILLEGAL_ADDRESS: 700,
  CUDA_ERROR_LAUNCH_TIMEOUT: 702,
  CUDA_ERROR_CONTEXT_IS_DESTROYED: 709,
  CUDA_ERROR_ASSERT: 710,
  CUDA_ERROR_HARDWARE_STACK_ERROR: 714,
  CUDA_ERROR_ILLEGAL_INSTRUCTION: 715,
  CUDA_ERROR_MISALIGNED_ADDRESS: 716,
  CUDA_ERROR_INVALID_ADDRESS_SPACE: 717,
  CUDA_ERROR_INVALID_PC: 718,
  CUDA_ERROR_LAUNCH_FAILED: 719,
  CUDA_ERROR_NOT_SUPPORTED: 801,
  CUDA_ERROR_SYSTEM_NOT_READY: 802,
  CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: 803,
  CUDA_ERROR_MPS_CLIENT_TERMINATED: 810,
  CUDA_ERROR_UNKNOWN: 999,
});

const {
  CUDA_SUCCESS,
  CUDA_ERROR_OUT_OF_MEMORY,
  CUDA_ERROR_NOT_INITIALIZED,
  CUDA_ERROR_STUB_LIBRARY,
  CUDA_ERROR_DEVICE_UNAVAILABLE,
  CUDA_ERROR_NO_DEVICE,
  CUDA_ERROR_SYSTEM_NOT_READY,
  CUDA_ERROR_SYSTEM_DRIVER_MISMATCH,
} = CUDA_RESULTS;

/** Nothing of CUDA works, or will before the machine is put right. */
const UNAVAILABLE: ReadonlySet<number> = new Set([
  CUDA_ERROR_NOT_INITIALIZED,
  CUDA_ERROR_STUB_LIBRARY,
  CUDA_ERROR_DEVICE_UNAVAILABLE,
  CUDA_ERROR_NO_DEVICE,
  CUDA_ERROR_SYSTEM_NOT_READY,
  CUDA_ERROR_SYSTEM_DRIVER_MISMATCH,
]);

/** cuda.h says of these that the process must be ended and started again to go on with CUDA. */
const STICKY: ReadonlySet<number> = new Set([
  CUDA_RESULTS.CUDA_ERROR_DEINITIALIZED,
  CUDA_RESULTS.CUDA_ERROR_ECC_UNCORRECTABLE,
  CUDA_RESULTS.CUDA_ERROR_NVLINK_UNCORRECTABLE,
  CUDA_RESULTS.CUDA_ERROR_CONTAINED,
  CUDA_RESULTS.CUDA_ERROR_ILLEGAL_ADDRESS,
  CUDA_RESULTS.CUDA_ERROR_LAUNCH_TIMEOUT,
  CUDA_RESULTS.CUDA_ERROR_CONTEXT_IS_DESTROYED,
  CUDA_RESULTS.CUDA_ERROR_ASSERT,
  CUDA_RESULTS.CUDA_ERROR_HARDWARE_STACK_ERROR,
  CUDA_RESULTS.CUDA_ERROR_ILLEGAL_INSTRUCTION,
  CUDA_RESULTS.CUDA_ERROR_MISALIGNED_ADDRESS,
  CUDA_RESULTS.CUDA_ERROR_INVALID_ADDRESS_SPACE,
  CUDA_RESULTS.CUDA_ERROR_INVALID_PC,
  CUDA_RESULTS.CUDA_ERROR_LAUNCH_FAILED,
  CUDA_RESULTS.CUDA_ERROR_MPS_CLIENT_TERMINATED,
]);

/**
 * Throws unless `code` is CUDA_SUCCESS: `NO_SPACE` when GPU memory ran out, `CUDA_UNAVAILABLE` when there is no GPU to
 * use, else `CUDA_ERROR`. `attempt` completes "cannot …".
 */
export function checkCuda(code: number, call: string, attempt: string): void {
  if (code !== CUDA_SUCCESS) throw cudaError(code, call, attempt);
}

/** The error for a CUresult that is not CUDA_SUCCESS. */
export function cudaError(code: number, call: string, attempt: string): SluiceError {
  const name = resultName(code);
  const answer = `${call} answered ${name} (${code})${resultText(code)}`;
  if (!STICKY.has(code)) {
    return new SluiceError(errorCode(code), `cannot ${attempt}: ${answer}`, {
      details: { call, code, name },
    });
  }
  const inUse = [...witnesses].flatMap((witness) => witness.describe() ?? []);
  const use = inUse.length === 0 ? '' : `; a GPU of this process used ${inUse.join(', ')}`;
  const error = new SluiceError('CUDA_ERROR', `cannot ${attempt}: ${answer}${use}`, {
    details: { call, code, name, ...(inUse.length === 0 ? {} : { inUse }) },
  });
  // Not within the call that met it: whoever made that call hears of it first.
  for (const witness of [...witnesses]) queueMicrotask(() => witness.faulted(error));
  return error;
}

/** Whoever uses the GPU, and cannot any more after a fault. */
export interface FaultWitness {
  /** What the GPU was using: a fault shows in whatever call comes next, which says nothing of its cause. */
  describe(): string | undefined;
  faulted(error: SluiceError): void;
}

const witnesses = new Set<FaultWitness>();

/** `witness` hears of errors after which this process cannot use the GPU, until the function returned here is called. */
export function witnessFaults(witness: FaultWitness): () => void {
  witnesses.add(witness);
  return () => void witnesses.delete(witness);
}

/**
 * For the calls of `close`: throws as `checkCuda` does, but not for an error of earlier work, after which every call
 * fails and the driver has taken back what it had.
 */
export function checkCudaRelease(code: number, call: string, attempt: string): void {
  if (code !== CUDA_SUCCESS && !STICKY.has(code)) throw cudaError(code, call, attempt);
}

/** Whether CUDA is over for this process, as after a kernel's store into memory that it may only read. */
export function isStickyCudaError(error: unknown): boolean {
  if (!isSluiceError(error, 'CUDA_ERROR')) return false;
  const { code } = error.details;
  return typeof code === 'number' && STICKY.has(code);
}

function errorCode(code: number): ErrorCode {
  if (code === CUDA_ERROR_OUT_OF_MEMORY) return 'NO_SPACE';
  return UNAVAILABLE.has(code) ? 'CUDA_UNAVAILABLE' : 'CUDA_ERROR';
}

/** Newer drivers know more results than the table above. */
function resultName(code: number): string {
  const failed = cudaDriver().cuGetErrorName(code, cudaOut) !== CUDA_SUCCESS;
  return failed ? 'an unknown error' : outText();
}

function resultText(code: number): string {
  return cudaDriver().cuGetErrorString(code, cudaOut) === CUDA_SUCCESS ? `: ${outText()}` : '';
}
