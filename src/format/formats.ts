/**
 * One noun function a kind of format. A publisher states a format in full; a subscriber leaves out
 * what may vary and gets a pattern. The results are frozen plain objects. Wrong arguments throw
 * TypeError or RangeError, naming the argument, its value and its range.
 */
import { assertKnownKeys, describe } from '../core/index.js';
import {
  argumentError,
  type DType,
  tensorSpecProblem,
  tensorsProblem,
  type TensorSpec,
} from '../tensor/index.js';
import { FORMAT_FIELDS, formatProblem, freezeFormat, isComplete } from './format-rules.js';
import type {
  AudioFormat,
  BytesFormat,
  Format,
  FormatPattern,
  JsonFormat,
  PacketFormat,
  Pattern,
  StandardSchema,
  TensorFormat,
  TextFormat,
  VideoFormat,
} from './format-types.js';

export type * from './format-types.js';

/**
 * Pictures. Width and height are pixels from 1 to 16384; with odd ones the chroma planes of nv12,
 * p010 and i420 round up. A colour that is not given is guessed (`color.guessed`): BT.709 from 720
 * lines up, else BT.601, limited range.
 *
 * @example
 * video({ width: 1920, height: 1080, pixelFormat: 'nv12' }) // a publisher's
 * video({ pixelFormat: 'nv12' })                            // any size, for a subscriber
 */
export function video(format: Omit<VideoFormat, 'kind'>): VideoFormat;
export function video(format?: Partial<Omit<VideoFormat, 'kind'>>): Pattern<VideoFormat>;
export function video(format: Partial<Omit<VideoFormat, 'kind'>> = {}): Pattern<VideoFormat> {
  return build('video()', 'video', format) as Pattern<VideoFormat>;
}

/**
 * One tensor, called `data`. With `variable`, `shape` is an upper bound and each frame carries its
 * own.
 */
export function tensor(
  dtype: DType,
  shape: readonly number[],
  options: { readonly variable?: boolean } = {},
): TensorFormat<'data'> {
  assertKnownKeys('tensor()', options, ['variable']);
  const data: TensorSpec = { dtype, shape, ...options };
  const problem = tensorSpecProblem('tensor', data);
  if (problem !== undefined) throw argumentError('tensor()', problem);
  return build('tensor()', 'tensor', { tensors: { data } }) as TensorFormat<'data'>;
}

/**
 * Several named tensors a frame, under one fence; without an argument any tensors, for a
 * subscriber. At most 16, of rank 8 at most; together below 4 GiB, and the variable ones with 22
 * dimensions at most.
 */
export function tensors<K extends string>(specs: Readonly<Record<K, TensorSpec>>): TensorFormat<K>;
export function tensors(): Pattern<TensorFormat>;
export function tensors(specs?: Readonly<Record<string, TensorSpec>>): Pattern<TensorFormat> {
  if (specs === undefined) return build('tensors()', 'tensor', {}) as Pattern<TensorFormat>;
  const problem = tensorsProblem('tensors', specs);
  if (problem !== undefined) throw argumentError('tensors()', problem);
  for (const [name, spec] of Object.entries(specs)) {
    assertKnownKeys(`tensors(): ${name}`, spec, ['dtype', 'shape', 'variable', 'strides']);
  }
  return build('tensors()', 'tensor', { tensors: specs }) as TensorFormat;
}

/**
 * Blocks of interleaved samples, `[samples, channels]` in memory. A block may be shorter than
 * `maxSamples`.
 */
export function audio(format: Omit<AudioFormat, 'kind'>): AudioFormat;
export function audio(format?: Partial<Omit<AudioFormat, 'kind'>>): Pattern<AudioFormat>;
export function audio(format: Partial<Omit<AudioFormat, 'kind'>> = {}): Pattern<AudioFormat> {
  return build('audio()', 'audio', format) as Pattern<AudioFormat>;
}

/** UTF-8 text. */
export function text(): TextFormat {
  return build('text()', 'text', {}) as TextFormat;
}

/** Bytes as they are. A subscriber without a media type takes any. */
export function bytes(mediaType?: string): BytesFormat {
  return build('bytes()', 'bytes', { mediaType }) as BytesFormat;
}

/**
 * JSON values, checked by `schema` where one is given: a Standard Schema v1 validator (Zod,
 * Valibot, ArkType ...) that answers synchronously. It runs in the process that gave it.
 */
export function json<T>(schema?: StandardSchema<T>): JsonFormat<T> {
  return build('json()', 'json', { schema }) as JsonFormat<T>;
}

/**
 * Encoded video or audio, one access unit a message; without an argument any codec, for a
 * subscriber.
 */
export function packets(format: Pick<PacketFormat, 'codec'>): PacketFormat;
export function packets(): Pattern<PacketFormat>;
export function packets(format: Partial<Pick<PacketFormat, 'codec'>> = {}): Pattern<PacketFormat> {
  return build('packets()', 'packet', format) as Pattern<PacketFormat>;
}

/**
 * A publisher's format, from a noun function or written by hand, checked and frozen.
 * @throws TypeError or RangeError when it is not complete or not valid.
 */
export function completeFormat(value: unknown): Format {
  const problem = formatProblem('format', value, false);
  if (problem !== undefined) throw argumentError('openPublisher()', problem);
  return freezeFormat(value as Format, true);
}

/**
 * A subscriber's format or pattern, from a noun function or written by hand, checked and frozen.
 * @throws TypeError or RangeError when it is not valid.
 */
export function formatPattern(value: unknown): FormatPattern {
  const problem = formatProblem('format', value, true);
  if (problem !== undefined) throw argumentError('openSubscriber()', problem);
  return freezeFormat(value as FormatPattern, true);
}

/** Whether a pattern leaves nothing open. */
export function isCompleteFormat(pattern: FormatPattern): pattern is Format {
  return isComplete(pattern);
}

function build(attempt: string, kind: Format['kind'], fields: object): FormatPattern {
  if (typeof fields !== 'object' || fields === null) {
    throw new TypeError(`${attempt} takes an object, got ${describe(fields)}`);
  }
  const { required, optional } = FORMAT_FIELDS[kind];
  assertKnownKeys(attempt, fields, ['kind', ...required, ...optional]);
  const candidate = { ...fields, kind };
  const problem = formatProblem('format', candidate, true);
  if (problem !== undefined) {
    throw argumentError(attempt, { ...problem, path: problem.path.replace('format.', '') });
  }
  return freezeFormat(candidate as FormatPattern, true);
}
