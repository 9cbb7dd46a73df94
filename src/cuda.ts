/** sluice/cuda: streams, events, kernels and memory of the GPU, for programs that use no other CUDA library. */
export {
  compileKernel,
  type CompileOptions,
  type CudaStream,
  DeviceBuffer,
  Event,
  type EventOptions,
  type GpuDevice,
  type Kernel,
  type KernelArgument,
  type LaunchOptions,
  listDevices,
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
