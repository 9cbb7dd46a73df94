/** sluice/cuda: streams, events, kernels and memory of the GPU, for programs that use no other CUDA library. */
import { type GpuDevice as Device, listDevices as listAll } from './gpu/index.js';

export {
  compileKernel,
  type CompileOptions,
  type CudaStream,
  DeviceBuffer,
  Event,
  type EventOptions,
  type Kernel,
  type KernelArgument,
  type LaunchOptions,
  loadKernel,
  Stream,
  type StreamLike,
  type StreamOptions,
} from './gpu/index.js';

export {
  type DeviceContexts,
  GpuProducer,
  type GpuProducerOptions,
  type GpuProducerStats,
  type MessageContext,
  type MessageStyle,
  type PublishedBatch,
} from './bus/index.js';

/** A GPU as this process numbers it. The UUID is the same in every process. */
export type GpuDevice = Omit<Device, 'handle'>;

/** The GPUs that CUDA shows to this process, at least one. Throws `CUDA_UNAVAILABLE`. */
export function listDevices(): readonly GpuDevice[] {
  return listAll();
}
