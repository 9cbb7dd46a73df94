/** What the video decoder of a GPU can do (libnvcuvid, part of the driver). Decoding itself is not done here. */
import { loadCudaLibrary } from './cuda-driver.js';
import { cudaError } from './cuda-errors.js';
import { lazily } from './koffi.js';

/** cudaVideoCodec, cuviddec.h of the Video Codec SDK. */
export const VIDEO_CODECS = Object.freeze({
  mpeg1: 0,
  mpeg2: 1,
  mpeg4: 2,
  vc1: 3,
  h264: 4,
  jpeg: 5,
  hevc: 8,
  vp8: 9,
  vp9: 10,
  av1: 11,
});

export type VideoCodec = keyof typeof VIDEO_CODECS;

/** cudaVideoChromaFormat: two chroma samples for 2×2 of luma. */
const CHROMA_420 = 1;

/**
 * CUVIDDECODECAPS, 88 bytes, little-endian. The first three fields are asked, the rest is answered:
 *
 *      0 codec u32 | 4 chroma u32 | 8 bitDepth-8 u32 | 12 reserved
 *     24 supported u8 | 25 engines u8 | 26 outputs u16 | 28 maxWidth u32 | 32 maxHeight u32 | 36 … reserved to 88
 */
const CAPS_BYTES = 88;

const calls = lazily(() => {
  const library = loadCudaLibrary('the video decoder', ['libnvcuvid.so.1', 'libnvcuvid.so']);
  return {
    cuvidGetDecoderCaps: library.func('int cuvidGetDecoderCaps(void *capabilities)') as unknown as (
      capabilities: Uint8Array,
    ) => number,
  };
});

export interface DecoderCapabilities {
  readonly maxWidth: number;
  readonly maxHeight: number;
  /** Hardware units that decode it. */
  readonly engines: number;
}

/**
 * Asks the GPU whose context is current. Undefined when it does not decode such video. Throws `CUDA_UNAVAILABLE` when
 * the library is absent, as in containers that were not given the capability "video".
 */
export function decoderCapabilities(
  codec: VideoCodec,
  bitDepth: 8 | 10 | 12,
): DecoderCapabilities | undefined {
  const capabilities = Buffer.alloc(CAPS_BYTES);
  capabilities.writeUInt32LE(VIDEO_CODECS[codec], 0);
  capabilities.writeUInt32LE(CHROMA_420, 4);
  capabilities.writeUInt32LE(bitDepth - 8, 8);
  const code = calls().cuvidGetDecoderCaps(capabilities);
  if (code !== 0) throw cudaError(code, 'cuvidGetDecoderCaps', `ask what decodes ${codec}`);
  if (capabilities.readUInt8(24) === 0) return undefined;
  return {
    engines: capabilities.readUInt8(25),
    maxWidth: capabilities.readUInt32LE(28),
    maxHeight: capabilities.readUInt32LE(32),
  };
}
