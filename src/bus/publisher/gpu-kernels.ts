/** The kernels of kernels/ring.cu, loaded once a process and device: the driver compiles their PTX then. */
import { readFileSync } from 'node:fs';
import { type GpuDevice, type Kernel, loadKernel } from '../../gpu/index.js';

export interface RingKernels {
  /** Every message fits one slot. */
  readonly uniform: Kernel;
  /** Few messages, their contexts in the parameters. */
  readonly small: Kernel;
  /** Messages of any length: where each goes, and then the messages. */
  readonly plan: Kernel;
  readonly write: Kernel;
}

const loaded = new Map<number, RingKernels>();

/** Throws `CUDA_ERROR` where the driver does not take them. */
export function ringKernels(device: GpuDevice): RingKernels {
  const known = loaded.get(device.index);
  if (known !== undefined) return known;
  const ptx = readFileSync(new URL('../../../../kernels/ring.ptx', import.meta.url), 'utf8');
  const load = (name: string): Kernel => loadKernel(ptx, name, { device: device.index });
  const kernels: RingKernels = {
    uniform: load('ring_write_uniform'),
    small: load('ring_write_small'),
    plan: load('ring_plan'),
    write: load('ring_write'),
  };
  loaded.set(device.index, kernels);
  return kernels;
}
