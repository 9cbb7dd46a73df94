/** How callers name a CUDA stream, of Sluice or of any other library. */
import { describe } from '../core/index.js';

/** An object that stands for a stream. */
export interface CudaStream {
  /** CUstream, the same as cudaStream_t: the address as other CUDA libraries give it. */
  readonly handle: bigint;
}

/** A stream or its handle; 0n is the legacy default stream. */
export type StreamLike = CudaStream | bigint;

/** The handle as a number. `TypeError` for what is no stream. */
export function streamHandle(stream: StreamLike): number {
  const handle = typeof stream === 'bigint' ? stream : handleOf(stream);
  const number = Number(handle);
  if (number >= 0 && number <= Number.MAX_SAFE_INTEGER) return number;
  throw new TypeError(`a stream handle must be an address, got ${handle}`);
}

function handleOf(stream: unknown): bigint {
  const handle: unknown =
    typeof stream === 'object' && stream !== null ? Reflect.get(stream, 'handle') : undefined;
  if (typeof handle === 'bigint') return handle;
  throw new TypeError(
    `a stream must be a bigint or an object with a bigint 'handle', got ${describe(stream)}`,
  );
}
