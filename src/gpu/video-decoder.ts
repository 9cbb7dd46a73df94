/**
 * The video decoder of a GPU (NVDEC), by the driver alone: a parser that finds the pictures in a stream and calls back,
 * and a decoder that is made when the parser has seen what they are.
 *
 * All of it runs in the thread that calls `parse`: the callbacks come while the parser runs, and what they throw is
 * kept until it returns, since it cannot pass through C.
 */
import { isDeepStrictEqual } from 'node:util';
import { SluiceError } from '../core/index.js';
import {
  addressOf,
  checkCuda,
  cudaError,
  decoderCapabilities,
  type DecoderCapabilities,
  type DeviceRows,
  type DisplayInfo,
  NVCUVID_CONSTANTS,
  NVCUVID_LAYOUT,
  packCreateInfo,
  packPacket,
  packParserParams,
  packProcessParams,
  readDisplayInfo,
  readSequenceFormat,
  type SequenceFormat,
  VIDEO_CODECS,
  type VideoCallback,
  videoCallback,
  type VideoCodec,
  videoDecoderCalls,
  viewAt,
} from '../ffi/index.js';
import { type GpuDevice, useDevice } from './devices.js';

/** Beyond what the stream needs: pictures that are decoded but not yet given out. */
const SPARE_SURFACES = 3;
/** The parser's word for "go on". */
const GO_ON = 1;

export interface VideoDecoderOptions {
  readonly device: GpuDevice;
  readonly codec: VideoCodec;
  /** CUstream of what is done with pictures on their way out. */
  readonly stream: number;
}

/** A decoded picture in the decoder's own memory, NV12 or P016: both planes have one pitch. */
export interface MappedPicture {
  readonly y: DeviceRows;
  readonly uv: DeviceRows;
}

const capabilities = new Map<string, DecoderCapabilities | undefined>();

/** Asked once a GPU, codec and depth: the driver takes milliseconds to say. */
export function videoDecoderCapabilities(
  device: GpuDevice,
  codec: VideoCodec,
  bitDepth: 8 | 10 | 12,
): DecoderCapabilities | undefined {
  const key = `${device.uuid} ${codec} ${bitDepth}`;
  if (!capabilities.has(key)) {
    useDevice(device);
    capabilities.set(key, decoderCapabilities(codec, bitDepth));
  }
  return capabilities.get(key);
}

export class VideoDecoder {
  readonly #options: VideoDecoderOptions;
  readonly #callbacks: { sequence: VideoCallback; decode: VideoCallback; display: VideoCallback };
  readonly #word = new Uint8Array(8);
  readonly #pitch = new Uint8Array(8);
  readonly #status = Buffer.alloc(NVCUVID_LAYOUT.statusBytes);
  #parser: number;
  #decoder = 0;
  #format: SequenceFormat | undefined;
  #displays: DisplayInfo[] = [];
  #failure: unknown;

