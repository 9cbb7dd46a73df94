/** video: cameras, packets and sound, conversions, taps and recordings, made of what bus publishes and reads. */
export * from './camera/index.js';
export * from './encode/index.js';
export {
  openPackets,
  type Packet,
  PacketReader,
  type PacketReaderOptions,
} from './packets/index.js';
export * from './tap/index.js';
