/** video: cameras, packets and sound, conversions, taps and recordings, made of what bus publishes and reads. */
export * from './inputs/index.js';
export * from './detections/index.js';
export * from './overlay/index.js';
export * from './filter/index.js';
export * from './snapshot/index.js';
export * from './mosaic/index.js';
export {
  type Box,
  type Fit,
  type Placement,
  placePicture,
  type Size,
  toSourceBox,
} from '../pixels/index.js';
export type { ResizeFilter, TensorTarget } from '../pixels/index.js';
export * from './camera/index.js';
export type { PcmOptions } from './sound/index.js';
export * from './tap/index.js';
export * from './record/index.js';
export * from './encode/index.js';
export {
  openPackets,
  type Packet,
  PacketReader,
  type PacketReaderOptions,
} from './packets/index.js';
export * from './mcap/index.js';
export * from './replay/index.js';
