/** The video decoder of a GPU (libnvcuvid, part of the driver): its functions, raw, and what it can do. */
import { loadCudaLibrary } from './cuda-driver.js';
import { cudaError } from './cuda-errors.js';
import { koffi, lazily } from './koffi.js';

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

/** By its soname, then as installations for developers have it; `$SLUICE_NVCUVID_LIBRARY` goes before both. */
const LIBRARY_NAMES = ['libnvcuvid.so.1', 'libnvcuvid.so'] as const;

const calls = lazily(() => {
  const chosen = process.env['SLUICE_NVCUVID_LIBRARY'];
  const names = chosen === undefined || chosen === '' ? LIBRARY_NAMES : [chosen];
  const library = loadCudaLibrary('the video decoder', names);
  const bind = <F>(prototype: string): F => library.func(prototype) as unknown as F;
  return {
    cuvidGetDecoderCaps: bind<(capabilities: Uint8Array) => number>(
      'int cuvidGetDecoderCaps(void *capabilities)',
    ),
    cuvidCreateVideoParser: bind<(parser: Uint8Array, params: Uint8Array) => number>(
      'int cuvidCreateVideoParser(void *parser, void *params)',
    ),
    cuvidParseVideoData: bind<(parser: number, packet: Uint8Array) => number>(
      'int cuvidParseVideoData(uintptr_t parser, void *packet)',
    ),
    cuvidDestroyVideoParser: bind<(parser: number) => number>(
      'int cuvidDestroyVideoParser(uintptr_t parser)',
    ),
    cuvidCreateDecoder: bind<(decoder: Uint8Array, info: Uint8Array) => number>(
      'int cuvidCreateDecoder(void *decoder, void *info)',
    ),
    cuvidDecodePicture: bind<(decoder: number, picture: number) => number>(
      'int cuvidDecodePicture(uintptr_t decoder, uintptr_t picture)',
    ),
    cuvidGetDecodeStatus: bind<(decoder: number, index: number, status: Uint8Array) => number>(
      'int cuvidGetDecodeStatus(uintptr_t decoder, int index, void *status)',
    ),
    cuvidMapVideoFrame64: bind<
      (
        decoder: number,
        index: number,
        address: Uint8Array,
        pitch: Uint8Array,
        params: Uint8Array,
      ) => number
    >(
      'int cuvidMapVideoFrame64(uintptr_t decoder, int index, void *address, void *pitch, void *params)',
    ),
    cuvidUnmapVideoFrame64: bind<(decoder: number, address: number) => number>(
      'int cuvidUnmapVideoFrame64(uintptr_t decoder, unsigned long long address)',
    ),
    cuvidDestroyDecoder: bind<(decoder: number) => number>(
      'int cuvidDestroyDecoder(uintptr_t decoder)',
    ),
  };
});

/**
 * The functions of the decoder, as nvcuvid.h and cuviddec.h declare them: each returns a CUresult. Throws
 * `CUDA_UNAVAILABLE` when the library is absent.
 */
export function videoDecoderCalls(): ReturnType<typeof calls> {
  return calls();
}

/** A function that the parser calls: with its address, in this thread, while `cuvidParseVideoData` runs. */
export interface VideoCallback {
  readonly address: bigint;
  release(): void;
}

let callbackType: unknown;

/**
 * `call` is given the address of a struct, 0 at the end of the stream, and returns 0 for a failure. It must not throw:
 * it is called from C.
 */
export function videoCallback(call: (data: number) => number): VideoCallback {
  const ffi = koffi();
  callbackType ??= ffi.pointer(
    ffi.proto('int SluiceVideoCallback(uintptr_t user, uintptr_t data)') as never,
  );
  const pointer = ffi.register(
    (_user: unknown, data: unknown) => call(Number(data)),
    callbackType as never,
  );
  return {
    address: BigInt(ffi.address(pointer as never)),
    release: () => ffi.unregister(pointer as never),
  };
}

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
