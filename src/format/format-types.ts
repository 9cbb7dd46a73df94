/** The types of formats: what a publisher states in full and a subscriber asks for in part. */
import type { ReadonlyTensorView, TensorSpec, TensorView } from '../tensor/index.js';
import type { ColorSpace } from './color.js';

/**
 * `nv12`, `p010` (16 bits a sample, the upper 10 used) and `i420` are YUV 4:2:0; the others are
 * packed. The names are those of FFmpeg's `-pix_fmt`, without the byte order: memory is
 * little-endian.
 */
export type PixelFormat = (typeof PIXEL_FORMATS)[number];
export const PIXEL_FORMATS = Object.freeze([
  'nv12',
  'p010',
  'i420',
  'rgb24',
  'bgr24',
  'rgba',
  'bgra',
  'gray8',
  'gray16',
] as const);

export const PACKET_CODECS = Object.freeze([
  'h264',
  'hevc',
  'av1',
  'aac',
  'opus',
  'pcm-alaw',
  'pcm-mulaw',
] as const);
/** How packets are encoded. */
export type PacketCodec = (typeof PACKET_CODECS)[number];

export const AUDIO_DTYPES = Object.freeze(['i16', 'f32'] as const);

/** Pictures of one size. */
export interface VideoFormat {
  readonly kind: 'video';
  /** In pixels, 1 to 16384. Odd sizes are allowed: chroma rounds up. */
  readonly width: number;
  readonly height: number;
  readonly pixelFormat: PixelFormat;
  readonly color?: ColorSpace;
}

/** One or several named tensors a frame. */
export interface TensorFormat<K extends string = string> {
  readonly kind: 'tensor';
  readonly tensors: Readonly<Record<K, TensorSpec>>;
}

/**
 * Blocks of interleaved samples: `[samples, channels]`, up to `maxSamples` a channel in a block.
 */
export interface AudioFormat {
  readonly kind: 'audio';
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly dtype: (typeof AUDIO_DTYPES)[number];
  readonly maxSamples: number;
}

/** What a frame channel can carry: fixed-size memory, read in place. */
export type FrameFormat = VideoFormat | TensorFormat | AudioFormat;

/** UTF-8 text. */
export interface TextFormat {
  readonly kind: 'text';
}

/** Bytes as they are. */
export interface BytesFormat {
  readonly kind: 'bytes';
  readonly mediaType?: string;
}

/**
 * JSON values. The schema stays in the process that gave it: it is not announced and not compared.
 */
export interface JsonFormat<T = unknown> {
  readonly kind: 'json';
  readonly schema?: StandardSchema<T>;
}

/** Encoded video or audio, one access unit a message. */
export interface PacketFormat {
  readonly kind: 'packet';
  readonly codec: PacketCodec;
}

/** What a message channel can carry: units of any size, copied out of a ring. */
export type MessageFormat = TextFormat | BytesFormat | JsonFormat | PacketFormat;

/** What a channel carries, stated in full by its publisher. */
export type Format = FrameFormat | MessageFormat;

/** Part of a format: what is left out may vary. */
export type Pattern<F> = {
  readonly kind: F extends { kind: infer K } ? K : never;
} & Partial<F>;

/** Any pattern. A complete format is one too. */
export type FormatPattern =
  | Pattern<VideoFormat>
  | Pattern<TensorFormat>
  | Pattern<AudioFormat>
  | Pattern<TextFormat>
  | Pattern<BytesFormat>
  | Pattern<JsonFormat>
  | Pattern<PacketFormat>;

/**
 * The part of Standard Schema v1 (standardschema.dev) that is used; only synchronous validators are
 * supported.
 */
export interface StandardSchema<T> {
  readonly '~standard': {
    validate(value: unknown): { value: T } | { issues: readonly unknown[] } | Promise<unknown>;
    readonly types?: { output: T } | undefined;
  };
}

/** What a message of a format holds. */
export type Payload<F> =
  F extends JsonFormat<infer T> ? T : F extends TextFormat ? string : Uint8Array;

/**
 * The named tensors of a frame: those of a tensor format; `samples` for audio; none for video (see
 * `asTensor()`).
 */
export type TensorsOf<F> =
  F extends TensorFormat<infer K>
    ? Readonly<Record<K, TensorView>>
    : F extends AudioFormat
      ? Readonly<Record<'samples', TensorView>>
      : never;

/** {@link TensorsOf} a received frame: views that may only be read. */
export type ReadonlyTensorsOf<F> = {
  readonly [K in keyof TensorsOf<F>]: ReadonlyTensorView;
};