  /** Throws `CUDA_UNAVAILABLE` without the library, `CUDA_ERROR`. */
  constructor(options: VideoDecoderOptions) {
    this.#options = options;
    useDevice(options.device);
    this.#callbacks = {
      sequence: videoCallback((data) => this.#guard(() => this.#begin(data))),
      decode: videoCallback((data) => this.#guard(() => this.#decode(data))),
      display: videoCallback((data) => this.#guard(() => this.#display(data))),
    };
    const params = packParserParams(VIDEO_CODECS[options.codec], {
      sequence: this.#callbacks.sequence.address,
      decode: this.#callbacks.decode.address,
      display: this.#callbacks.display.address,
    });
    const code = videoDecoderCalls().cuvidCreateVideoParser(this.#word, params);
    if (code !== 0) {
      this.#releaseCallbacks();
      throw cudaError(code, 'cuvidCreateVideoParser', `make a parser of ${options.codec}`);
    }
    this.#parser = wordOf(this.#word);
  }

  /**
   * Gives the bytes of one picture to the decoder, or the end of the stream. Returns the pictures whose turn to be shown
   * has come; each is to be mapped before the next call, which may overwrite it. Throws `CUDA_ERROR`, `CAMERA_FORMAT`.
   */
  parse(bytes: Uint8Array | undefined, timestamp: number): readonly DisplayInfo[] {
    useDevice(this.#options.device);
    this.#displays = [];
    const packet =
      bytes === undefined
        ? packPacket(0n, 0, timestamp)
        : packPacket(addressOf(bytes), bytes.byteLength, timestamp);
    const code = videoDecoderCalls().cuvidParseVideoData(this.#parser, packet);
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
    if (code !== 0) throw cudaError(code, 'cuvidParseVideoData', 'decode a picture');
    return this.#displays;
  }

  /** Whether the picture is decoded, so that mapping it does not block. True where the decoder does not say. */
  isReady({ index }: DisplayInfo): boolean {
    useDevice(this.#options.device);
    const code = videoDecoderCalls().cuvidGetDecodeStatus(this.#decoder, index, this.#status);
    if (code !== 0) return true;
    return this.#status.readInt32LE(0) !== NVCUVID_CONSTANTS.cuvidDecodeStatus_InProgress;
  }

  /**
   * Shows a picture to `use`, which may read it on the decoder's stream: what it enqueues there comes before whatever
   * the memory is used for next. Blocks while the picture is being decoded.
   */
  map(display: DisplayInfo, use: (picture: MappedPicture) => void): void {
    const { device, stream } = this.#options;
    useDevice(device);
    const calls = videoDecoderCalls();
    const params = packProcessParams(display, stream);
    const code = calls.cuvidMapVideoFrame64(
      this.#decoder,
      display.index,
      this.#word,
      this.#pitch,
      params,
    );
    if (code !== 0) throw cudaError(code, 'cuvidMapVideoFrame', 'take a decoded picture');
    const address = wordOf(this.#word);
    const pitchBytes = new DataView(this.#pitch.buffer).getUint32(0, true);
    const { top, bottom } = (this.#format as SequenceFormat).area;
    const rows = bottom - top;
    try {
      use({
        y: { address, pitchBytes },
        uv: { address: address + pitchBytes * (rows + (rows % 2)), pitchBytes },
      });
    } finally {
      checkCuda(
        calls.cuvidUnmapVideoFrame64(this.#decoder, address),
        'cuvidUnmapVideoFrame',
        'give a decoded picture back',
      );
    }
  }

  /** What is enqueued of its pictures must be done. Twice is harmless. */
  close(): void {
    if (this.#parser === 0) return;
    useDevice(this.#options.device);
    const calls = videoDecoderCalls();
    // A GPU that has failed has taken them back already, so what these return says nothing.
    calls.cuvidDestroyVideoParser(this.#parser);
    this.#parser = 0;
    if (this.#decoder !== 0) calls.cuvidDestroyDecoder(this.#decoder);
    this.#decoder = 0;
    this.#releaseCallbacks();
  }

  #guard(call: () => number): number {
    if (this.#failure !== undefined) return 0;
    try {
      return call();
    } catch (error) {
      this.#failure = error;
      return 0;
    }
  }

  /** The stream begins, or changes: returns how many pictures the decoder can hold. */
  #begin(data: number): number {
    const format = readSequenceFormat(new Uint8Array(viewAt(data, NVCUVID_LAYOUT.formatBytes)));
    const { device, codec } = this.#options;
    const caps = videoDecoderCapabilities(device, codec, format.bitDepth as 8 | 10 | 12);
    const { codedWidth, codedHeight, chroma, bitDepth } = format;
    const fits = caps !== undefined && codedWidth <= caps.maxWidth && codedHeight <= caps.maxHeight;
    if (!fits || chroma !== 1) {
      throw new SluiceError(
        'CAMERA_FORMAT',
        `cuda:${device.index} does not decode ${codec} of ${codedWidth}x${codedHeight} in ${bitDepth} bits`,
        { details: { codec, codedWidth, codedHeight, bitDepth, chroma, ...caps } },
      );
    }
    const surfaces = format.minSurfaces + SPARE_SURFACES;
    // After the end of a stream the same one may begin again: making a decoder takes long.
    if (this.#decoder !== 0 && isDeepStrictEqual(format, this.#format)) return surfaces;
    const calls = videoDecoderCalls();
    if (this.#decoder !== 0) calls.cuvidDestroyDecoder(this.#decoder);
    this.#decoder = 0;
    const code = calls.cuvidCreateDecoder(this.#word, packCreateInfo(format, surfaces));
    if (code !== 0) {
      throw cudaError(
        code,
        'cuvidCreateDecoder',
        `decode ${codec} of ${codedWidth}x${codedHeight}`,
      );
    }
    this.#decoder = wordOf(this.#word);
    this.#format = format;
    return surfaces;
  }

  #decode(data: number): number {
    if (this.#decoder === 0) return 0;
    const code = videoDecoderCalls().cuvidDecodePicture(this.#decoder, data);
    if (code !== 0) throw cudaError(code, 'cuvidDecodePicture', 'decode a picture');
    return GO_ON;
  }

  #display(data: number): number {
    if (data === 0) return GO_ON;
    const bytes = new Uint8Array(viewAt(data, NVCUVID_LAYOUT.displayInfoBytes));
    this.#displays.push(readDisplayInfo(bytes));
    return GO_ON;
  }

  #releaseCallbacks(): void {
    for (const callback of Object.values(this.#callbacks)) callback.release();
  }
}

function wordOf(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer).getBigUint64(0, true));
}
