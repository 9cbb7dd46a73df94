/** gpu: CUDA devices, streams, events, kernels, and memory that GPUs and processes share. Imports core and ffi. */
export { compileKernel, type CompileOptions } from './compile.js';
export { DeviceBuffer } from './device-memory.js';
export {
  canAccess,
  cudaProblem,
  deviceByUuid,
  deviceOfStream,
  driverVersion,
  findDevice,
  type GpuDevice,
  listDevices,
  useDevice,
} from './devices.js';
export { Event, type EventOptions } from './event.js';
export {
  registerHostMemory,
  type Registration,
  type RegistrationOptions,
} from './host-registration.js';
export type { KernelArgument } from './kernel-arguments.js';
export { type Kernel, type LaunchOptions, loadKernel } from './kernel.js';
export * from './probes.js';
export {
  allocateShared,
  granularityBytes,
  type ImportOptions,
  importShared,
  type SharedAllocation,
} from './shared-allocation.js';
export { type CudaStream, streamHandle, type StreamLike } from './stream-handle.js';
export * from './stream-operations.js';
export { onOwnStream, Stream, type StreamOptions } from './stream.js';
// A stream whose work has failed makes every later call fail, too.
export { type FaultWitness, isStickyCudaError, witnessFaults } from '../ffi/index.js';
export {
  type MappedPicture,
  VideoDecoder,
  videoDecoderCapabilities,
  type VideoDecoderOptions,
} from './video-decoder.js';
export type { DisplayInfo, VideoCodec } from '../ffi/index.js';
