/** The kernels of kernels/*.ptx, each loaded once a process and device: the driver compiles its PTX then. */
import { readFileSync } from 'node:fs';
import { type GpuDevice, type Kernel, loadKernel } from '../../gpu/index.js';

const loaded = new Map<string, Kernel>();

function shippedKernel(file: string, name: string, device: GpuDevice): Kernel {
  const key = `${name} ${device.index}`;
  const known = loaded.get(key);
  if (known !== undefined) return known;
  const ptx = readFileSync(new URL(`../../../../kernels/${file}`, import.meta.url), 'utf8');
  const kernel = loadKernel(ptx, name, { device: device.index });
  loaded.set(key, kernel);
  return kernel;
}

/** Blocks until the work of this process on the GPU is done when it is the first time. Throws `CUDA_ERROR`. */
export function pixelsKernel(device: GpuDevice): Kernel {
  return shippedKernel('pixels.ptx', 'convert_pixels', device);
}

/** As `pixelsKernel`. */
export function overlayKernel(device: GpuDevice): Kernel {
  return shippedKernel('overlay.ptx', 'draw_overlay', device);
}
