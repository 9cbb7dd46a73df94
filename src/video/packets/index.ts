/** packets: encoded pictures and sound as channels carry them. */
export * from './access-units.js';
export { joinNals, lengthsToStartCodes, nalPlaces, type NalPlace } from './annex-b.js';
export { type PacketFacts, packetFacts } from './packet-facts.js';
export {
  openPackets,
  type Packet,
  PacketReader,
  type PacketReaderOptions,
} from './packet-reader.js';
export { colorNumbersOf, type VideoParameters } from './video-parameters.js';
export { readVp9KeyFrame } from './vp9.js';
