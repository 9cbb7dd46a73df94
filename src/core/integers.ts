/**
 * 64-bit integers as pairs of 32-bit words, without BigInt.
 *
 * A JavaScript number holds integers exactly up to 2^53: 104 days of nanoseconds, 285 years of frames at one a
 * microsecond. Shared memory holds little-endian 64-bit words; these helpers cross that border.
 */
const TWO_32 = 4294967296;

/** Unsigned distance from `from` to `to` on the circle of 32-bit words. */
export function distance32(to: number, from: number): number {
  return (to - from) >>> 0;
}

/** The high word of an integer, signed; `lowWord` is its counterpart. Exact for |value| ≤ 2^53. */
export function highWord(value: number): number {
  return Math.floor(value / TWO_32) | 0;
}

/** The low word of an integer as an unsigned number. */
export function lowWord(value: number): number {
  return value >>> 0;
}

/** A signed 64-bit integer from its words: exact for |value| ≤ 2^53, else the nearest double. */
export function joinSigned(low: number, high: number): number {
  return (high | 0) * TWO_32 + (low >>> 0);
}

/** An unsigned 64-bit integer from its words: exact up to 2^53, else the nearest double. */
export function joinUnsigned(low: number, high: number): number {
  return (high >>> 0) * TWO_32 + (low >>> 0);
}

export function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value <= 2 ** 31 && (value & (value - 1)) === 0;
}

/** The smallest power of two that is at least `value` (1 ≤ value ≤ 2^31). */
export function nextPowerOfTwo(value: number): number {
  let power = 1;
  while (power < value) power *= 2;
  return power;
}

/** `value` rounded up to a multiple of `alignment`. */
export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
