/**
 * 16-bit floats by their bits: Node 20 has neither Float16Array nor any bfloat16.
 *
 * ```text
 *        sign  exponent  fraction
 * f16    1     5         10        IEEE 754 binary16
 * bf16   1     8         7         the upper half of binary32
 * f32    1     8         23        IEEE 754 binary32
 * ```
 *
 * Narrowing rounds to nearest, ties to even; what is too large becomes infinity. A NaN stays a NaN
 * with its sign and the upper bits of its payload, and becomes quiet. The work is done on bit
 * patterns throughout: a NaN that passes through a JavaScript number may lose its payload.
 */
import type { ReadonlyTypedArray } from '../core/index.js';

/** The element types of 16 bits: IEEE 754 binary16, and the upper half of a binary32. */
export type HalfFloat = 'f16' | 'bf16';

const F16_INFINITY = 0x7c00;
const F32_INFINITY = 0x7f800000;
/** Bits of 65520: from here on the nearest f16 is infinity. */
const F16_OVERFLOW = 0x477ff000;
/** Bits of 2^-14, the smallest normal f16. */
const F16_SMALLEST_NORMAL = 0x38800000;

/** The bits of the f32 equal to the f16 with these bits. Exact. */
export function f16ToF32Bits(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >>> 10) & 0x1f;
  let fraction = bits & 0x3ff;
  if (exponent === 0x1f) return (sign | F32_INFINITY | (fraction << 13)) >>> 0;
  if (exponent !== 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  // A subnormal f16 is a normal f32: shift the leading one to where it is implied.
  const shift = Math.clz32(fraction) - 21;
  fraction = (fraction << shift) & 0x3ff;
  return (sign | ((113 - shift) << 23) | (fraction << 13)) >>> 0;
}

/** The bits of the f16 nearest to the f32 with these bits, ties to even. */
export function f32ToF16Bits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > F32_INFINITY) {
    return sign | F16_INFINITY | 0x200 | ((magnitude >>> 13) & 0x3ff);
  }
  if (magnitude >= F16_OVERFLOW) return sign | F16_INFINITY;
  if (magnitude >= F16_SMALLEST_NORMAL) {
    // A carry out of the fraction rightly raises the exponent, so one addition rounds both.
    return sign | ((magnitude - (112 << 23) + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  }
  const exponent = magnitude >>> 23;
  const shift = 126 - exponent;
  // Below 2^-25 (shift 25 and more) everything rounds to zero.
  if (shift > 24) return sign;
  const significand = (magnitude & 0x7fffff) | 0x800000;
  const half = 1 << (shift - 1);
  const odd = (significand >>> shift) & 1;
  return sign | ((significand + half - 1 + odd) >>> shift);
}

/** The bits of the f32 equal to the bf16 with these bits. Exact. */
export function bf16ToF32Bits(bits: number): number {
  return (bits << 16) >>> 0;
}

/** The bits of the bf16 nearest to the f32 with these bits, ties to even. */
export function f32ToBf16Bits(bits: number): number {
  if ((bits & 0x7fffffff) > F32_INFINITY) return (bits >>> 16) | 0x40;
  return ((bits >>> 0) + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function sameLength(
  source: ArrayBufferView & { length: number },
  target: { length: number },
): void {
  if (source.length !== target.length) {
    throw new RangeError(`target must have ${source.length} elements, has ${target.length}`);
  }
}

function f32Bits(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/**
 * Widens 16-bit floats. Exact; this is a copy.
 * @param target as many elements as `source`; a new array when left out.
 */
export function toFloat32(
  dtype: HalfFloat,
  source: ReadonlyTypedArray<Uint16Array>,
  target: Float32Array = new Float32Array(source.length),
): Float32Array {
  sameLength(source, target);
  const convert = dtype === 'f16' ? f16ToF32Bits : bf16ToF32Bits;
  const bits = f32Bits(target);
  for (let index = 0; index < bits.length; index++) bits[index] = convert(source[index]!);
  return target;
}

/**
 * Narrows to 16-bit floats, rounding to nearest, ties to even; this is a copy.
 * @param target as many elements as `source`; a new array when left out.
 */
export function fromFloat32(
  dtype: HalfFloat,
  source: Float32Array,
  target: Uint16Array = new Uint16Array(source.length),
): Uint16Array {
  sameLength(source, target);
  const convert = dtype === 'f16' ? f32ToF16Bits : f32ToBf16Bits;
  const bits = f32Bits(source);
  for (let index = 0; index < bits.length; index++) target[index] = convert(bits[index]!);
  return target;
}
