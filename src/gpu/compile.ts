/** Kernels from CUDA C++ source, compiled while the program runs. */
import { compileToPtx } from '../ffi/index.js';
import { findDevice } from './devices.js';
import { type Kernel, loadFunction } from './kernel.js';

/** How a kernel is compiled. */
export interface CompileOptions {
  /** The GPU that is to run it: a number, 'cuda:1', 'GPU-…'; default the first. */
  readonly device?: number | string | undefined;
  /** Options of NVRTC, such as '--use_fast_math'. */
  readonly options?: readonly string[] | undefined;
  /** Include name → text. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Compiles the kernel `name` of `source` with NVRTC, on another thread, and loads it. Where NVRTC may be absent, compile
 * to PTX beforehand and use `loadKernel`. Throws `CUDA_ERROR` with the compiler's messages in `details.log`,
 * `CUDA_UNAVAILABLE` without a driver or without NVRTC, `WRONG_DEVICE`.
 */
export async function compileKernel(
  source: string,
  name: string,
  options: CompileOptions = {},
): Promise<Kernel> {
  const attempt = `compile the kernel '${name}'`;
  const device = findDevice(options.device, attempt);
  const { ptx, entry } = await compileToPtx({
    source,
    name,
    computeCapability: device.computeCapability,
    options: options.options ?? [],
    headers: options.headers ?? {},
  });
  return loadFunction({ ptx, entry, name, device, attempt });
}
