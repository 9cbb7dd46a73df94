/** sound: packets of sound made samples, for those who read them. */
export { checkPcmOptions, type PcmOptions } from './pcm-options.js';
export { PcmLine } from './pcm-line.js';
export type { SoundPacket } from './pcm-decoder.js';
