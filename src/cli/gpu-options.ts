/** Options that name memory or a GPU, and what mends their failures in the words of the command line. */
import { type ErrorCode, SluiceError } from '../core/index.js';
import { UsageError } from './run.js';

/** 'host', 'cuda', or 'cuda:' with a number or a UUID: what the library calls a memory. */
export type MemoryName = 'host' | GpuName;
export type GpuName = 'cuda' | `cuda:${string}`;

const GPU_NAME = /^cuda(?::(?:\d{1,4}|GPU-[0-9A-Fa-f-]{1,36}))?$/;

/** `cuda`, `cuda:1`, `cuda:GPU-5f1c`. Whether there is such a GPU shows later: no CUDA library is loaded here. */
export function gpuName(option: string): (value: string) => GpuName {
  return (value) => {
    if (GPU_NAME.test(value)) return value as GpuName;
    throw new UsageError(
      `${option} ${JSON.stringify(value)}: must be cuda, cuda:N or cuda:GPU-UUID`,
    );
  };
}

/** As `gpuName`, or `host`. */
export function memoryName(option: string): (value: string) => MemoryName {
  return (value) => {
    if (value === 'host' || GPU_NAME.test(value)) return value as MemoryName;
    throw new UsageError(
      `${option} ${JSON.stringify(value)}: must be host, cuda, cuda:N or cuda:GPU-UUID`,
    );
  };
}

/** The same failure with the remedy that `remedies` has for its code, if any. */
export function withRemedy(error: unknown, remedies: Partial<Record<ErrorCode, string>>): unknown {
  if (!(error instanceof SluiceError)) return error;
  const { code, message, details } = error as SluiceError;
  const remedy = remedies[code];
  if (remedy === undefined) return error;
  return new SluiceError(code, message, { details, remedy, cause: error });
}
