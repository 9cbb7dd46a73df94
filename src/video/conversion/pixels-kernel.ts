/** The kernel of kernels/pixels.cu, loaded once a process and device: the driver compiles its PTX then. */
import { readFileSync } from 'node:fs';
import { type GpuDevice, type Kernel, loadKernel } from '../../gpu/index.js';

const loaded = new Map<number, Kernel>();

/** Blocks until the work of this process on the GPU is done when it is the first time. Throws `CUDA_ERROR`. */
export function pixelsKernel(device: GpuDevice): Kernel {
  const known = loaded.get(device.index);
  if (known !== undefined) return known;
  const ptx = readFileSync(new URL('../../../../kernels/pixels.ptx', import.meta.url), 'utf8');
  const kernel = loadKernel(ptx, 'convert_pixels', { device: device.index });
  loaded.set(device.index, kernel);
  return kernel;
}
