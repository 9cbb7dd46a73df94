/** Tensors that pictures are converted to: what a detector takes. */
import { f32ToBf16Bits, f32ToF16Bits, type TensorSpec } from '../tensor/index.js';

export const TENSOR_COLORS = Object.freeze(['rgb', 'bgr', 'gray'] as const);
export const TENSOR_LAYOUTS = Object.freeze(['chw', 'hwc'] as const);
export const TENSOR_DTYPES = Object.freeze(['u8', 'f16', 'bf16', 'f32'] as const);

/** A picture as a tensor: one channel a colour, 8 bits of precision, full range. */
export interface TensorTarget {
  readonly width: number;
  readonly height: number;
  /** Which channels, in which order. */
  readonly colors: (typeof TENSOR_COLORS)[number];
  /** `chw`: a plane a channel, [C, H, W]. `hwc`: a pixel after the other, [H, W, C]. */
  readonly layout: (typeof TENSOR_LAYOUTS)[number];
  /** `u8` holds 0 to 255; the others (value / 255 - mean) / std. */
  readonly dtype: (typeof TENSOR_DTYPES)[number];
  /** A number a channel, in the order of the channels, or one for all. Default 0. */
  readonly mean?: readonly number[];
  /** As `mean`. Default 1. */
  readonly std?: readonly number[];
}

/** What each of the 256 values of a channel becomes. */
export type ValueTable = Uint16Array | Float32Array;

export function channelCount({ colors }: Pick<TensorTarget, 'colors'>): number {
  return colors === 'gray' ? 1 : 3;
}

/** The tensor of one picture, or of a batch with its number of pictures in front. */
export function tensorSpec(target: TensorTarget, batch?: number): TensorSpec {
  const { width, height, layout, dtype } = target;
  const channels = channelCount(target);
  const shape = layout === 'chw' ? [channels, height, width] : [height, width, channels];
  return { dtype, shape: batch === undefined ? shape : [batch, ...shape] };
}

/** Throws `TypeError` or `RangeError` for a mean or std that does not go with the target. */
export function checkNormalization(target: TensorTarget): void {
  for (const name of ['mean', 'std'] as const) {
    const values = target[name];
    if (values === undefined) continue;
    if (target.dtype === 'u8') {
      throw new TypeError(`${name} is given, but u8 holds 0 to 255 as they are; take f32 or f16`);
    }
    const channels = channelCount(target);
    if (values.length !== 1 && values.length !== channels) {
      throw new RangeError(`${name} must have 1 or ${channels} numbers, got ${values.length}`);
    }
    const wrong = values.find((value) => !Number.isFinite(value) || (name === 'std' && value <= 0));
    if (wrong === undefined) continue;
    const range = name === 'std' ? 'finite and above 0' : 'finite';
    throw new RangeError(`${name} must be ${range}, got ${wrong}`);
  }
}

/**
 * The table of a channel; undefined where values stay what they are. The numbers are made once in
 * double precision and rounded to the element type: the same on the processor and on a GPU.
 */
export function valueTable(target: TensorTarget, channel: number): ValueTable | undefined {
  const { dtype, mean = [0], std = [1] } = target;
  if (dtype === 'u8') return undefined;
  const of = (values: readonly number[]): number => values[values.length === 1 ? 0 : channel]!;
  const floats = new Float32Array(256);
  for (let value = 0; value < 256; value++) floats[value] = (value / 255 - of(mean)) / of(std);
  if (dtype === 'f32') return floats;
  const narrow = dtype === 'f16' ? f32ToF16Bits : f32ToBf16Bits;
  return Uint16Array.from(new Uint32Array(floats.buffer), narrow);
}
